"""The fold, held to the golden files that JavaScript reads too."""

import json
from pathlib import Path

import msgspec
import pytest

from kgnb.protocol import RunView, decode_event, fold
from kgnb.protocol import events as e
from kgnb.protocol.view import MAX_TIMELINE

GOLDEN = sorted((Path(__file__).parent.parent / "wire").glob("fold-*.json"))


def folded(events):
    view = RunView()
    for event in events:
        fold(view, decode_event(json.dumps(event).encode()))
    return view


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_fold_of_golden_events_is_the_golden_view(path):
    golden = json.loads(path.read_text())
    assert folded(golden["events"]).to_dict() == golden["view"]


def test_golden_files_are_there():
    assert len(GOLDEN) >= 7


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_fold_of_a_replay_changes_nothing(path):
    events = json.loads(path.read_text())["events"]
    assert folded(events + events) == folded(events)


def test_open_approval_makes_the_run_waiting():
    view = RunView()
    fold(view, e.WorkflowStarted(run_id="r", seq=1))
    asked = e.ApprovalData(approval_id="a", args_hash="h", message="?")
    fold(view, e.ApprovalRequest(run_id="r", seq=2, node_id="A", data=asked))
    assert view.status == "waiting"
    done = e.ResolvedData(approval_id="a", outcome="answered", value=1)
    fold(view, e.ApprovalResolved(run_id="r", seq=3, node_id="A", data=done))
    assert view.status == "running"


def test_views_share_no_state():
    first, second = RunView(), RunView()
    fold(first, e.ResultEvent(run_id="r", seq=1, node_id="A", data=1))
    assert second.results == {}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_fold_goes_on_from_a_view_that_was_sent_as_a_snapshot(path):
    golden = json.loads(path.read_text())
    view = RunView()
    for event in golden["events"]:
        fold(view, decode_event(json.dumps(event).encode()))
        view = msgspec.convert(view.to_dict(), RunView)
    assert view.to_dict() == golden["view"]


def test_end_of_a_visit_that_left_the_timeline_is_counted_alone():
    view = RunView()
    names = [f"N{number}" for number in range(MAX_TIMELINE + 1)]
    for name in names:
        fold(view, update(name, "running"))
    for name in names[:2]:
        fold(view, update(name, "completed"))
    assert [view.nodes[name].active for name in names[:3]] == [0, 0, 1]
    assert [visit.status for visit in view.timeline[:2]] == ["completed", "running"]
    assert len(view.visits) == len(view.timeline) == MAX_TIMELINE


def update(name, status):
    return e.NodeUpdate(run_id="r", node_id=name, task_id=f"{name}:1", status=status)
