"""The supervisor: brings everything up in order, keeps it up, breaks it on demand, and takes it down in order.

`run` drives it in one event loop; `control` carries the commands of `client` to it.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from configuration import Settings
from cthulhu.remote.salt.keys import KeyRefused
from devcluster import calamari, home, redis
from devcluster.ceph import CephCluster, PortTaken
from devcluster.children import Children, CommandFailed
from devcluster.log import MergedLog
from devcluster.plan import Plan, is_free
from devcluster.program import Program, State, Supervised
from devcluster.salt import KeyNotOffered, SaltCluster

PARTS = ("redis", "ceph", "salt", "calamari")
# What goes down first depends on what goes down last.
STOP_ORDER = (("web", "worker", "cthulhu"), ("minion.", "salt-master"), ("osd.", "mgr."), ("mon.", "redis"))
CANARY_PERIOD, CANARY_TIMEOUT = 2.0, 30.0
SERVING_TIMEOUT = 120.0
START_FAILURES = (CommandFailed, PortTaken, KeyNotOffered, KeyRefused, TimeoutError, OSError)


class NoSuchProgram(Exception):
    """No program or node has that name."""


class Supervisor:
    """All programs of one home.

    Invariants: a program that is in the table is started, stopped and broken through it alone; `ready` is set once
    everything that was asked for serves.
    """

    def __init__(self, settings: Settings, plan: Plan, parts: Iterable[str], log: MergedLog) -> None:
        self._settings = settings
        self._plan = plan
        self._parts = frozenset(parts)
        self._log = log
        self._children = Children(home.children_record(settings))
        self._ceph = CephCluster.of(settings, plan, self._children)
        self._salt = SaltCluster(settings, plan)
        self._table: dict[str, Supervised] = {}
        self._started = time.monotonic()
        self.progress: list[str] = []
        self.ready = False
        self.stopping = asyncio.Event()

    async def bring_up(self) -> None:
        """Start everything in order.

        Raises:
            one of START_FAILURES: something did not come up; what was started still runs.
        """
        if "redis" in self._parts and redis.is_ours(self._settings):
            self._run([redis.program(self._settings)])
        async with asyncio.TaskGroup() as group:
            if "ceph" in self._parts:
                group.create_task(self._bring_up_ceph())
            if "salt" in self._parts:
                group.create_task(self._bring_up_salt())
            if "calamari" in self._parts:
                self._check_port()
                group.create_task(self._bring_up_calamari())
        if "calamari" in self._parts:
            plan = self._plan if "ceph" in self._parts else None
            await calamari.wait_until_serving(self._settings, plan, SERVING_TIMEOUT)
            for line in calamari.greeting(self._settings):
                self._log.tell_person(line)
        self.ready = True
        self._say_progress("everything is up")

    async def take_down(self) -> None:
        """Stop everything in order; return when nothing is left."""
        for prefixes in STOP_ORDER:
            going = [entry for name, entry in self._table.items() if name.startswith(prefixes)]
            await asyncio.gather(*(entry.stop() for entry in going))

    async def watch_worker(self) -> None:
        """Restart a worker that runs but has stopped consuming, a known failure after an outage of the broker."""
        canary = calamari.canary(self._settings)
        while True:
            await asyncio.sleep(CANARY_PERIOD)
            worker = self._table.get("worker")
            if worker is None or worker.state is not State.RUNNING or not canary.exists():
                continue
            silent = time.time() - max(canary.stat().st_mtime, worker.since)
            if silent > CANARY_TIMEOUT:
                await worker.restart(f"it has consumed nothing for {silent:.0f} s")

    def status(self) -> dict[str, Any]:
        """Return everything `status` shows, as JSON."""
        return {
            "ready": self.ready,
            "progress": self.progress,
            "home": str(self._settings.home),
            "url": calamari.url(self._settings) if "calamari" in self._parts else None,
            "fsid": self._plan.fsid,
            "guardian": os.getppid(),
            "supervisor": os.getpid(),
            "programs": [entry.row() for entry in self._table.values()],
        }

    async def act(self, action: str, name: str) -> dict[str, Any]:
        """Break or mend a program, or all programs of a node; return their rows.

        Raises:
            NoSuchProgram: see there.
            ValueError: no such action, or it does not fit the program's state.
        """
        entries = self._find(name)
        actions: dict[str, Callable[[Supervised], Awaitable[None] | None]] = {
            "kill": Supervised.kill,
            "pause": Supervised.pause,
            "resume": Supervised.resume,
            "stop": Supervised.stop,
            "start": Supervised.start,
        }
        if action not in actions:
            raise ValueError(f"no such action: {action}")
        self._log.say(f"{action} {', '.join(entry.program.name for entry in entries)}")
        running = [outcome for entry in entries if (outcome := actions[action](entry)) is not None]
        await asyncio.gather(*running)
        return {"programs": [entry.row() for entry in entries]}

    def _find(self, name: str) -> list[Supervised]:
        # A node's minion is known by both orders of its two words.
        node, _, kind = name.partition(".")
        wanted = f"minion.{node}" if kind == "minion" else name
        found = [entry for entry in self._table.values() if wanted in {entry.program.name, entry.program.node}]
        if not found:
            known = sorted({*self._table, *(node.name for node in self._plan.nodes)})
            raise NoSuchProgram(f"no program or node {name}; there are {', '.join(known)}")
        return found

    async def _bring_up_ceph(self) -> None:
        await self._ceph.prepare()
        programs = self._ceph.programs()
        self._run(program for name, program in programs.items() if name.startswith("mon."))
        await self._ceph.wait_for_quorum()
        self._say_progress("the monitors have a quorum")
        self._run(program for name, program in programs.items() if name.startswith("mgr."))
        await self._ceph.make_osds()
        self._run(program for name, program in programs.items() if name.startswith("osd."))
        await self._ceph.grant_capabilities()
        await self._ceph.wait_for_osds()
        self._say_progress(f"all {len(self._plan.osds)} OSDs are up")

    async def _bring_up_salt(self) -> None:
        if self._salt.ports_taken:
            raise PortTaken(f"another program listens on the salt-master's ports {self._salt.ports_taken}")
        self._salt.prepare()
        self._run([self._salt.master()])
        self._run(self._salt.minions().values())
        await self._salt.wait_for_master()
        self._say_progress("the salt-master is up")
        await self._salt.accept_keys()
        self._say_progress(f"the keys of {len(self._plan.nodes)} minions are accepted")

    async def _bring_up_calamari(self) -> None:
        for line in (await calamari.prepare(self._settings, self._children)).splitlines():
            self._log.line("prepare", line, line)
        self._say_progress("the database is migrated")
        # Not later: they bear the absence of all others, and take their time to start.
        self._run(calamari.programs(self._settings).values())

    def _check_port(self) -> None:
        if not is_free(self._settings.port):
            raise PortTaken(f"another program listens on port {self._settings.port}; choose another CALAMARI_PORT")

    def _run(self, programs: Iterable[Program]) -> None:
        for program in programs:
            entry = self._table.setdefault(program.name, Supervised(program, self._children, self._log))
            entry.start()

    def _say_progress(self, what: str) -> None:
        self.progress.append(f"{what} ({time.monotonic() - self._started:.1f} s)")
        self._log.say(self.progress[-1])
