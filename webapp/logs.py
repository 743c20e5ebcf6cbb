"""How every process of the installation logs: one line per event on stderr, JSON, or colored for a terminal.

cthulhu, the worker and web all load Django's settings and so share this. What is bound to structlog's context (the
correlation id above all) appears in the lines of foreign libraries, too.

Our own events do not pass through the standard library's logging: importing Salt replaces its classes of loggers and
records by ones that drop what structlog attaches to a record.
"""

import logging
import sys
from typing import Any

import structlog


class StderrLogger(structlog.WriteLogger):
    """Writes whole lines to what is stderr at that moment."""

    def __init__(self, name: str = "calamari") -> None:
        super().__init__(sys.stderr)
        self.name = name


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
    ]


def _renderers() -> list[Any]:
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


def configure_structlog(level: str) -> None:
    """Configure our own logging, from `level` (such as INFO) upwards."""
    structlog.configure(
        processors=[*_shared_processors(), *_renderers()],
        logger_factory=StderrLogger,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )


def logging_configuration(level: str) -> dict[str, Any]:
    """Return the dictConfig of the standard library's logging, so that foreign libraries' lines look like ours."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared_processors(),
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers()],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            # Each request is logged once, by the edge's own middleware with its correlation id; so are its errors.
            "uvicorn.access": {"handlers": [], "propagate": False},
            "django.request": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }
