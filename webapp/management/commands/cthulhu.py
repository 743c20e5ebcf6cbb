"""`manage.py cthulhu`: the process that watches the clusters and carries out requests."""

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand

from configuration import settings
from cthulhu.monitor.manager import Manager
from cthulhu.monitor.service import Service
from cthulhu.remote.salt.remote import SaltRemote
from cthulhu.rpc.server import serve
from webapp.celery import app as celery_app

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run cthulhu until SIGTERM or SIGINT."""

    help = "Watch the clusters and carry out requests on them, until SIGTERM or SIGINT."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Start all threads, then wait."""
        configuration = settings()
        configuration.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        celery_app.set_default()
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        assert configuration.salt_configuration is not None  # noqa: S101  (filled in by the settings' validator)
        manager = Manager(configuration, SaltRemote(configuration.salt_configuration))
        with serve(Service(manager), configuration.rpc_socket):
            manager.start()
            log.info("cthulhu started", generation=manager.generation)
            stopping.wait()
        manager.stop()
        log.info("cthulhu stopped")
