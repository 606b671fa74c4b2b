import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kgnb.broker import Outbox, OutFrame
from kgnb.broker.frames import StoredEvent
from kgnb.protocol import RunView, decode_event, fold
from kgnb.protocol.ids import RunId


def event(seq, kind, run_id="r1", **fields):
    payload = msgspec.json.encode(
        {"type": kind, "run_id": run_id, "node_id": "A", **fields}
    )
    return StoredEvent(RunId(run_id), seq, payload).frame


def token(seq, text, index, stream="s", **fields):
    return event(seq, "token", data=text, stream=stream, index=index, **fields)


def log(seq, text="x"):
    return event(seq, "log", data={"stream": "stdout", "text": text})


def drain(outbox):
    frames = []
    while (frame := outbox.pop()) is not None:
        frames.append(json.loads(frame))
    return frames


def test_outbox_below_the_high_water_mark_changes_nothing():
    outbox = Outbox()
    frames = [token(1, "a", 0), token(2, "b", 1), log(3)]
    assert all(outbox.put(frame) for frame in frames)
    assert drain(outbox) == [json.loads(frame.payload) for frame in frames]
    assert (outbox.size, len(outbox), outbox.merged) == (0, 0, 0)


def test_outbox_past_the_mark_joins_text_and_takes_the_last_seq():
    outbox = Outbox(high_water=0)
    for n, text in enumerate(["he", "ll", "o"]):
        outbox.put(token(n + 1, text, 2 * n, final=n == 2))
    (frame,) = drain(outbox)
    assert (frame["data"], frame["index"], frame["seq"], frame["final"]) == (
        "hello",
        0,
        3,
        True,
    )


def test_outbox_streams_in_turn_keep_rising_seqs():
    outbox = Outbox(high_water=0)
    outbox.put(token(1, "a", 0, "s"))
    outbox.put(token(2, "x", 0, "t"))
    outbox.put(token(3, "b", 1, "s"))
    outbox.put(token(4, "c", 2, "s"))
    frames = drain(outbox)
    assert [(f["stream"], f["data"], f["seq"]) for f in frames] == [
        ("s", "abc", 1),
        ("t", "x", 4),
    ]


def test_outbox_progress_keeps_the_newest():
    outbox = Outbox(high_water=0)
    for n in range(5):
        outbox.put(event(n + 1, "progress", data={"percent": n}))
        outbox.put(
            event(n + 10, "progress", data={"percent": n, "item": "i"}, run_id="q")
        )
    assert [(f["data"]["percent"], f["seq"]) for f in drain(outbox)] == [
        (4, 5),
        (4, 14),
    ]


def test_outbox_other_events_are_never_passed_over():
    outbox = Outbox(high_water=0)
    for frame in (token(1, "a", 0), log(2), token(3, "b", 1)):
        outbox.put(frame)
    assert [f["seq"] for f in drain(outbox)] == [1, 2, 3]


def test_outbox_text_with_a_gap_is_not_joined():
    outbox = Outbox(high_water=0)
    outbox.put(token(1, "a", 0))
    outbox.put(token(3, "c", 2))
    assert [f["data"] for f in drain(outbox)] == ["a", "c"]


def test_outbox_a_replay_that_starts_again_is_not_joined():
    outbox = Outbox(high_water=0)
    outbox.put(token(5, "a", 0))
    outbox.put(token(5, "b", 1))
    assert [f["seq"] for f in drain(outbox)] == [5, 5]


def test_outbox_past_the_limit_refuses():
    outbox = Outbox(high_water=100, limit=1000)
    taken = [outbox.put(log(n)) for n in range(1, 20)]
    assert taken[0]
    assert not taken[-1]
    assert outbox.size <= 1000


def test_outbox_a_frame_larger_than_the_limit_passes_alone():
    outbox = Outbox(high_water=100, limit=1000)
    assert outbox.put(log(1, "x" * 5000))
    assert not outbox.put(log(2))
    assert outbox.pop() is not None
    assert outbox.put(log(2))


def test_outbox_of_a_reader_that_keeps_up_takes_a_frame_past_the_limit():
    outbox = Outbox(high_water=1000, limit=2000)
    assert outbox.put(log(1))
    assert outbox.put(log(2, "x" * 5000))
    assert not outbox.put(log(3))


def test_outbox_merged_text_counts_against_the_limit():
    outbox = Outbox(high_water=0, limit=1000)
    index = 0
    for seq in range(1, 100):
        if not outbox.put(token(seq, "x" * 50, index)):
            break
        index += 50
    assert 10 < seq < 25


def test_outbox_replies_have_no_seq_and_stay_as_they_are():
    outbox = Outbox(high_water=0)
    outbox.put(OutFrame(b'{"type":"pong"}', "pong"))
    assert outbox.pop() == b'{"type":"pong"}'


frames_of_a_run = st.lists(
    st.one_of(
        st.tuples(st.just("token"), st.sampled_from("st"), st.text(max_size=3)),
        st.tuples(st.just("progress"), st.sampled_from("ij"), st.integers(0, 100)),
        st.just(("log", "", "line")),
        st.just(("pop", "", "")),
    ),
    max_size=40,
)


@given(frames_of_a_run, st.data())
def test_outbox_whatever_is_merged_a_reader_cut_anywhere_ends_with_the_same_view(
    steps, data
):
    """Read some frames, lose the rest, come back with the last seq: all is there."""
    outbox, history, sent, index = Outbox(high_water=0), [], [], {}
    for kind, name, value in steps:
        seq = len(history) + 1
        if kind == "pop":
            frame = outbox.pop()
            if frame is not None:
                sent.append(frame)
            continue
        if kind == "token":
            frame = token(seq, value, index.get(name, 0), name)
            index[name] = index.get(name, 0) + len(value)
        elif kind == "progress":
            frame = event(seq, "progress", data={"percent": value, "item": name})
        else:
            frame = log(seq)
        history.append(frame)
        assert outbox.put(frame)
    while (frame := outbox.pop()) is not None:
        sent.append(frame)
    seqs = [json.loads(frame)["seq"] for frame in sent]
    assert seqs == sorted(set(seqs))
    assert not history or seqs[-1] == len(history)
    cut = data.draw(st.integers(0, len(sent)))
    since = seqs[cut - 1] if cut else 0
    view, whole = RunView(), RunView()
    for frame in [*sent[:cut], *(f.payload for f in history[since:])]:
        fold(view, decode_event(frame))
    for frame in history:
        fold(whole, decode_event(frame.payload))
    assert view.to_dict() == whole.to_dict()


def test_merged_tokens_keep_the_usage_and_the_tool_of_the_last():
    outbox = Outbox(high_water=0)
    call = {"number": 1, "name": "sea"}
    outbox.put(token(1, "a", 0, call=call))
    whole = {"number": 1, "name": "search"}
    usage = {"input_tokens": 1}
    last = {"final": True, "usage": usage}
    outbox.put(token(2, "b", 1, call=whole, **last))
    (frame,) = drain(outbox)
    assert (frame["data"], frame["final"], frame["usage"]) == ("ab", True, usage)
    assert frame["call"] == whole


def test_tool_calls_and_bars_are_merged_each_with_its_own():
    outbox = Outbox(high_water=0)
    for seq, number in enumerate((1, 2, 1), 1):
        call = {"number": number}
        outbox.put(token(seq, "x", seq // 3, call=call))
    for seq, track in enumerate((None, "1.1", None), 4):
        data = {"percent": seq, "track": track} if track else {"percent": seq}
        outbox.put(event(seq, "progress", data=data))
    frames = drain(outbox)
    assert [(f["call"]["number"], f["data"]) for f in frames[:2]] == [
        (1, "xx"),
        (2, "x"),
    ]
    assert [(f["data"].get("track"), f["data"]["percent"]) for f in frames[2:]] == [
        (None, 6),
        ("1.1", 5),
    ]
