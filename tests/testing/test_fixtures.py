"""The fixtures that the plugin gives to everybody's tests."""

import pytest

import kgnb
from kgnb.runtime import home


@pytest.fixture(autouse=True)
def _no_home_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    home.shutdown()


def question():
    return kgnb.ask("Go?", timeout=60, on_timeout="no").result().value


def test_answers_of_the_fixture_hold_for_the_rest_of_the_test(kgnb_answers, run_graph):
    script = kgnb_answers({"Go?": "yes"})
    assert run_graph(question).result == "yes"
    assert run_graph(question).result == "yes"
    assert script.given == ["yes", "yes"]


def test_answers_of_the_fixture_are_given_once(kgnb_answers):
    kgnb_answers()
    with pytest.raises(RuntimeError, match="give it all answers at once"):
        kgnb_answers()


def test_clock_of_the_fixture_moves_deadlines(kgnb_clock, eventually):
    run = kgnb.run(question, panel=False)
    eventually(lambda: run.status == "waiting")
    kgnb_clock.advance(61)
    assert run.result(30).value == "no"
