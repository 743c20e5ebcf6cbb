"""Which of a watcher's messages count: none twice, none of a run that was replaced."""

from hypothesis import given
from hypothesis import strategies as st

from cthulhu.remote.salt.ordering import WINDOW, Ordering

NOW = 1_000_000.0


def admit(ordering: Ordering, boot: str, sequence: int, time: float = NOW, now: float = NOW) -> bool:
    return ordering.admit("node1", boot, sequence, time, now)


def test_a_message_counts_once() -> None:
    ordering = Ordering(5)

    assert admit(ordering, "a", 1)
    assert not admit(ordering, "a", 1)


def test_messages_may_overtake_each_other_a_little() -> None:
    ordering = Ordering(5)

    assert admit(ordering, "a", WINDOW + 10)
    assert admit(ordering, "a", 11)
    assert not admit(ordering, "a", 10)


@given(st.lists(st.integers(1, 3 * WINDOW), max_size=50))
def test_no_number_is_ever_admitted_twice(sequences: list[int]) -> None:
    ordering = Ordering(5)
    admitted = [number for number in sequences * 2 if admit(ordering, "a", number)]

    assert len(admitted) == len(set(admitted))


def test_what_is_remembered_is_bounded() -> None:
    ordering = Ordering(5)
    for number in range(1, 5 * WINDOW):
        assert admit(ordering, "a", number)

    assert len(ordering._runs["node1"].seen) <= 2 * WINDOW


def test_a_new_run_replaces_the_old_one_for_good() -> None:
    ordering = Ordering(5)
    admit(ordering, "old", 7, time=NOW)

    assert admit(ordering, "new", 1, time=NOW + 1)
    assert not admit(ordering, "old", 8, time=NOW + 2)
    assert not admit(ordering, "old", 9, time=NOW + 99)


def test_a_recorded_message_of_an_unknown_older_run_is_refused() -> None:
    ordering = Ordering(5)
    admit(ordering, "new", 7, time=NOW)

    assert not admit(ordering, "old", 1, time=NOW - 50)


def test_a_clock_that_was_set_right_is_believed() -> None:
    ordering = Ordering(5)
    admit(ordering, "ahead", 7, time=NOW + 3600)

    assert admit(ordering, "right", 1, time=NOW + 1, now=NOW + 2)


def test_nodes_do_not_concern_each_other() -> None:
    ordering = Ordering(5)

    assert ordering.admit("node1", "a", 1, NOW, NOW)
    assert ordering.admit("node2", "a", 1, NOW, NOW)


def test_the_newest_of_a_kind_counts() -> None:
    ordering = Ordering(5)
    for number in (1, 2, 3):
        admit(ordering, "a", number)

    assert ordering.overtake("node1", "heartbeat", 2)
    assert not ordering.overtake("node1", "heartbeat", 1)
    assert ordering.overtake("node1", "map osd_map", 1)
    assert ordering.overtake("node1", "heartbeat", 3)
