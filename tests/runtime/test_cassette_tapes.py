"""Models' replies, recorded once and played by what was asked."""

import asyncio
import stat
import threading
from types import SimpleNamespace

import pytest

import kgnb
from kgnb.errors import InvalidValue
from kgnb.runtime.cassette.tapes import plain

ASKED = [{"role": "user", "content": "Why tides?"}]


class Model:
    """Counts how often it is asked."""

    model = "m-1"

    def __init__(self, *texts):
        self.texts = list(texts) or ["The ", "moon."]
        self.calls = 0

    def stream(self, messages, **_):
        self.calls += 1
        yield from self.texts

    async def astream(self, messages, **_):
        self.calls += 1
        for text in self.texts:
            yield text

    async def create(self, *, model, messages, **_):
        return self.astream(messages)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tape.jsonl"


def tape(path, mode="once"):
    return kgnb.Cassette(path, mode, speed=0)


def ask(cassette, call, *args, **kwargs):
    return kgnb.stream(cassette.play(call, *args, **kwargs)).result()


def test_once_records_and_then_plays_without_the_model(path):
    model = Model()
    assert ask(tape(path), model.stream, ASKED) == "The moon."
    again = tape(path)
    assert not again.records
    assert ask(again, model.stream, ASKED) == "The moon."
    assert model.calls == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_async_call_is_awaited_recorded_and_played(path):
    model = Model()

    async def talk(cassette):
        request = {"model": "m", "messages": ASKED, "stream": True}
        return await kgnb.stream(cassette.play(model.create, **request))

    assert asyncio.run(talk(tape(path))) == "The moon."
    assert asyncio.run(talk(tape(path, "none"))) == "The moon."
    assert model.calls == 1


def test_sync_client_in_an_async_node_blocks_no_loop(path):
    seen = []

    class Slow(Model):
        def stream(self, messages, **_):
            for text in self.texts:
                seen.append(threading.current_thread() is threading.main_thread())
                yield text

    async def talk():
        return await kgnb.stream(tape(path).play(Slow().stream, ASKED))

    assert asyncio.run(talk()) == "The moon."
    assert seen == [False, False]
    assert ask(tape(path, "none"), Model().stream, ASKED) == "The moon."


def test_async_client_in_sync_code_says_what_to_do(path):
    model = Model()
    for call in (model.astream, model.create):
        with pytest.raises(TypeError, match="gives an async stream; use 'await kgnb"):
            list(tape(path).play(call, model="m", messages=ASKED))
    assert not path.exists()


def test_all_records_anew(path):
    ask(tape(path), Model("old").stream, ASKED)
    assert ask(tape(path, "all"), Model("new").stream, ASKED) == "new"
    assert ask(tape(path, "none"), Model().stream, ASKED) == "new"
    assert len(path.read_bytes().splitlines()) == 2


def test_none_without_a_file_says_how_to_make_one(path):
    with pytest.raises(InvalidValue, match="no such recording; make one"):
        tape(path, "none")


def test_miss_names_the_closest_and_asks_nobody(path):
    model = Model()
    ask(tape(path), model.stream, ASKED)
    told = r"no reply of m-1 to 'Why tide\?' .*; the nearest one is 'Why tides\?'; rec"
    with pytest.raises(InvalidValue, match=told):
        tape(path).play(model.stream, [{"role": "user", "content": "Why tide?"}])
    assert model.calls == 1


def test_miss_by_the_model_alone_names_the_recorded_model(path):
    ask(tape(path), Model().stream, ASKED, model="small")
    with pytest.raises(InvalidValue, match=r"of large to .* of small or after other"):
        tape(path).play(Model().stream, ASKED, model="large")


def test_same_request_again_gets_the_next_reply(path):
    cassette = tape(path)
    for text in ("one", "two"):
        ask(cassette, Model(text).stream, ASKED)
    played = tape(path)
    assert [ask(played, Model().stream, ASKED) for _ in range(3)] == [
        "one",
        "two",
        "two",
    ]


def test_reply_that_was_not_read_to_its_end_is_not_kept(path):
    for _ in tape(path).play(Model().stream, ASKED):
        break
    assert not path.exists()


def test_request_is_known_in_all_forms(path):
    said = SimpleNamespace(type="human", content="Why tides?", id="random")
    prompt = SimpleNamespace(to_messages=lambda: [said])
    cassette = tape(path)
    ask(cassette, Model("prompt").stream, prompt)
    ask(cassette, Model("text").stream, "Why tides?")
    ask(cassette, Model("system").stream, "Why tides?", system="Be brief.")
    played = tape(path)
    again = SimpleNamespace(type="human", content="Why tides?", id="another")
    assert ask(played, Model().stream, [again]) == "prompt"
    assert ask(played, Model().stream, [("user", "Why tides?")]) == "text"
    assert ask(played, Model().stream, ASKED) == "text"
    assert ask(played, Model().stream, ASKED, system="Be brief.") == "system"


def test_call_that_asks_nothing_is_refused(path):
    with pytest.raises(InvalidValue, match="what is asked"):
        tape(path).play(Model().stream)


@pytest.mark.parametrize("mode", ["new_episodes", None])
def test_unknown_mode_is_refused(path, mode):
    with pytest.raises(InvalidValue, match="expected one of 'once', 'none', 'all'"):
        tape(path, mode)


def test_other_file_is_left_as_it_is(path):
    path.write_text("notes")
    with pytest.raises(InvalidValue, match="no recording of kgnb's"):
        ask(tape(path, "all"), Model().stream, ASKED)
    assert path.read_text() == "notes"


def test_secret_in_a_request_is_hidden_and_still_found(path):
    asked = [{"role": "user", "content": "Use sk-abcdefghijklmnop0123"}]
    ask(tape(path), Model().stream, asked)
    assert "sk-abc" not in path.read_text()
    assert ask(tape(path), Model().stream, asked) == "The moon."


def test_played_chunks_are_read_as_the_clients_are(path):
    chunk = SimpleNamespace(
        choices=[SimpleNamespace(delta=SimpleNamespace(content="Hi"))]
    )
    list(tape(path).play(lambda _: [chunk], "x"))
    (played,) = tape(path).play(lambda _: [], "x")
    assert played.choices[0].delta.content == "Hi"
    assert played["choices"][0]["delta"]["content"] == "Hi"
    assert played.usage is None


def test_half_an_emoji_is_recorded(path):
    assert ask(tape(path), Model("\ud83d", "\ude00").stream, "x") == "\U0001f600"
    assert path.exists()


def test_recording_of_a_run_has_what_its_cassette_asked(tmp_path, path):
    cassette = tape(path)

    def talks(_shared):
        return ask(cassette, Model().stream, ASKED)

    whole = tmp_path / "run.jsonl"
    kgnb.run(talks, record=whole).result(20)
    played = kgnb.replay(whole, "Why tides?", speed=0)
    assert "".join(played) == "The moon."
    assert played.model == "m-1"


def test_langgraph_pair_and_unknown_object_are_recorded_plainly():
    assert plain(("text", {"node": "a"})) == "text"
    assert plain({"a": [1, SimpleNamespace(b=2)]}) == {"a": [1, {"b": 2}]}
