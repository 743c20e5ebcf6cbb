"""`manage.py create_admin`: see to it that somebody can log in."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from knox.models import AuthToken

from accounts import admin_password
from accounts.models import Role, User
from configuration import settings

USERNAME = "admin"


class Command(BaseCommand):
    """Safe to run at every start; it changes an existing account only when the settings name another password."""

    help = "Create the administrator, or give it the password of CALAMARI_ADMIN_PASSWORD."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Create or update the account and say which of the two it was, never the password."""
        kept = settings().home / "admin-password"
        given = settings().admin_password
        with transaction.atomic():
            user = User.objects.filter(username=USERNAME).first()
            if user is None:
                password = (
                    given.get_secret_value() if given else admin_password.read(kept) or admin_password.generate(kept)
                )
                User.objects.create_user(USERNAME, password, Role.ADMINISTRATOR)
                self.stdout.write("administrator created")
            elif given and not user.check_password(given.get_secret_value()):
                self._change(user, given.get_secret_value())
        if given:
            self._forget_if_outdated(kept, given.get_secret_value())

    def _change(self, user: User, password: str) -> None:
        user.set_password(password)
        user.role = Role.ADMINISTRATOR
        user.is_active = True
        user.save()
        # Sessions end by themselves (they carry a hash of the password), tokens do not.
        AuthToken.objects.filter(user=user).delete()
        self.stdout.write("administrator's password changed")

    def _forget_if_outdated(self, kept: Path, password: str) -> None:
        if admin_password.read(kept) not in {None, password}:
            kept.unlink()
