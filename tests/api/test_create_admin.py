"""`manage.py create_admin`: whatever is there already, afterwards the administrator can log in."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from knox.models import AuthToken
from pydantic import SecretStr

from accounts.management.commands import create_admin
from accounts.models import Role, User
from configuration import Settings

pytestmark = pytest.mark.django_db


class Start:
    """Starts the command as an installation of its own would."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = home / "admin-password"
        self._home, self._monkeypatch = home, monkeypatch

    def __call__(self, password: str | None = None) -> str:
        given = Settings(home=self._home, admin_password=SecretStr(password) if password else None)
        self._monkeypatch.setattr(create_admin, "settings", lambda: given)
        output = StringIO()
        call_command("create_admin", stdout=output)
        return output.getvalue()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    return Start(tmp_path, monkeypatch)


def admin() -> User:
    return User.objects.get(username="admin")


def test_generates_a_password_and_keeps_it_private(start: Start) -> None:
    start()
    password = start.file.read_text().strip()
    assert len(password) >= 16
    assert start.file.stat().st_mode & 0o777 == 0o600
    assert admin().check_password(password)
    assert (admin().role, admin().is_active) == (Role.ADMINISTRATOR, True)


def test_never_shows_it(start: Start) -> None:
    output = start()
    assert start.file.read_text().strip() not in output
    assert "hunter2hunter2" not in start("hunter2hunter2")


def test_again_changes_nothing(start: Start) -> None:
    start()
    before = (start.file.read_text(), admin().password)
    assert start() == ""
    assert (start.file.read_text(), admin().password) == before


def test_a_given_password_is_not_kept_in_a_file(start: Start) -> None:
    start("hunter2hunter2")
    assert admin().check_password("hunter2hunter2")
    assert not start.file.exists()
    start()
    assert admin().check_password("hunter2hunter2")


def test_another_given_password_replaces_the_old_one_and_its_tokens(start: Start) -> None:
    start()
    AuthToken.objects.create(admin())
    User.objects.update(is_active=False, role=Role.READONLY)
    start("hunter2hunter2")
    assert admin().check_password("hunter2hunter2")
    assert (admin().role, admin().is_active) == (Role.ADMINISTRATOR, True)
    assert not AuthToken.objects.exists()
    assert not start.file.exists(), "a file with a password that is not valid any more"


def test_the_same_given_password_keeps_tokens(start: Start) -> None:
    start("hunter2hunter2")
    AuthToken.objects.create(admin())
    start("hunter2hunter2")
    assert AuthToken.objects.exists()


def test_a_kept_password_outlives_the_database(start: Start) -> None:
    start()
    password = start.file.read_text().strip()
    User.objects.all().delete()
    start()
    assert admin().check_password(password)
