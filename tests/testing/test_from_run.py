"""``kgnb test-from``: the test that it writes is run."""

import asyncio
import json
import runpy
import sys
from pathlib import Path

import pytest

import kgnb
from kgnb import cli
from kgnb.errors import InvalidValue
from kgnb.protocol import codec
from kgnb.runtime import home
from kgnb.testing import TIME_OUT, Answer, answers, in_turn
from kgnb.testing.from_run import RunTest, events_of, recorded_events
from kgnb.testing.source import code

PROGRAM = """
import kgnb

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["publish", "revise"],
                        timeout=600, on_timeout="revise").result()

    def post(self, shared, _, answer):
        shared["answer"] = answer.value
        return answer.value

class Publish(kgnb.Node):
    def exec(self, _):
        return "published"

def make():
    review, publish = Review(), Publish()
    review - "publish" >> publish
    review - "revise" >> review
    return kgnb.Graph(review, name='the "article"')

def breaks():
    def fails():
        raise ValueError("out of order")
    return kgnb.Graph(kgnb.node(fails), name="fails")
"""


@pytest.fixture(autouse=True)
def _no_home_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    home.shutdown()


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The user's module, where the command is called."""
    (tmp_path / "program_under_test.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield __import__("program_under_test")
    del sys.modules["program_under_test"]


def record(graph, *given):
    with answers(list(given)):
        run = kgnb.run(graph, {"topic": "tides"}, record="run.jsonl", panel=False)
        run.result(30)


def command(*more):
    arguments = ["run.jsonl", "--graph", "program_under_test:make", *more]
    return cli.main(["test-from", *arguments, "--shared", '{"topic": "tides"}'])


def test_test_of_a_run_passes_and_scripts_what_people_answered(program, capsys):
    record(program.make(), TIME_OUT, Answer("revise", reason="long"), "publish")
    assert command("-o", "written.py") == 0
    written = runpy.run_path("written.py")
    written["test_the_article_goes_as_recorded"]()
    source = Path("written.py").read_text()
    assert 'Answer("revise", reason="long"),' in source
    assert 'done.path == ["Review", "Review", "Review", "Publish"]' in source
    assert 'sorted(map(str, done.shared)) == ["answer", "topic"]' in source
    assert command("-o", "written.py") == 1
    assert "--force overwrites it" in capsys.readouterr().err


def test_test_that_the_graph_would_fail_now_is_written_and_told(program, capsys):
    record(program.make(), "publish")
    program.make = lambda: kgnb.Graph(program.Review(), name="short")
    assert command() == 1
    told = capsys.readouterr()
    assert "the test does not pass: it goes another way now: Review" in told.err
    assert "def test_the_article_goes_as_recorded():" in told.out


def test_test_of_a_run_that_failed_expects_that(program, capsys):
    graph = program.breaks()
    run = kgnb.run(graph, record="run.jsonl", panel=False)
    with pytest.raises(ValueError, match="out of order"):
        run.result(30)
    test = RunTest(recorded_events(Path("run.jsonl")), "program_under_test:breaks")
    keys, problem = test.try_it()
    assert (keys, problem) == (None, None)
    assert "raises=False" in test.text(keys)
    assert 'done.status == "failed"' in test.text(keys)


def test_events_of_a_server_are_those_of_the_recording(program):
    record(program.make(), "publish")
    events = recorded_events(Path("run.jsonl"))

    class Client:
        async def events(self, *, run_id):
            for event in events:
                yield json.loads(codec.encode(event))

    got = asyncio.run(events_of(Client(), "r"))
    assert got == events

    class Forgetful:
        async def events(self, *, run_id):
            yield {"type": "snapshot", "view": {}}

    with pytest.raises(InvalidValue, match="no longer has its first events"):
        asyncio.run(events_of(Forgetful(), "r"))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("program_under_test", "expected MODULE:NAME"),
        ("program_under_test:nothing", "has no attribute 'nothing'"),
        ("no_such_module:make", "No module named 'no_such_module'"),
    ],
)
def test_graph_that_cannot_be_found_is_named(program, capsys, target, told):
    record(program.make(), "publish")
    assert cli.main(["test-from", "run.jsonl", "--graph", target]) == 1
    assert told in capsys.readouterr().err


def test_recording_that_is_not_there_is_named(program, capsys):
    assert command() == 1
    assert "run.jsonl: there is no such recording" in capsys.readouterr().err


def test_code_breaks_lines_that_are_too_long():
    assert code({"a": [1, ("x",)]}, before="v = ") == 'v = {"a": [1, ("x",)]}'
    long = {"key": in_turn("x" * 40, Answer("y" * 40, reason="it's"), None)}
    expected = f"""\
    v={{
        "key": in_turn(
            "{"x" * 40}",
            Answer("{"y" * 40}", reason="it's"),
            None,
        ),
    }},"""
    assert code(long, before="    v=", after=",") == expected
