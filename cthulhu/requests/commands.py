"""Every command that Calamari may send to a cluster to change it.

The request factories build their steps from these and nothing else; `cthulhu.requests.capabilities` derives from them
what the write identity may do, so that a command missing here cannot run even if some code sent it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """Which daemon answers a command (src/mon/MonCommands.h and src/mgr/MgrCommands.h of Ceph)."""

    MON = "mon"
    MGR = "mgr"


@dataclass(frozen=True)
class CommandKind:
    """One command of Ceph's. `moves_osd_map`: its effect shows as a new epoch of the OSD map."""

    prefix: str
    target: Target
    moves_osd_map: bool


OSD_IN = CommandKind("osd in", Target.MON, moves_osd_map=True)
OSD_OUT = CommandKind("osd out", Target.MON, moves_osd_map=True)
OSD_DOWN = CommandKind("osd down", Target.MON, moves_osd_map=True)
OSD_REWEIGHT = CommandKind("osd reweight", Target.MON, moves_osd_map=True)
OSD_SCRUB = CommandKind("osd scrub", Target.MGR, moves_osd_map=False)
OSD_DEEP_SCRUB = CommandKind("osd deep-scrub", Target.MGR, moves_osd_map=False)
OSD_REPAIR = CommandKind("osd repair", Target.MGR, moves_osd_map=False)

WRITE_COMMANDS: tuple[CommandKind, ...] = (
    OSD_IN,
    OSD_OUT,
    OSD_DOWN,
    OSD_REWEIGHT,
    OSD_SCRUB,
    OSD_DEEP_SCRUB,
    OSD_REPAIR,
)
