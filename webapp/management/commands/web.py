"""`manage.py web`: the web server."""

import socket
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandParser
from uvicorn.supervisors import Multiprocess

from configuration import settings

# Streams are endless; they are cut this many seconds after a stop was asked for.
STOP_SECONDS = 3


class Command(BaseCommand):
    """Runs uvicorn; its processes share one socket and agree by the version vector."""

    help = "Run the web server on the configured host and port."

    def add_arguments(self, parser: CommandParser) -> None:
        """Let a second web server use another port."""
        parser.add_argument("--port", type=int, default=settings().port)
        parser.add_argument("--workers", type=int, default=1)

    def handle(self, *_args: Any, port: int, workers: int, **_options: Any) -> None:
        """Serve until a signal comes."""
        config = uvicorn.Config(
            "webapp.asgi:application",
            host=settings().host,
            port=port,
            workers=workers,
            # Logging is Django's; see webapp.logs.
            log_config=None,
            access_log=False,
            # X-Forwarded-For is only believed where a proxy was configured to set it: throttling goes by the address.
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        listener = config.bind_socket()
        # Connections inherit it. asyncio sets it only on sockets it made itself, and without it an answer on a kept
        # connection waits 40 ms for the client's delayed acknowledgment of the headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])
