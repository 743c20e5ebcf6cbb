"""Who may log in, and in which role."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """What an account may do; each role includes those before it.

    Calamari's groups `readonly` and `read/write` are `readonly` and `operator` here; its superusers are administrators.
    """

    READONLY = "readonly", "Reads everything, changes nothing"
    OPERATOR = "operator", "Changes clusters"
    ADMINISTRATOR = "administrator", "Changes clusters and the server itself"


class UserManager(BaseUserManager["User"]):
    """Makes accounts with hashed passwords."""

    def create_user(self, username: str, password: str, role: Role, **fields: Any) -> "User":
        """Store and return a new account."""
        user = self.model(username=self.model.normalize_username(username), role=role, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """An account. An inactive one keeps its rows but is refused everywhere, at once, whatever it presents."""

    username = models.CharField(max_length=150, unique=True, validators=[UnicodeUsernameValidator()])
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.READONLY)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.username
