"""Whole runs, recorded and shown again."""

import asyncio
import errno
import json
import logging
import stat

import msgspec
import pytest

import kgnb
from kgnb.errors import InvalidValue, KgnbError, RunCancelled, RunLost
from kgnb.panel.bundle import final_bundle, live_metadata
from kgnb.protocol import events as e
from kgnb.protocol.record import static_record
from kgnb.runtime import recorded, replay, run
from kgnb.runtime.cassette import recorder as recorders
from kgnb.runtime.cassette.script import Script
from kgnb.runtime.home import current

TIDES = "Write one short paragraph about the ocean tides."


class Draft(kgnb.AsyncNode):
    async def exec_async(self, _):
        print("drafting")
        return await kgnb.stream(recorded(TIDES, speed=0), name="draft")


class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["publish", "revise"], timeout=60).result()

    def post(self, shared, _, answer):
        return answer.value


class Publish(kgnb.Node):
    def exec(self, _):
        kgnb.progress(50, "half")
        kgnb.emit("printed", {"copies": 3})
        return {"url": "x"}


def article():
    draft, review, done = Draft(), Review(), Publish()
    draft >> review
    review - "publish" >> done
    review - "revise" >> draft
    return kgnb.Graph(draft, name="article")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "article.jsonl"


@pytest.fixture
def made(path):
    """A recorded run."""
    answers = ["revise", "publish"]
    return run(article(), {}, answers=answers, record=path).result(20)


async def _all(handle):
    return [event async for event in handle.events()]


def bare(events):
    """Events without times, and without what names their run."""
    found = []
    for event in events:
        plain = msgspec.to_builtins(event)
        for name in ("run_id", "workflow_id", "timestamp"):
            plain.pop(name)
        if isinstance(plain.get("data"), dict):
            plain["data"].pop("approval_id", None)
            plain["data"].pop("expires_at", None)
        found.append(plain)
    return found


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_replayed_run_has_the_events_of_the_recording_but_for_times(path):
    handle = run(article(), {}, answers=["revise", "publish"], record=path)
    handle.result(20)
    original = asyncio.run(_all(handle))
    again = replay(path, speed=50)
    shown = asyncio.run(_all(again))
    assert bare(shown) == bare(original)
    assert {event.run_id for event in shown} == {again.id} != {handle.id}
    # Its questions are its own: an answer could not reach those of the run.
    asked = {a.approval_id for a in again.view.approvals}
    assert len(asked) == 2
    assert not asked & {a.approval_id for a in handle.view.approvals}


def test_replay_leaves_the_display_of_the_run(made, path):
    again = replay(path, speed=0).result(20)
    assert static_record(again.view) == static_record(made.view)
    assert final_bundle(again.view)[0] == final_bundle(made.view)[0]
    assert again.value == made.value == {"url": "x"}
    assert [a.value for a in again.approvals] == ["revise", "publish"]


def test_replay_is_displayed_as_a_run_is(made, path, display):
    again = replay(path, speed=0)
    again.result(20)
    assert display.shown == [again]
    assert display.finished == [(again, "completed")]
    assert (again.workflow, again.status) == ("article", "completed")
    assert [n.id for n in again.graph.nodes] == ["Draft", "Review", "Publish"]


def test_replay_is_awaited_in_async_code(made, path):
    async def waits():
        return await replay(path, speed=0)

    assert asyncio.run(waits()).status == "completed"


def test_nobody_can_answer_a_replay(made, path, eventually):
    again = replay(path, speed=0)
    again.result(20)
    asked = again.approvals[0].approval_id
    conversation = current().conversation_of(again.id)
    got = []

    def ask():
        channel = conversation.open_channel("control", got.append)
        told = {"type": "answer", "id": "1", "approval_id": asked, "value": "revise"}
        channel.send(json.dumps(told).encode())

    current().on_link(ask)
    reply = eventually(lambda: [m for m in map(json.loads, got) if m.get("id")])[0]
    assert reply["code"] == "no_such_approval"
    assert "is a replay: it was answered when it was recorded" in reply["message"]
    assert [a.value for a in again.approvals] == ["revise", "publish"]


def test_panel_of_a_replay_is_told_that_it_is_one(made, path):
    again = replay(path, speed=0)
    again.result(20)
    assert live_metadata(again)["replay"] is True
    begun = run(article(), {}, answers=["publish"])
    begun.result(20)
    assert "replay" not in live_metadata(begun)


def test_rest_of_a_replay_is_shown_at_once_on_demand(made, path):
    again = replay(path, speed=0.0001)
    with pytest.raises(TimeoutError):
        again.result(0.01)
    assert again.status == "running"
    again.finish()
    assert again.result(20).status == "completed"


def test_recording_is_private_and_begins_with_a_header(made, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header, first, *_, last = lines(path)
    assert (header["format"], header["version"]) == ("kgnb-recording", 1)
    assert (header["kgnb"], header["workflow"]) == (kgnb.__version__, "article")
    assert (first["type"], last["type"]) == ("workflow_started", "workflow_completed")


def test_streams_in_a_recording_are_played_by_prompt_or_name(made, path):
    whole = "".join(recorded(TIDES, speed=0))
    for prompt in (TIDES, "draft", "Draft:2.1/draft"):
        played = replay(path, prompt, speed=0)
        assert "".join(played) == kgnb.stream(played).result() == whole
    with pytest.raises(InvalidValue, match="nearest one is 'Write one short"):
        replay(path, "Write one short paragraph")


def test_recorded_stream_keeps_reasoning_calls_and_usage(path):
    call = {"index": 0, "id": "c1", "function": {"name": "find", "arguments": '{"a"'}}
    more = {"index": 0, "function": {"name": "", "arguments": ": 1}"}}
    other = {"index": 1, "id": "c2", "function": {"name": "look", "arguments": ""}}
    deltas = [
        {"reasoning_content": "hm"},
        {"content": "Yes"},
        {"tool_calls": [call]},
        {"tool_calls": [more, other]},
    ]
    chunks = [{"choices": [{"delta": delta}]} for delta in deltas]
    counted = {"prompt_tokens": 5, "completion_tokens": 7}
    chunks.append({"choices": [], "usage": counted})
    texts = []

    def says(_shared):
        texts.append(kgnb.stream(iter(chunks), name="s").result())

    run(says, record=path).result(20)
    again = kgnb.stream(replay(path, "s", speed=0)).result()
    assert again == texts[0] == "Yes"
    for name in ("reasoning", "tool_calls", "spent"):
        assert getattr(again, name) == getattr(texts[0], name)


def test_secrets_of_a_run_are_not_recorded(path):
    def leaks(_shared):
        print("OPENAI_API_KEY=sk-abcdefghijklmnopqrst")
        return {"password": "hunter2", "tokens": 3}

    assert run(leaks, record=path).result(20).value["password"] == "hunter2"
    assert "hunter2" not in path.read_text()
    assert "sk-abc" not in path.read_text()
    value = replay(path, speed=0).result(20).value
    assert value == {"password": "[redacted]", "tokens": 3}


def test_failed_run_fails_again_with_its_text(path):
    def breaks(_shared):
        raise ValueError("no ink")

    with pytest.raises(ValueError, match="no ink"):
        run(breaks, record=path).result(20)
    again = replay(path, speed=0)
    with pytest.raises(KgnbError, match=r"'breaks' failed in node .*: .*no ink"):
        again.result(20)
    assert again.status == "failed"


def test_cancelled_run_is_cancelled_again(path, eventually):
    async def waits(_shared):
        await asyncio.sleep(60)

    handle = run(waits, record=path)
    eventually(lambda: handle.view.nodes)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(20)
    with pytest.raises(RunCancelled):
        replay(path, speed=0).result(20)


def test_recording_of_a_process_that_died_is_shown_as_far_as_it_goes(made, path):
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:8]) + whole[8][:40])  # in the middle of a line
    known = sum(b'"seq":' in line for line in whole[:8])
    again = replay(path, speed=0)
    with pytest.raises(RunLost):
        again.result(20)
    assert again.view.seq == known + 1  # and the end that it has not


def test_broken_line_is_named(made, path):
    whole = path.read_bytes().splitlines(keepends=True)
    whole[3] = b'{"type": "token", "run_id": "x"}\n'
    path.write_bytes(b"".join(whole))
    with pytest.raises(InvalidValue, match=r"article\.jsonl, line 4: event 'token'"):
        replay(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", r"line 1: no recording of kgnb's"),
        ('{"format": "vcr", "version": 1}', r"its format is 'vcr'"),
        (
            '{"format": "kgnb-recording", "version": 9, "kgnb": "3.0"}',
            r"version is 9, and this kgnb .* reads 1; it was written by kgnb 3\.0",
        ),
    ],
)
def test_file_that_is_no_recording_says_why(path, text, told):
    path.write_text(text + "\n")
    with pytest.raises(InvalidValue, match=told):
        replay(path)


def test_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(InvalidValue, match=r"no such recording; make one by kgnb\.run"):
        replay(tmp_path / "no.jsonl")


def test_recording_never_replaces_a_file_of_another_kind(path):
    path.write_text("my thesis")
    with pytest.raises(InvalidValue, match=r"no recording of kgnb's; it is left"):
        run(article(), {}, record=path)
    assert path.read_text() == "my thesis"


def test_recording_replaces_an_earlier_one(made, path):
    run(lambda shared: 7, record=path).result(20)
    assert lines(path)[-1]["data"] == 7


@pytest.mark.parametrize(
    ("record", "told"), [("no/such/x.jsonl", "cannot be written"), (3, "a path")]
)
def test_place_that_cannot_be_written_is_told_at_once(record, told):
    with pytest.raises(InvalidValue, match=told):
        run(article(), {}, record=record)


def test_full_disk_ends_the_recording_and_not_the_run(path, monkeypatch, caplog):
    class Full:
        closed = False

        def write(self, line):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.closed = True

    monkeypatch.setattr(recorders, "create", lambda *_, **__: Full())
    with caplog.at_level(logging.WARNING, "kgnb.runtime"):
        result = run(article(), {}, answers=["publish"], record=path).result(20)
    assert result.status == "completed"
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "is not whole: No space left on device. The run goes on." in told[0]


def moments(*seconds):
    def event(kind, at, **fields):
        stamp = f"2026-01-01T00:00:{at:06.3f}Z"
        return kind(run_id="r", workflow="w", timestamp=stamp, **fields)

    first, *middle, last = seconds
    node = {"node_id": "A", "status": "running"}
    return [
        event(e.WorkflowStarted, first),
        *(event(e.NodeUpdate, at, **node) for at in middle),
        event(e.WorkflowCompleted, last, data=None),
    ]


@pytest.mark.parametrize(
    ("speed", "idle", "waits"),
    [
        (1.0, None, [1, 41]),
        (2.0, None, [0.5, 20.5]),
        (1.0, 5.0, [1, 6]),
        (0, None, [0]),
    ],
)
def test_script_gives_each_event_when_it_is_due(speed, idle, waits):
    now = [100.0]
    recorded_events = moments(0, 0, 1, 41)
    options = {"speed": speed, "idle": idle, "clock": lambda: now[0]}
    script = Script(recorded_events, "new", **options)
    script.take_due(10)
    seen = [] if not script.is_over else [0]
    while not script.is_over:
        now[0] += script.wait
        seen.append(now[0] - 100)
        script.take_due(10)
    assert seen == pytest.approx(waits)


def test_script_without_speed_keeps_the_times_and_else_moves_them():
    kept = Script(moments(1, 2), "new", speed=0, idle=None).take_due(5)
    assert [event.timestamp[-7:] for event in kept] == ["01.000Z", "02.000Z"]
    moved = Script(moments(1, 3), "new", speed=2, idle=None, clock=lambda: 0.0)
    stamps = [moved.take().timestamp for _ in range(2)]
    assert stamps == ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.000Z"]
