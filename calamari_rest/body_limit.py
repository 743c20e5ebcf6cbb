"""The cap on bodies, outside Django: Django would first store the whole body, however large, in a temporary file."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from calamari_rest.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 2**20


class _TooLarge(Exception):
    """More came than is taken."""


class BodyLimit:
    """ASGI middleware: 413 for bodies over `LARGEST_BODY` bytes, announced or not, before anything keeps them."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > 18 or int(announced) > LARGEST_BODY:  # noqa: PLR2004
            await _refuse(headers, send)
            return
        limited = _Limited(receive, send)
        try:
            await self.application(scope, limited.receive, limited.send)
        except _TooLarge:
            if not limited.answered:
                await _refuse(headers, send)


class _Limited:
    """The two channels of one request, watched."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._received = 0
        self.answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > LARGEST_BODY:
            raise _TooLarge
        return message

    async def send(self, message: Message) -> None:
        self.answered = True
        await self._send(message)


async def _refuse(headers: dict[bytes, bytes], send: Send) -> None:
    problem = Problem(413, "too_large", f"A body may have {LARGEST_BODY} bytes.")
    kind, body = problem.content(headers.get(b"accept", b"").decode("latin-1"))
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [
                (b"content-type", kind.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
