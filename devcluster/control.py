"""The supervisor's control socket: one JSON line asks, one JSON line answers.

`client` is at the other end. The socket's folder is closed to other users, which is all the protection it needs: who
may connect could as well send signals.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devcluster.supervisor import NoSuchProgram, Supervisor


@contextlib.asynccontextmanager
async def serve(supervisor: Supervisor, path: Path) -> AsyncIterator[None]:
    """Answer on the Unix socket `path` while the context lasts."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            answer = await _answer(supervisor, json.loads(await reader.readline()))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    # A killed supervisor leaves its socket's file; the home's lock tells that it is gone.
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(on_connection, path)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _answer(supervisor: Supervisor, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the supervisor says, or {"error": why it cannot be done}."""
    action = request.get("action")
    if action == "status":
        return supervisor.status()
    if action == "down":
        supervisor.stopping.set()
        return {}
    try:
        return await supervisor.act(str(action), str(request.get("name")))
    except (NoSuchProgram, ValueError) as error:
        return {"error": str(error)}
