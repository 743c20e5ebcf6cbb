"""Calamari's own processes, what must be done before they start, and when they count as serving.

The commands are those of a deployment; only the addresses and folders are the development home's.
"""

import asyncio
import sys
import time
from pathlib import Path

import httpx

from configuration import Settings
from devcluster.children import Children
from devcluster.environment import of_calamari
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
    celery = [*module, "celery", "-A", "webapp", "worker", "--beat", "--concurrency", str(WORKER_PROCESSES)]
    celery += ["--loglevel", settings.log_level, "--without-gossip", "--without-mingle"]
    uvicorn = [*module, "uvicorn", "webapp.asgi:application", "--host", settings.host, "--port", str(settings.port)]
    uvicorn += ["--workers", str(WEB_WORKERS), "--no-access-log", "--timeout-graceful-shutdown", str(WEB_GRACE)]
    return {
        "cthulhu": Program(
            "cthulhu", [PYTHON, "manage.py", "cthulhu"], environment, stale=(settings.rpc_socket,), stop_timeout=10.0
        ),
        "worker": Program("worker", celery, environment, stale=(canary(settings),), stop_timeout=15.0),
        "web": Program("web", uvicorn, environment, stop_timeout=WEB_GRACE + 5.0),
    }


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


async def wait_until_serving(settings: Settings, fsid: str | None, timeout: float) -> float:
    """Return the seconds it took until the API was ready and, given its fsid, listed the cluster.

    Raises:
        TimeoutError: it did not come that far; the message says how far.
    """
    started = time.monotonic()
    found = "nothing answers"
    async with httpx.AsyncClient(base_url=url(settings), timeout=10, trust_env=False) as client:
        while time.monotonic() - started < timeout:
            try:
                found = await _state(client, settings, fsid)
            except httpx.HTTPError as error:
                found = f"{type(error).__name__} {error}"
            if not found:
                return time.monotonic() - started
            await asyncio.sleep(0.2)
    raise TimeoutError(f"{url(settings)} is not ready: {found}")


async def _state(client: httpx.AsyncClient, settings: Settings, fsid: str | None) -> str:
    """Return what is missing, "" when nothing is."""
    ready = await client.get("readyz")
    if ready.status_code != httpx.codes.OK:
        return f"readyz answers {ready.status_code} {ready.text[:300]}"
    if fsid is None:
        return ""
    token = await client.post(
        "api/v2/auth/token", json={"username": ADMIN, "password": admin_password(settings) or ""}
    )
    if token.status_code != httpx.codes.OK:
        return f"auth/token answers {token.status_code} {token.text[:300]}"
    authorization = {"Authorization": f"Token {token.json()['token']}"}
    clusters = await client.get("api/v2/cluster", headers=authorization)
    if clusters.status_code != httpx.codes.OK:
        return f"cluster answers {clusters.status_code} {clusters.text[:300]}"
    await client.post("api/v2/auth/logout", headers=authorization)
    listed = [cluster["id"] for cluster in clusters.json() if cluster.get("connected", True)]
    return "" if fsid in listed else "the cluster is not listed yet"
