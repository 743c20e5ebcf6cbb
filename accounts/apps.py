"""Registration of the models with Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The tables of users."""

    name = "accounts"
