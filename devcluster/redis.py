"""The private Redis: a Unix socket below `run_dir`, no port, nothing written to disk.

It carries only what may be lost at any time, so an empty one after a restart is a case that Calamari must bear anyway.
"""

from configuration import Settings
from devcluster.environment import plain
from devcluster.program import Program

# Debian's redis-tools holds the whole server under this name; the program takes its role from argv[0]. Installing the
# package redis-server instead would start a system service, which is none of our business.
SERVER = "/usr/bin/redis-check-rdb"


def is_ours(settings: Settings) -> bool:
    """Tell whether the Redis that the settings name is the one to be started here."""
    return settings.redis_url == f"unix://{settings.run_dir / 'redis.sock'}"


def program(settings: Settings) -> Program:
    """Return the server's program."""
    socket = settings.run_dir / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(settings.run_dir),
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    arguments = ["redis-server"]
    for option, value in options.items():
        arguments += [f"--{option}", value]
    return Program("redis", arguments, plain(), executable=SERVER, stale=(socket,), stop_timeout=5.0)
