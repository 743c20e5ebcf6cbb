"""Registration of the models with Django."""

from django.apps import AppConfig


class PersistenceConfig(AppConfig):
    """The tables of cthulhu."""

    name = "cthulhu.persistence"
    label = "persistence"
    default_auto_field = "django.db.models.BigAutoField"
