"""Calamari's own processes, what must be done before they start, and when they count as serving.

The commands are those of a deployment; only the addresses and folders are the development home's.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from configuration import Settings
from devcluster.children import Children
from devcluster.environment import of_calamari
from devcluster.plan import Plan
from devcluster.program import Program

PYTHON = sys.executable
WEB_WORKERS = 2
WORKER_PROCESSES = 2
# Slightly longer than a web worker's grace for streams that clients keep open.
WEB_GRACE = 3
ADMIN = "admin"


def programs(settings: Settings) -> dict[str, Program]:
    """Return cthulhu, the worker and the web server by name."""
    environment = of_calamari(settings)
    module = [PYTHON, "-m"]
    celery = [*module, "celery", "-A", "webapp", "--quiet", "worker", "--beat", "--concurrency", str(WORKER_PROCESSES)]
    celery += ["--loglevel", settings.log_level, "--without-gossip", "--without-mingle"]
    # Whoever develops as root, as in a container, knows it.
    worker_environment = environment | {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
    web = [PYTHON, "manage.py", "web", "--workers", str(WEB_WORKERS)]
    cthulhu = [PYTHON, "manage.py", "cthulhu"]
    found = (
        Program("cthulhu", cthulhu, environment, stale=(settings.rpc_socket,), shown=for_people),
        Program("worker", celery, worker_environment, stale=(canary(settings),), stop_timeout=15.0, shown=for_people),
        Program("web", web, environment, stop_timeout=WEB_GRACE + 5.0, shown=for_people),
    )
    return {program.name: program for program in found}


def for_people(line: str) -> str | None:
    """Return a line for the merged log: a log entry, which is JSON, as `level event name=value ...`."""
    try:
        entry = json.loads(line)
        words = [entry.pop("level"), entry.pop("event")]
    except (ValueError, TypeError, KeyError, AttributeError):
        return line or None
    for name in ("timestamp", "logger"):
        entry.pop(name, None)
    # Of a traceback each line stays a line.
    traceback = entry.pop("exception", "")
    text = " ".join([*map(str, words), *(f"{name}={value}" for name, value in entry.items())])
    return f"{text}\n{traceback}" if traceback else text


def canary(settings: Settings) -> Path:
    """Return the file that the task `cthulhu.tasks.canary` touches while the worker really consumes."""
    return settings.run_dir / "worker-canary"


async def prepare(settings: Settings, children: Children) -> str:
    """Migrate the database and see to it that there is an administrator; return what the commands said.

    Raises:
        devcluster.children.CommandFailed: one of them failed.
    """
    environment = of_calamari(settings)
    said = await children.command([PYTHON, "manage.py", "migrate", "--no-input", "-v", "1"], environment, timeout=120)
    if settings.admin_password:
        environment |= {"CALAMARI_ADMIN_PASSWORD": settings.admin_password.get_secret_value()}
    return said + "\n" + await children.command([PYTHON, "manage.py", "create_admin"], environment)


def admin_password(settings: Settings) -> str | None:
    """Return the administrator's password as far as it is known: given, or generated and kept in the home."""
    if settings.admin_password:
        return settings.admin_password.get_secret_value()
    kept = settings.home / "admin-password"
    return kept.read_text().strip() if kept.exists() else None


def url(settings: Settings) -> str:
    """Return where a browser finds Calamari."""
    return f"http://{settings.host}:{settings.port}/"


def greeting(settings: Settings) -> list[str]:
    """Return the lines that tell a person where Calamari is and how to log in."""
    password = "as in CALAMARI_ADMIN_PASSWORD" if settings.admin_password else admin_password(settings) or "not known"
    return [f"Calamari is at {url(settings)}", f"user {ADMIN}, password {password}"]


async def wait_until_serving(settings: Settings, plan: Plan | None, timeout: float) -> None:
    """Return when the API is ready and, given its plan, lists the cluster as connected and its OSDs as up.

    Raises:
        TimeoutError: it did not come that far; the message says how far.
    """
    deadline = time.monotonic() + timeout
    async with httpx.AsyncClient(base_url=url(settings), timeout=10, trust_env=False) as client:
        probe = Probe(client, admin_password(settings), plan)
        missing = "nothing answers"
        while time.monotonic() < deadline:
            try:
                missing = await probe.what_is_missing()
            except httpx.HTTPError as error:
                missing = f"{type(error).__name__} {error}"
            if not missing:
                await probe.end()
                return
            await asyncio.sleep(0.2)
    raise TimeoutError(f"{url(settings)} is not ready: {missing}")


class Probe:
    """A client that logs in once the API is ready, and then looks for the cluster."""

    def __init__(self, client: httpx.AsyncClient, password: str | None, plan: Plan | None) -> None:
        self._client = client
        self._password = password
        self._plan = plan
        self._headers: dict[str, str] = {}

    async def what_is_missing(self) -> str:
        """Return what is not there yet, "" when nothing is missing.

        Raises:
            httpx.HTTPError: nothing answered, or with an error.
        """
        ready = await self._client.get("readyz")
        if ready.status_code != httpx.codes.OK:
            return f"readyz answers {ready.status_code} {ready.text[:300]}"
        # Somebody may have changed the kept password since; that is no reason to refuse service.
        if self._plan is None or self._password is None or not await self._log_in():
            return ""
        clusters = await self._get("cluster")
        if not any(cluster["id"] == self._plan.fsid and cluster["connected"] for cluster in clusters):
            return "the cluster is not connected yet"
        up = [osd for osd in await self._get(f"cluster/{self._plan.fsid}/osd") if osd["up"]]
        return "" if len(up) == len(self._plan.osds) else f"{len(up)} of {len(self._plan.osds)} OSDs are shown as up"

    async def end(self) -> None:
        """Give the token back."""
        if self._headers:
            await self._client.post("api/v2/auth/logout", headers=self._headers)

    async def _get(self, resource: str) -> list[dict[str, Any]]:
        """Return a list of the API.

        Raises:
            httpx.HTTPError: it was not given.
        """
        answer = await self._client.get(f"api/v2/{resource}", headers=self._headers)
        rows: list[dict[str, Any]] = answer.raise_for_status().json()
        return rows

    async def _log_in(self) -> bool:
        """Get a token unless there is one; return whether there is one now."""
        if not self._headers:
            credentials = {"username": ADMIN, "password": self._password}
            answer = await self._client.post("api/v2/auth/token", json=credentials)
            if answer.status_code == httpx.codes.OK:
                self._headers = {"Authorization": f"Token {answer.json()['token']}"}
        return bool(self._headers)
