"""Capabilities of Calamari's two Ceph identities, generated from the commands that it sends.

`client.calamari` reads; `client.calamari-write` may in addition run exactly the commands of `WRITE_COMMANDS`. Syntax:
"Capabilities" in Ceph's user management guide (`allow command "<prefix>"`).
"""

from cthulhu.requests.commands import WRITE_COMMANDS, Target


def read_capabilities() -> dict[str, str]:
    """Return daemon type -> capability of `client.calamari`."""
    return {"mon": "allow r", "mgr": "allow r"}


def write_capabilities() -> dict[str, str]:
    """Return daemon type -> capability of `client.calamari-write`."""
    return {
        target.value: ", ".join(
            [allowed, *(f'allow command "{kind.prefix}"' for kind in WRITE_COMMANDS if kind.target is target)]
        )
        for target, allowed in ((Target.MON, "allow r"), (Target.MGR, "allow r"))
    }
