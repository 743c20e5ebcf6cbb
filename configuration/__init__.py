"""One typed settings object for every process; the bottom layer, it imports nothing of the project."""

from configuration.settings import Settings, settings

__all__ = ["Settings", "settings"]
