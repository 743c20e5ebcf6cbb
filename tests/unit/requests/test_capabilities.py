"""The write identity may do exactly what the factories send: nothing less, nothing more."""

import re

from cthulhu.monitor.cluster_monitor import FACTORIES
from cthulhu.requests.capabilities import read_capabilities, write_capabilities
from cthulhu.requests.osd import OsdRequestFactory

UP_IN = {"id": 0, "up": True, "in": True, "reweight": 1.0}
UP_OUT = {"id": 0, "up": True, "in": False, "reweight": 0.0}


def sent() -> set[tuple[str, str]]:
    """Return (daemon, prefix) of everything the factories can be brought to send."""
    factory = OsdRequestFactory("ceph")
    planned = [
        factory.update(UP_IN, {"in": False, "up": False}),
        factory.update(UP_OUT, {"in": True, "reweight": 0.5}),
        *(factory.apply(UP_IN, command) for command in factory.commands),
    ]
    return {(step.kind.target.value, step.kind.prefix) for request in planned if request for step in request.steps}


def allowed() -> set[tuple[str, str]]:
    return {
        (daemon, prefix)
        for daemon, capability in write_capabilities().items()
        for prefix in re.findall(r'allow command "([^"]*)"', capability)
    }


def test_allowed_is_what_is_sent() -> None:
    assert allowed() == sent()


def test_this_test_knows_every_factory() -> None:
    assert set(FACTORIES.values()) == {OsdRequestFactory}


def test_no_identity_may_do_everything() -> None:
    for capability in [*read_capabilities().values(), *write_capabilities().values()]:
        assert "*" not in capability
        assert "w" not in re.sub(r'"[^"]*"', "", capability).replace("allow", "")
