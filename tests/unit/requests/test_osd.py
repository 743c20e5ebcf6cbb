"""The OSD factory: what is asked for becomes exactly these commands, and nothing else is let through."""

from typing import Any

import pytest

from cthulhu.requests.osd import OsdRequestFactory
from cthulhu.requests.user_request import Expectation
from cthulhu.rpc.errors import CommandNotAllowed, InvalidAttributes

FACTORY = OsdRequestFactory("ceph")
OSD_ROW: dict[str, Any] = {"id": 1, "up": True, "in": True, "reweight": 1.0}
OUT = {**OSD_ROW, "in": False, "reweight": 0.0}
DOWN = {**OSD_ROW, "up": False}


def commands(row: dict[str, Any], attributes: dict[str, Any]) -> list[dict[str, Any]]:
    planned = FACTORY.update(row, attributes)
    return [step.command for step in planned.steps] if planned else []


@pytest.mark.parametrize(
    ("row", "attributes", "expected"),
    [
        (OSD_ROW, {"in": False}, [{"prefix": "osd out", "ids": ["1"]}]),
        (OUT, {"in": True}, [{"prefix": "osd in", "ids": ["1"]}]),
        (OSD_ROW, {"reweight": 0.5}, [{"prefix": "osd reweight", "id": 1, "weight": 0.5}]),
        (OSD_ROW, {"up": False}, [{"prefix": "osd down", "ids": ["1"]}]),
        (OSD_ROW, {"in": False, "reweight": 0}, [{"prefix": "osd out", "ids": ["1"]}]),
        (
            OUT,
            {"in": True, "reweight": 0.25},
            [{"prefix": "osd in", "ids": ["1"]}, {"prefix": "osd reweight", "id": 1, "weight": 0.25}],
        ),
        (
            OSD_ROW,
            {"in": False, "up": False},
            [{"prefix": "osd out", "ids": ["1"]}, {"prefix": "osd down", "ids": ["1"]}],
        ),
        (OSD_ROW, {"in": True}, []),
        (OSD_ROW, {"in": True, "up": True, "reweight": 1}, []),
        (OUT, {"in": False}, []),
        (DOWN, {"up": False}, []),
        (OSD_ROW, {}, []),
        # Ceph keeps 1/65536ths: a weight it cannot tell from the present one is no change.
        ({**OSD_ROW, "reweight": 0.29998779296875}, {"reweight": 0.3}, []),
    ],
)
def test_commands(row: dict[str, Any], attributes: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert commands(row, attributes) == expected


@pytest.mark.parametrize(
    ("row", "attributes", "field"),
    [
        (OSD_ROW, {"in": "yes"}, "in"),
        (OSD_ROW, {"in": 1}, "in"),
        (OSD_ROW, {"in": None}, "in"),
        (OSD_ROW, {"up": 0}, "up"),
        (DOWN, {"up": True}, "up"),
        (OSD_ROW, {"reweight": True}, "reweight"),
        (OSD_ROW, {"reweight": "0.5"}, "reweight"),
        (OSD_ROW, {"reweight": 1.1}, "reweight"),
        (OSD_ROW, {"reweight": -0.1}, "reweight"),
        (OSD_ROW, {"reweight": float("nan")}, "reweight"),
        (OSD_ROW, {"reweight": None}, "reweight"),
        (OSD_ROW, {"in": False, "reweight": 0.5}, "reweight"),
        (OSD_ROW, {"in": True, "reweight": 0}, "reweight"),
        (OSD_ROW, {"server": "node2"}, "server"),
    ],
)
def test_invalid_attributes_name_the_field(row: dict[str, Any], attributes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidAttributes) as refused:
        FACTORY.update(row, attributes)
    assert set(refused.value.data["fields"]) == {field}


def test_while_a_change_is_pending_nothing_counts_as_done() -> None:
    attributes = {"in": True, "reweight": 1.0}
    assert commands(FACTORY.undecided(OSD_ROW, attributes), attributes) == [
        {"prefix": "osd in", "ids": ["1"]},
        {"prefix": "osd reweight", "id": 1, "weight": 1.0},
    ]


@pytest.mark.parametrize(
    ("command", "prefix"), [("scrub", "osd scrub"), ("deep_scrub", "osd deep-scrub"), ("repair", "osd repair")]
)
def test_commands_on_an_osd(command: str, prefix: str) -> None:
    planned = FACTORY.apply(OSD_ROW, command)
    assert [step.command for step in planned.steps] == [{"prefix": prefix, "who": "1"}]
    assert planned.steps[0].kind.target == "mgr"


@pytest.mark.parametrize(("row", "command"), [(OSD_ROW, "explode"), (DOWN, "scrub")])
def test_commands_that_do_not_apply(row: dict[str, Any], command: str) -> None:
    with pytest.raises(CommandNotAllowed):
        FACTORY.apply(row, command)


@pytest.mark.parametrize(
    ("row", "attributes", "headline"),
    [
        (OSD_ROW, {"in": False}, "Marking ceph-osd.1 out"),
        (OUT, {"in": True}, "Marking ceph-osd.1 in"),
        (OSD_ROW, {"up": False}, "Marking ceph-osd.1 down"),
        (OSD_ROW, {"reweight": 0.5}, "Re-weighting ceph-osd.1 to 50%"),
        (OUT, {"in": True, "reweight": 0.5}, "Modifying ceph-osd.1 (in, reweight)"),
    ],
)
def test_headlines(row: dict[str, Any], attributes: dict[str, Any], headline: str) -> None:
    planned = FACTORY.update(row, attributes)
    assert planned is not None
    assert planned.headline == headline


def test_expectation_survives_storage_and_holds_only_on_the_effect() -> None:
    planned = FACTORY.update(OSD_ROW, {"reweight": 0.3})
    assert planned is not None
    assert planned.steps[0].expectation is not None
    expectation = Expectation.from_json(planned.steps[0].expectation.as_json())
    assert not expectation.holds(OSD_ROW)
    assert not expectation.holds(None)
    assert expectation.holds({**OSD_ROW, "reweight": int(0.3 * 65536) / 65536})
