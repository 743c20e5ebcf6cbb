"""The environments that child processes get: what they need and nothing that leaked in from the starter's."""

import os

from configuration import Settings
from configuration.settings import PROJECT_ROOT

PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TERM", "TMPDIR", "TZ", "USER")
# Ceph's programs lie in sbin folders that a plain user's PATH may lack.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECRETS = ("CALAMARI_ADMIN_PASSWORD",)


def plain() -> dict[str, str]:
    """Return the environment of programs that are not ours."""
    return {"PATH": PATH, **{name: os.environ[name] for name in PASSED_ON if name in os.environ}}


def of_calamari(settings: Settings) -> dict[str, str]:
    """Return the environment of Calamari's processes: the starter's choices, without the administrator's password."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("CALAMARI_") and name not in SECRETS}
    return {
        **plain(),
        **chosen,
        "CALAMARI_HOME": str(settings.home),
        "CALAMARI_PORT": str(settings.port),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONUNBUFFERED": "1",
    }
