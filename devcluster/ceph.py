"""The Ceph cluster: its daemons as programs, how it is made at the first start, and when it counts as up.

Follows Ceph's "Manual deployment", with one difference: every key is in the keyring that the monitors are made with, so
nothing needs to be added to a running cluster but the OSDs' ids and the pool.
"""

import asyncio
import json
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from configuration import Settings
from cthulhu.requests.capabilities import read_capabilities, write_capabilities
from devcluster.ceph_configuration import READ_NAME, WRITE_NAME, CephPaths, write_configuration, write_keyrings
from devcluster.children import Children
from devcluster.environment import plain
from devcluster.plan import Node, Plan, is_free
from devcluster.program import Program

POOL = "rbd"
POOL_PGS = 8
# A daemon's log line begins with time, thread and level; errors have level -1.
ERROR_LINE = re.compile(r"\d{4}-\S+ [0-9a-f]+ -1 (?P<text>.*)")
CLUSTER_LOG_LINE = re.compile(r" : cluster \[(?P<level>[A-Z]+)\] (?P<text>.*)")
# Said at level -1 at every healthy start and end of this release.
HARMLESS = (
    "missing NOTIFY_TYPES member",
    "Falling back to public interface",
    "log_to_monitors",
    "waiting for initial osdmap",
    "set_numa_affinity",
    "got status from non-daemon",
    "received  signal: Terminated",
    "Got Signal Terminated",
    "Got signal Terminated",
    "Immediate shutdown",
)


class PortTaken(Exception):
    """Another program listens on a port of this cluster; the message names it."""


@dataclass(frozen=True)
class CephCluster:
    """Makes the cluster described by `plan` and asks it questions; the supervisor runs `programs`."""

    plan: Plan
    paths: CephPaths
    children: Children

    @classmethod
    def of(cls, settings: Settings, plan: Plan, children: Children) -> "CephCluster":
        """Return the cluster in the home of `settings`."""
        return cls(plan, CephPaths.of(settings), children)

    def programs(self) -> dict[str, Program]:
        """Return all daemons by name."""
        return {
            daemon: Program(
                name=daemon,
                arguments=[*self._daemon_arguments(daemon), "-f"],
                environment=_as_node(node),
                node=node.name,
                stale=(self.paths.sockets(node) / f"ceph-{daemon}.asok",),
                shown=for_people,
            )
            for node in self.plan.nodes
            for daemon in node.daemons
        }

    async def prepare(self) -> None:
        """Write the configuration; at the first start also make keys and the monitors' data folders.

        Raises:
            PortTaken: see there.
            CommandFailed: one of Ceph's tools failed.
        """
        taken = [port for pair in self.plan.mon_ports for port in pair if not is_free(port)]
        if taken:
            raise PortTaken(f"another program listens on the monitors' ports {taken}")
        if not self.paths.made.exists():
            shutil.rmtree(self.paths.folder / "data", ignore_errors=True)
        write_configuration(self.plan, self.paths)
        if not self.paths.made.exists():
            write_keyrings(self.plan, self.paths)
            await self._make_mons()

    async def make_osds(self) -> None:
        """At the first start, make the OSDs and the pool. The monitors are running.

        Raises:
            CommandFailed: one of Ceph's tools failed.
        """
        if self.paths.made.exists():
            return
        await asyncio.gather(*(self._make_osd(osd) for osd in self.plan.osds), self._make_pool())
        self.paths.made.touch()

    async def grant_capabilities(self) -> None:
        """Give Calamari's identities what this version of Calamari needs; the cluster may be older."""
        for name, granted in ((READ_NAME, read_capabilities()), (WRITE_NAME, write_capabilities())):
            pairs = [word for pair in granted.items() for word in pair]
            await self.command("auth", "caps", name, *pairs)

    async def wait_for_quorum(self, timeout: float = 60.0) -> None:
        """Return when the monitors answer commands.

        Raises:
            CommandFailed: they did not in time.
        """
        await self.command("quorum_status", timeout=timeout)

    async def wait_for_osds(self, timeout: float = 60.0) -> None:
        """Return when all OSDs are up.

        Raises:
            CommandFailed: they were not in time.
        """

        def all_up(stat: dict[str, Any]) -> bool:
            return bool(stat["num_up_osds"] == len(self.plan.osds))

        await self._wait_for(all_up, ("osd", "stat"), timeout)

    async def command(self, *words: str, timeout: float = 30.0) -> dict[str, Any]:
        """Run a `ceph` command as client.admin and return its JSON answer, {} when it has none.

        Raises:
            CommandFailed: it failed or took longer than `timeout` seconds.
        """
        arguments = ["ceph", "-c", str(self.paths.conf), "--connect-timeout", str(int(timeout)), *words, "-f", "json"]
        output = await self.children.command(arguments, plain(), timeout=timeout + 5)
        # Notices go to standard error, which comes merged: the answer is the line that is JSON.
        for line in reversed(output.splitlines()):
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        return {}

    async def _wait_for(self, holds: Callable[[dict[str, Any]], bool], words: tuple[str, ...], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not holds(await self.command(*words)):
                await asyncio.sleep(0.2)

    async def _make_mons(self) -> None:
        monmap = self.paths.folder / "monmap"
        addresses = [word for mon, vector in self.plan.mon_addresses.items() for word in ("--addv", mon, vector)]
        create = ["monmaptool", "--create", "--clobber", "--fsid", self.plan.fsid]
        features = ["--set-min-mon-release", "pacific", "--enable-all-features"]
        await self.children.command([*create, *features, *addresses, str(monmap)], plain())
        sources = ["--monmap", str(monmap), "--keyring", str(self.paths.initial_keyring)]
        await asyncio.gather(
            *(
                self.children.command([*self._daemon_arguments(f"mon.{mon}"), "--mkfs", *sources], plain())
                for mon in self.plan.mons
            )
        )

    async def _make_osd(self, osd: int) -> None:
        identity = str(uuid.uuid4())
        mkfs = [*self._daemon_arguments(f"osd.{osd}"), "--mkfs", "--osd-uuid", identity, "--no-mon-config"]
        await asyncio.gather(
            self.children.command(mkfs, plain()),
            self.command("osd", "new", identity, str(osd)),
        )

    async def _make_pool(self) -> None:
        await self.command("osd", "pool", "create", POOL, str(POOL_PGS))
        await self.command("osd", "pool", "application", "enable", POOL, "rbd")

    def _daemon_arguments(self, daemon: str) -> list[str]:
        kind, _, identity = daemon.partition(".")
        return [f"ceph-{kind}", "-c", str(self.paths.conf), "-i", identity]


def for_people(line: str) -> str | None:
    """Return what of a daemon's line belongs in the merged log: errors, and what the cluster itself reports."""
    if match := CLUSTER_LOG_LINE.search(line):
        return None if match["level"] == "DBG" else f"cluster [{match['level']}] {match['text']}"
    if (match := ERROR_LINE.match(line)) and not any(text in line for text in HARMLESS):
        return match["text"]
    return None


def _as_node(node: Node) -> dict[str, str]:
    """Return an environment in which a daemon reports `node` as its host's name (Ceph's collect_sys_info)."""
    return {**plain(), "POD_NAME": node.name, "NODE_NAME": node.name}
