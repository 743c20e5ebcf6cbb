"""`manage.py web`: the web server."""

from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandParser

from configuration import settings

# Streams are endless; they are cut this many seconds after a stop was asked for.
STOP_SECONDS = 3


class Command(BaseCommand):
    """Runs one process of uvicorn; more of them may run beside it on other ports, they agree by the version vector."""

    help = "Run the web server on the configured host and port."

    def add_arguments(self, parser: CommandParser) -> None:
        """Let a second web process use another port."""
        parser.add_argument("--port", type=int, default=settings().port)

    def handle(self, *_args: Any, port: int, **_options: Any) -> None:
        """Serve until a signal comes."""
        uvicorn.run(
            "webapp.asgi:application",
            host=settings().host,
            port=port,
            # Logging is Django's; see webapp.logs.
            log_config=None,
            access_log=False,
            # X-Forwarded-For is only believed where a proxy was configured to set it: throttling goes by the address.
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
