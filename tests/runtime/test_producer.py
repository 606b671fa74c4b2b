"""Joining, ordering and bounding what a run tells."""

import pytest

from kgnb.graph.progress import Checkpoint
from kgnb.protocol import events as e
from kgnb.protocol.codec import decode_event
from kgnb.protocol.ids import NodeId, RunId, StreamId
from kgnb.runtime import producer as producers
from kgnb.runtime.producer import Producer

AT = {"run_id": RunId("r"), "node_id": NodeId("N")}


class Outlet:
    def __init__(self):
        self.has_room = True
        self.sent = []
        self.checkpoints = []

    def append(self, payloads, checkpoints=None):
        self.sent.append([decode_event(p) for p in payloads])
        self.checkpoints.append(checkpoints)


@pytest.fixture
def outlet():
    return Outlet()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def producer(outlet, asked):
    def soon(seconds, function):
        asked.append(seconds)

    return Producer(RunId("r"), "w", outlet, soon, clock=lambda: 0.0)


def token(text, stream="s", **fields):
    return e.Token(**AT | {"data": text, "stream": StreamId(stream)} | fields)


def shown(outlet):
    return [event for batch in outlet.sent for event in batch]


def test_first_token_asks_for_a_flush_at_once_and_later_ones_wait(producer, asked):
    producer.token(token("a"))
    producer.flush()
    producer.token(token("b"))
    assert asked[0] == 0.0
    assert 0.0 < asked[1] <= producers.INTERVAL


def test_nodes_states_that_follow_fast_wait_a_little_and_all_else_goes_at_once(
    producer, asked, outlet
):
    def state(status):
        producer.put(e.NodeUpdate(**AT, task_id="N:1", status=status))

    state("running")
    producer.flush()
    state("completed")
    state("running")
    producer.put(e.WorkflowCancelled(run_id=RunId("r")))
    assert asked[0] == asked[2] == 0.0
    assert 0.0 < asked[1] <= producers.STRIDE
    producer.flush()
    assert [len(batch) for batch in outlet.sent] == [1, 3]


def test_tokens_are_joined_with_the_index_of_their_first_character(producer, outlet):
    for text in "abc":
        producer.token(token(text))
    producer.flush()
    producer.token(token("é🙂"))
    producer.token(token("", final=True))
    producer.flush()
    first, second = shown(outlet)
    assert (first.data, first.index, first.final) == ("abc", 0, False)
    assert (second.data, second.index, second.final) == ("é🙂", 3, True)


def test_kinds_and_streams_are_counted_apart(producer, outlet):
    producer.token(token("think", kind="reasoning"))
    producer.token(token("a"))
    producer.token(token("b", stream="t"))
    producer.token(token("c"))
    producer.flush()
    assert [(t.kind, t.stream, t.data) for t in shown(outlet)] == [
        ("reasoning", "s", "think"),
        ("text", "s", "ac"),
        ("text", "t", "b"),
    ]


def test_other_events_of_a_node_keep_its_order(producer, outlet, asked):
    producer.token(token("a"))
    producer.put(e.NodeUpdate(status="waiting", **AT))
    producer.token(token("b"))
    producer.flush()
    assert asked[1:2] == [] or 0.0 in asked
    assert [type(x).__name__ for x in shown(outlet)] == ["Token", "NodeUpdate", "Token"]


def test_progress_keeps_the_last_value_of_each_item(producer, outlet):
    for percent in (1.0, 2.0, 3.0):
        for item in (None, "0"):
            data = e.ProgressData(percent=percent, item=item)
            producer.progress(e.Progress(data=data, **AT))
    producer.flush()
    assert [(p.data.item, p.data.percent) for p in shown(outlet)] == [
        (None, 3.0),
        ("0", 3.0),
    ]


def test_logs_are_joined_by_stream_and_keep_their_order(producer, outlet):
    for stream, text in [
        ("stdout", "a"),
        ("stdout", "\n"),
        ("stderr", "e"),
        ("stdout", "b"),
    ]:
        producer.log(e.Log(data=e.LogData(stream=stream, text=text), **AT))
    producer.flush()
    assert [(x.data.stream, x.data.text) for x in shown(outlet)] == [
        ("stdout", "a\n"),
        ("stderr", "e"),
        ("stdout", "b"),
    ]


def test_without_room_everything_waits_and_text_is_merged(producer, outlet):
    outlet.has_room = False
    for number in range(1000):
        producer.token(token(f"{number} "))
        producer.flush()
    assert outlet.sent == []
    assert len(producer.waiting) == 1
    outlet.has_room = True
    producer.room()
    (event,) = shown(outlet)
    assert event.data == "".join(f"{n} " for n in range(1000))


def test_without_room_output_is_bounded_and_the_loss_is_said(
    producer, outlet, monkeypatch
):
    monkeypatch.setattr(producers, "MOST_PENDING", 5)
    outlet.has_room = False
    for number in range(10):
        producer.token(token("x", stream=str(number)))
    producer.put(e.NodeUpdate(status="completed", **AT))
    outlet.has_room = True
    producer.flush()
    sent = shown(outlet)
    assert sent[0].data.text.startswith("5 pieces of output were dropped")
    assert sum(isinstance(x, e.Token) for x in sent) == 5
    assert isinstance(sent[-1], e.NodeUpdate)


def test_what_nodes_say_under_their_own_names_is_bounded_with_all_output(
    producer, outlet, monkeypatch
):
    monkeypatch.setattr(producers, "MOST_TEXT", 500)

    def say(n):
        producer.custom(e.Custom(**AT, type="reading", data={"n": n, "x": "x" * 100}))

    outlet.has_room = False
    for n in range(10):
        say(n)
    outlet.has_room = True
    producer.flush()
    excuse, *kept = shown(outlet)
    assert excuse.data.text.startswith("7 pieces of output were dropped")
    assert [event.data["n"] for event in kept] == [0, 1, 2]
    say(10)
    producer.flush()
    assert shown(outlet)[-1].data["n"] == 10


def test_what_waits_is_handed_on_in_portions_and_in_order(
    producer, outlet, asked, monkeypatch
):
    monkeypatch.setattr(producers, "MOST_AT_ONCE", 4_000)
    outlet.has_room = False
    for n in range(100):
        producer.token(token(f"{n} " * 10, stream=f"s{n}"))
    outlet.has_room = True
    producer.flush()
    first = shown(outlet)
    assert 0 < len(first) < 100
    assert asked[-1] == 0.0
    producer.token(token("more", stream="s99"))  # joined to what still waits
    while len(shown(outlet)) < 100:
        producer.flush()
    assert [event.stream for event in shown(outlet)] == [f"s{n}" for n in range(100)]
    assert shown(outlet)[-1].data.endswith("99 more")


def test_text_that_was_handed_on_is_joined_to_no_more(producer, outlet, monkeypatch):
    monkeypatch.setattr(producers, "MOST_AT_ONCE", 1)
    for n in range(32):
        producer.token(token("a", stream=f"s{n}"))
    producer.flush()
    assert len(shown(outlet)) == 16
    producer.token(token("b", stream="s0"))
    producer.flush()
    producer.flush()
    last = shown(outlet)[-1]
    assert (last.stream, last.index, last.data) == ("s0", 1, "b")


def test_receipts_of_the_log_send_no_frames_before_their_time(producer, outlet):
    producer.token(token("a"))
    producer.flush()
    producer.token(token("b"))
    producer.room()
    assert len(shown(outlet)) == 1


def test_closed_producer_takes_nothing(producer, outlet):
    producer.close()
    producer.token(token("a"))
    producer.put(e.NodeUpdate(status="completed", **AT))
    producer.progress(e.Progress(data=e.ProgressData(percent=1), **AT))
    producer.log(e.Log(data=e.LogData(stream="stdout", text="x"), **AT))
    producer.flush()
    assert outlet.sent == []


def test_events_carry_run_name_and_time(producer, outlet):
    producer.put(e.NodeUpdate(status="completed", **AT))
    producer.flush()
    (event,) = shown(outlet)
    assert (event.run_id, event.workflow) == ("r", "w")
    assert event.timestamp == "1970-01-01T00:00:00.000Z"


def test_tool_calls_are_counted_and_joined_apart(producer, outlet):
    for number, text in [(1, "a"), (2, "b"), (1, "c")]:
        call = e.ToolRef(number=number, name="f")
        producer.token(token(text, kind="tool_call", call=call))
    producer.flush()
    assert [(t.call.number, t.index, t.data) for t in shown(outlet)] == [
        (1, 0, "ac"),
        (2, 0, "b"),
    ]


def test_last_frame_of_a_stream_keeps_its_usage_when_text_is_dropped(
    producer, outlet, monkeypatch
):
    monkeypatch.setattr(producers, "MOST_PENDING", 1)
    outlet.has_room = False
    producer.token(token("a"))
    producer.token(token("b", kind="reasoning"))
    usage = e.Usage(input_tokens=1)
    producer.token(token("", final=True, usage=usage))
    outlet.has_room = True
    producer.flush()
    (last,) = [t for t in shown(outlet) if isinstance(t, e.Token)]
    assert (last.data, last.final, last.usage) == ("a", True, usage)


def test_text_behind_a_dropped_piece_is_not_joined_to_what_stood_before_it(
    producer, outlet, monkeypatch
):
    monkeypatch.setattr(producers, "MOST_TEXT", 3)
    monkeypatch.setattr(producers, "_GROUP", 1)
    monkeypatch.setattr(producers, "MOST_AT_ONCE", 1)
    producer.token(token("ab", stream="other"))
    producer.token(token("c"))
    producer.token(token("dropped"))
    producer.flush()
    producer.token(token("d"))
    for _ in range(3):
        producer.flush()
    sent = [x for x in shown(outlet) if isinstance(x, e.Token)]
    assert [(t.index, t.data) for t in sent] == [(0, "ab"), (0, "c"), (8, "d")]


def test_report_is_made_when_the_frame_goes_and_in_its_place(producer, outlet):
    count = [0]

    def report():
        data = e.ProgressData(percent=count[0])
        return [e.Progress(data=data, **AT)]

    producer.later(report)
    producer.put(e.NodeUpdate(status="completed", **AT))
    count[0] = 7
    producer.flush()
    first, second = shown(outlet)
    assert first.data.percent == 7
    assert isinstance(second, e.NodeUpdate)


def test_a_checkpoint_goes_at_once_with_its_event_and_what_waited(
    producer, outlet, asked
):
    kept = Checkpoint(b"{}")
    producer.token(token("a"))
    producer.flush()
    producer.token(token("b"))
    asked.clear()
    producer.put(e.NodeUpdate(status="completed", **AT), kept)
    assert asked == [0.0]
    producer.flush()
    assert outlet.checkpoints == [None, {1: kept}]
    producer.put(e.NodeUpdate(status="running", **AT))
    producer.flush()
    assert outlet.checkpoints[-1] is None
