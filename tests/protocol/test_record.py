import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgnb.protocol.record import answered_by, static_record, visit_of, votes_by
from kgnb.protocol.view import RunView

WIRE = Path(__file__).parents[1] / "wire"
GOLDEN = sorted(path.name for path in WIRE.glob("record-*.json"))


def golden(name):
    return json.loads((WIRE / name).read_text("utf-8"))


def view_of(name="record-article.json"):
    return golden(name)["view"]


@pytest.mark.parametrize("name", GOLDEN)
def test_static_record_of_golden_view_is_the_golden_record(name):
    case = golden(name)
    assert json.loads(json.dumps(static_record(case["view"]))) == case["record"]


@pytest.mark.parametrize("name", GOLDEN)
def test_static_record_of_struct_and_dict_are_equal(name):
    plain = view_of(name)
    struct = msgspec.convert(plain, RunView)
    assert static_record(struct) == static_record(plain)


def test_static_record_of_another_arrival_is_the_same_bytes():
    one, other = (
        json.dumps(static_record(view_of(name)))
        for name in ("record-article.json", "record-shuffled.json")
    )
    assert one == other


def test_static_record_leaves_the_view_as_it_was():
    plain = view_of("record-parallel.json")
    before = json.dumps(plain)
    static_record(plain)
    assert json.dumps(plain) == before


def test_static_record_holds_no_id_time_or_person():
    text = json.dumps(static_record(view_of()))
    for secret in ("f" * 32, "2026-11-21", "ada", "1.25", "Draft:1", "args_hash"):
        assert secret not in text


def test_answered_by_counts_as_the_record_does():
    plain = view_of("record-shuffled.json")
    plain["approvals"][0]["by"] = {"user": "bob"}
    plain["approvals"][1]["by"] = None
    record = static_record(plain)
    assert answered_by(plain) == {"1": {"user": "bob"}}
    assert record["approvals"][1]["value"] == plain["approvals"][0]["value"]


@pytest.mark.parametrize(
    ("task_id", "visit"),
    [("Draft:1", 1), ("a:b:12", 12), (None, 0), ("", 0), ("Draft", 0), ("Draft:²", 0)],
)
def test_visit_of_task_id_is_its_last_number(task_id, visit):
    assert visit_of(task_id) == visit


@given(st.permutations(range(8)))
def test_static_record_of_any_arrival_of_streams_is_the_same(order):
    plain = view_of("record-parallel.json")
    expected = static_record(plain)["streams"]
    plain["streams"] = [plain["streams"][i] for i in order]
    assert static_record(plain)["streams"] == expected


def test_votes_by_names_people_beside_the_record_without_their_marks():
    plain = view_of("record-votes.json")
    assert [v["user"] for v in votes_by(plain)["0"]] == ["Ada", "Grace"]
    assert "1f0c" not in json.dumps(votes_by(plain))
    assert "votes" not in static_record(plain)["approvals"][0]


def test_record_of_a_vote_is_that_of_a_script_that_decided_it_alike():
    voted = view_of("record-votes.json")
    scripted = view_of("record-votes.json")
    scripted["approvals"][0] |= {"votes": [], "by": {"kind": "script"}}
    assert static_record(voted) == static_record(scripted)
