"""What a deployment can choose, read once from the environment and an optional TOML file.

web, cthulhu, the worker and the development cluster all read `settings()`; nothing else in the project looks at
environment variables. Every variable carries the prefix `CALAMARI_`, except `DATABASE_URL` and `REDIS_URL`, whose
bare names are what hosting environments set.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from pydantic import AliasChoices, Field, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# A Unix socket's path holds at most 107 bytes (unix(7)); this leaves room for the longest name put below run_dir.
LONGEST_SOCKET_FOLDER = 60


class Settings(BaseSettings):
    """Settings of one Calamari installation. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="CALAMARI_", extra="ignore", validate_default=True)

    home: Path = Field(default=PROJECT_ROOT / "var", description="Folder that holds all state.")
    host: str = Field(default="127.0.0.1", description="Address the web server listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port the web server listens on.")
    allowed_hosts: list[str] = Field(
        default=["localhost", "127.0.0.1", "[::1]"], description="Names and addresses the web server answers to."
    )
    admin_password: SecretStr | None = Field(default=None, description="Password of the user admin at first start.")
    debug: bool = Field(default=False, description="Django's debug mode; never outside development.")
    secure_cookies: bool = Field(default=False, description="Send cookies over TLS only.")
    log_level: str = Field(default="INFO", description="Lowest level that is logged.")

    database_url: str = Field(default="", validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    redis_url: str = Field(default="", validation_alias=AliasChoices("REDIS_URL", "redis_url"))

    salt_configuration: Path | None = Field(default=None, description="Folder of the Salt master's configuration.")

    heartbeat_period: PositiveFloat = Field(default=1.0, description="How often a node's watcher says it is there.")
    contact_timeout: PositiveFloat = Field(
        default=3.0, description="Silence after which a cluster, a node or cthulhu counts as out of contact."
    )
    favorite_timeout: PositiveFloat = Field(
        default=6.0, description="Silence after which another node does the reading; a busy one keeps it until then."
    )
    watch_lease: PositiveFloat = Field(default=15.0, description="How long a node may push maps without a renewal.")
    step_deadline: PositiveFloat = Field(
        default=20.0, description="A step that has not started on its node by then is refused there."
    )
    map_timeout: PositiveFloat = Field(default=60.0, description="Longest wait for a map to show an accepted change.")
    verify_timeout: PositiveFloat = Field(
        default=60.0, description="Longest time spent finding out what became of a step after contact was lost."
    )
    clock_tolerance: PositiveFloat = Field(default=5.0, description="Largest difference between two hosts' clocks.")
    event_retention_days: PositiveInt = Field(default=90, description="Age at which events are deleted.")
    request_retention_days: PositiveInt = Field(default=90, description="Age at which completed requests are deleted.")
    stream_length: PositiveInt = Field(default=10_000, description="Notices kept for clients that reconnect.")
    largest_map: PositiveInt = Field(default=256 * 2**20, description="Largest accepted cluster map, in bytes.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (pydantic passes all sources)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file named by CALAMARI_CONFIG."""
        file = os.environ.get("CALAMARI_CONFIG")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file))

    @model_validator(mode="after")
    def fill_in_what_follows_from_home(self) -> "Settings":
        """Derive the database, Redis and Salt locations that were not given from `home`."""
        self.home = self.home.expanduser().absolute()
        if not self.database_url:
            self.database_url = f"sqlite:///{self.home / 'calamari.sqlite3'}"
        if not self.redis_url:
            self.redis_url = f"unix://{self.run_dir / 'redis.sock'}"
        if self.salt_configuration is None:
            self.salt_configuration = self.home / "salt" / "master"
        return self

    @property
    def run_dir(self) -> Path:
        """Folder of sockets and pid files: `home/run`, or a short stand-in where that path is too long for a socket."""
        inside = self.home / "run"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path("/tmp") / f"calamari-{os.getuid()}-{digest}"  # noqa: S108  (created with mode 0700 by the starter)

    @property
    def rpc_socket(self) -> Path:
        """Unix socket on which cthulhu answers JSON-RPC."""
        return self.run_dir / "cthulhu.sock"

    @property
    def version_vector(self) -> Path:
        """File, shared through the page cache, in which cthulhu publishes the versions of all maps."""
        return self.run_dir / "versions"

    @property
    def celery_broker_url(self) -> str:
        """The Redis URL in the form that Celery's transport understands."""
        if self.redis_url.startswith("unix://"):
            return "redis+socket://" + self.redis_url.removeprefix("unix://")
        return self.redis_url


@cache
def settings() -> Settings:
    """Return the settings of this process, read at the first call.

    Raises:
        pydantic.ValidationError: a value is missing or malformed; the message names it.
    """
    return Settings()
