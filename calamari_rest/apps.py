"""Registration with Django."""

from django.apps import AppConfig


class CalamariRestConfig(AppConfig):
    """The HTTP edge; it has no models."""

    name = "calamari_rest"
