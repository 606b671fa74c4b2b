"""A durable run's checkpoints, one after the other."""

import msgspec
import pytest

from kgnb.errors import InvalidValue
from kgnb.graph.past import Past
from kgnb.graph.records import Position, Record, encode


def raw(value):
    return msgspec.Raw(msgspec.json.encode(value))


def values(**given):
    return {key: raw(value) for key, value in given.items()}


def ended(task_id, following, via="default", place="", **changed):
    """The record of a visit that ended."""
    node_id = task_id.rpartition(":")[0]
    position = Position(next=following, via=(node_id, via) if following else None)
    return Record(
        task_id=task_id,
        node_id=node_id,
        action=via,
        places={place: position},
        values=values(**changed),
    )


START = Record(kind="start", full=True, values=values(n=0))


def past(*records):
    return Past("r", [(seq, encode(record)) for seq, record in enumerate(records, 1)])


LOOP = past(
    START,
    ended("A:1", "B", n=1),
    ended("B:1", "A", "again", b=1),
    ended("A:2", "B", n=2),
    ended("B:2", "C", "done"),
    ended("C:1", None),
)


def test_steps_are_the_visits_that_ended_newest_first():
    steps = LOOP.steps()
    assert [m.step for m in steps] == [5, 4, 3, 2, 1, 0]
    assert [m.next for m in steps] == [(), ("C",), ("B",), ("A",), ("B",), ()]
    assert steps[-1].values == {"n": 0}
    assert steps[0].values == {"n": 2, "b": 1}


def test_start_of_a_later_process_is_no_step():
    resumed = past(
        START, ended("A:1", "B"), Record(kind="start", full=True), ended("B:1", None)
    )
    assert [(m.seq, m.step) for m in resumed.steps()] == [(4, 2), (2, 1), (1, 0)]
    assert resumed.find(None).values == {}


@pytest.mark.parametrize(
    ("at", "seq"),
    [(None, 6), (0, 1), (3, 4), ("r:2", 2), ("A", 3), ("A:1", 1), ("B:1", 2), ("C", 5)],
)
def test_find_takes_steps_ids_visits_and_nodes(at, seq):
    assert LOOP.find(at).seq == seq


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (6, "no step 6; its last is 5"),
        (-1, "no step -1"),
        ("r:9", "no checkpoint 'r:9'"),
        ("B:3", "has not come to 'B:3'; it came to A, B, C"),
        ("Bee", "has not come to 'Bee'"),
        ("D", "has not come to 'D'"),
        ("", "has not come to ''"),
    ],
)
def test_find_of_what_is_not_there_says_what_is(at, text):
    with pytest.raises(InvalidValue, match=text):
        LOOP.find(at)


def test_find_in_a_run_without_checkpoints_says_so():
    with pytest.raises(InvalidValue, match="no checkpoints yet"):
        past().find(None)


def test_past_that_somebody_wrote_over_names_the_checkpoint():
    with pytest.raises(InvalidValue, match="run 'r': checkpoint 1 cannot be read"):
        Past("r", [(1, b'{"kind": 3}')])


def test_find_of_a_node_that_failed_is_the_last_checkpoint():
    failed = past(START, ended("A:1", "B"))
    assert failed.find("B").seq == failed.find("B:1").seq == 2


def test_find_of_a_visit_that_another_run_made_names_it():
    fork = past(
        Record(
            kind="start", full=True, visits={"A": 1}, places={"": Position(next="B")}
        ),
        ended("B:1", "A"),
    )
    assert fork.find("B").seq == 1
    assert fork.find("A").seq == 2
    with pytest.raises(InvalidValue, match="forked after A:1 began"):
        fork.find("A:1")


def test_find_between_items_is_before_the_visit_whose_they_are():
    batch = past(
        START,
        ended("A:1", "Batch"),
        Record(
            kind="item",
            task_id="Batch:1",
            item=0,
            places={"": Position(next="Batch", visit=1)},
            items={"Batch:1": {"0": raw("x")}},
        ),
    )
    assert batch.find("Batch").seq == 2
    latest = batch.find(None)
    assert (latest.step, latest.is_step, latest.next) == (1, False, ("Batch",))
    assert latest.state.items == {"Batch:1": {"0": raw("x")}}


def test_next_is_within_the_graph_that_is_being_visited():
    inner = past(
        START,
        Record(
            task_id="Inner/A:1",
            places={
                "": Position(next="Inner", visit=1),
                "Inner:1": Position(next="Inner/B"),
            },
        ),
    )
    assert inner.find(None).next == ("Inner/B",)


def test_next_is_the_graph_itself_once_its_nodes_are_done():
    inner = past(
        START,
        Record(
            task_id="Inner/B:1",
            places={
                "": Position(next="Inner", visit=1),
                "Inner:1": Position(action="default"),
            },
        ),
    )
    assert inner.find(None).next == ("Inner",)


def test_states_of_earlier_moments_stay_as_they_were():
    moments = list(LOOP.moments())
    assert [m.state.visits.get("A", 0) for m in moments] == [0, 1, 1, 2, 2, 2]
    assert moments[1].values == {"n": 1}
