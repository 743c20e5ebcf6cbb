"""Registers the start page with Django, and the Celery application with every process that loads Django."""

from django.apps import AppConfig


class WebappConfig(AppConfig):
    """The project itself as an app; it has no models."""

    name = "webapp"

    def ready(self) -> None:
        """Make our Celery application the current one: cthulhu publishes tasks without knowing who configured it."""
        from webapp import celery  # noqa: F401, PLC0415  (needs Django's settings)
