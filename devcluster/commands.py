"""The commands of `python -m devcluster`, which the Makefile's targets call."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from configuration import settings
from devcluster import home
from devcluster.client import DevCluster, NotRunning, Refused, StartFailed
from devcluster.guardian import run_guarded
from devcluster.log import MergedLog
from devcluster.plan import Plan, PlanConflict, Shape, load_or_make

PARTS = ("redis", "ceph", "salt", "calamari")
ACTIONS = {
    "kill": "SIGKILL a program or a node's programs; they stay down",
    "pause": "freeze them (SIGSTOP)",
    "resume": "let them go on",
    "stop": "stop them in order; they stay down",
    "start": "start what was stopped or killed",
}
FAILURES = (
    NotRunning,
    Refused,
    StartFailed,
    PlanConflict,
    home.HomeInUse,
    home.ForeignFolder,
    TimeoutError,
    ProcessLookupError,
    ValueError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings()
    except ValidationError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        code: int = options.run(options)
    except FAILURES as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("run", _run, "start everything in the foreground; Ctrl-C stops it"),
        ("up", _up, "start everything in the background; return when it serves"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=function)
        _add_shape(command)
    run = commands.choices["run"]
    run.add_argument("--parent", type=int, help="end when this process does")
    run.add_argument("--quiet", action="store_true", help="log to files only")
    commands.add_parser("down", help="stop everything").set_defaults(run=_down)
    commands.add_parser("status", help="show every process and daemon").set_defaults(run=_status)
    commands.add_parser("logs", help="follow the merged log").set_defaults(run=_logs)
    for action, text in ACTIONS.items():
        command = commands.add_parser(action, help=text)
        command.set_defaults(run=_act, action=action)
        command.add_argument(
            "name", help="such as osd.1, mon.a, minion.node1, salt-master, worker, or node2 for all of it"
        )
    return parser


def _add_shape(command: argparse.ArgumentParser) -> None:
    command.add_argument("--nodes", type=int, metavar="N", help="nodes (3)")
    command.add_argument("--osds-per-node", type=int, metavar="N", help="OSDs on each node (1)")
    command.add_argument(
        "--mons", type=int, metavar="N", help="monitors, at most one per node (3, or as many as nodes)"
    )
    command.add_argument("--only", metavar="PARTS", help=f"only some of {','.join(PARTS)}")


def _run(options: argparse.Namespace) -> int:
    plan = _plan(options)
    parts = _parts(options)
    # Held by guardian and supervisor alike: it is free again only when both are gone.
    with home.lock(settings()):
        return run_guarded(lambda guardian_died: _supervise(plan, parts, options.quiet, guardian_died), options.parent)


def _supervise(plan: Plan, parts: Sequence[str], quiet: bool, guardian_died: int) -> int:
    # Heavy imports (Salt, httpx) that the other commands do without.
    import asyncio  # noqa: PLC0415

    from devcluster.run import supervise  # noqa: PLC0415

    log = MergedLog(home.log_folder(settings()), None if quiet else sys.stdout)
    return asyncio.run(supervise(settings(), plan, parts, log, guardian_died))


def _up(options: argparse.Namespace) -> int:
    cluster = DevCluster()
    if cluster.is_running():
        print(f"already running in {settings().home}")
        return _status(options)
    started = time.monotonic()
    given = {"nodes": options.nodes, "osds-per-node": options.osds_per_node, "mons": options.mons, "only": options.only}
    passed_on = [f"--{name}={value}" for name, value in given.items() if value is not None]
    status = cluster.up(*passed_on, report=lambda line: print(f"  {line}", flush=True))
    print(f"up after {time.monotonic() - started:.1f} s")
    if status["url"]:
        from devcluster import calamari  # noqa: PLC0415  (imports httpx, which the other commands do without)

        print("\n".join(calamari.greeting(settings())))
    return 0


def _down(_options: argparse.Namespace) -> int:
    print("stopped" if DevCluster().down() else f"nothing is running in {settings().home}")
    return 0


def _status(_options: argparse.Namespace) -> int:
    status = DevCluster().status()
    print(f"home {status['home']}   fsid {status['fsid']}   {'serving' if status['ready'] else 'starting'}")
    if status["url"]:
        print(f"url  {status['url']}")
    print(f"{'NAME':<14} {'NODE':<8} {'PID':>8} {'STATE':<11} {'RESTARTS':>8}  SINCE")
    for name in ("guardian", "supervisor"):
        print(f"{name:<14} {'':<8} {status[name]:>8} running")
    for row in sorted(status["programs"], key=lambda row: (row["node"] or "", row["name"])):
        print(_status_line(row))
    return 0


def _status_line(row: dict[str, Any]) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(row["since"]))
    node, pid = row["node"] or "", row["pid"] or "-"
    return f"{row['name']:<14} {node:<8} {pid:>8} {row['state']:<11} {row['restarts']:>8}  {since}"


def _logs(_options: argparse.Namespace) -> int:
    log = home.merged_log(settings())
    if not log.exists():
        raise NotRunning(f"there is no log in {log.parent}")
    # tail follows the file's name, also when the log was rotated.
    os.execvp("tail", ["tail", "-n", "100", "-F", str(log)])  # noqa: S606


def _act(options: argparse.Namespace) -> int:
    actions = DevCluster()
    answer = getattr(actions, options.action)(options.name)
    for row in answer["programs"]:
        print(_status_line(row))
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    given = (options.nodes, options.osds_per_node, options.mons)
    if all(value is None for value in given):
        shape = None
    else:
        default = Shape()
        nodes = default.nodes if options.nodes is None else options.nodes
        osds = default.osds_per_node if options.osds_per_node is None else options.osds_per_node
        mons = min(default.mons, nodes) if options.mons is None else options.mons
        shape = Shape(nodes, osds, mons)
    return load_or_make(settings().home / "devcluster" / "plan.json", shape)


def _parts(options: argparse.Namespace) -> list[str]:
    if options.only is None:
        return list(PARTS)
    parts = [part.strip() for part in options.only.split(",")]
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return parts
