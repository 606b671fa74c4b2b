"""Recorded replies: found by their prompt, played at any speed."""

import asyncio
import json

import pytest

from kgnb.errors import InvalidValue
from kgnb.runtime import recorded, replay
from kgnb.runtime.cassette import playback

TIDES = "Write one short paragraph about the ocean tides."


def test_recorded_reply_plays_in_sync_and_async_code_again_and_again():
    played = recorded(TIDES, speed=0)

    async def collect():
        return [piece async for piece in played]

    assert list(played) == list(played) == asyncio.run(collect())
    assert "".join(played) == played.recording.text
    assert played.recording.text.startswith("The ocean tides")


def test_recorded_says_where_it_is_from():
    assert repr(recorded(TIDES)) == f"<recorded from smollm2-135m: {TIDES!r}>"


def test_unknown_prompt_names_the_nearest():
    with pytest.raises(InvalidValue, match="nearest one is 'Write one short para"):
        recorded("Write a short paragraph about ocean tides")


def test_real_speed_waits_as_recorded(monkeypatch):
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(playback.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(playback.time, "sleep", sleep)
    played = recorded(TIDES, speed=2.0)
    list(played)
    assert now[0] == pytest.approx(played.recording.events[-1][0] / 2)
    assert slept[0] == pytest.approx(0.2337 / 2)


def test_negative_speed_is_refused():
    with pytest.raises(InvalidValue, match="speed"):
        recorded(TIDES, speed=-1)


def line(prompt):
    request = {"messages": [{"role": "user", "content": prompt}]}
    return json.dumps({"model": "m", "request": request, "events": [[0.1, prompt]]})


def test_replay_of_a_file_by_prompt_or_alone(tmp_path):
    one = tmp_path / "one.jsonl"
    one.write_text(line("a"))
    assert list(replay(one, speed=0)) == ["a"]
    two = tmp_path / "two.jsonl"
    two.write_text(line("a") + "\n\n" + line("b"))
    assert list(replay(two, "b", speed=0)) == ["b"]
    with pytest.raises(InvalidValue, match="holds 2 recordings"):
        replay(two)


def test_line_that_is_no_recording_is_named(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(line("a") + "\n{}")
    with pytest.raises(InvalidValue, match="line 2"):
        replay(path)
