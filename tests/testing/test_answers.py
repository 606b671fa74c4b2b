"""``kgnb.testing.answers``, ``run_graph`` and ``Clock`` on real runs."""

import re
import time

import pytest

import kgnb
from kgnb.errors import ApprovalTimeout, InvalidValue, Unanswerable
from kgnb.runtime import home
from kgnb.testing import (
    SKIP,
    TIME_OUT,
    Answer,
    Clock,
    answers,
    in_turn,
    run_graph,
    run_graph_async,
)


@pytest.fixture(autouse=True)
def _no_home_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    home.shutdown()


class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish 12 pages?", options=["publish", "revise"]).result()

    def post(self, shared, _, answer):
        shared.setdefault("answers", []).append((answer.value, answer.reason))
        return answer.value


class Publish(kgnb.Node):
    def exec(self, _):
        return "published"


def article():
    review, publish = Review(), Publish()
    review - "publish" >> publish
    review - "revise" >> review
    return kgnb.Graph(review, name="article")


def ask(**how):
    def question():
        return kgnb.ask("Go?", options=["yes", "no"], **how).result().value

    return question


def test_run_graph_tells_path_approvals_and_events():
    done = run_graph(article(), {"n": 1}, answers=["revise", "publish"])
    assert done.path == ["Review", "Review", "Publish"]
    assert [one.value for one in done.approvals] == ["revise", "publish"]
    assert {one.by.kind for one in done.approvals} == {"script"}
    assert (done.status, done.result) == ("completed", "published")
    assert set(done.shared) == {"n", "answers"}
    assert done.events[0].seq == 1
    assert type(done.events[-1]).__name__ == "WorkflowCompleted"


def test_run_graph_async_tells_the_same():
    async def main():
        return await run_graph_async(article(), answers=["publish"])

    import asyncio

    done = asyncio.run(main())
    assert done.path == ["Review", "Publish"]
    assert done.status == "completed"


@pytest.mark.parametrize(
    "script",
    [
        {"Review": "publish"},
        {"Publish 12 pages?": "publish"},
        {"Publish * pages?": "publish"},
        {re.compile(r"\d+ pages"): "publish"},
        {"Publish*": in_turn("publish")},
        {"Publish*": lambda approval: approval.options[0]},
        lambda approval: approval.options[0],
        ["publish"],
    ],
)
def test_answers_of_each_kind_are_found(script):
    with answers(script):
        result = kgnb.run(article(), {}, panel=False).result(30)
    assert result.shared["answers"] == [("publish", None)]


def test_answer_with_a_reason_stands_in_the_log_with_it():
    done = run_graph(article(), answers=[Answer("publish", reason="good")])
    assert done.shared["answers"] == [("publish", "good")]
    assert done.approvals[0].reason == "good"


def test_answers_in_turn_differ_for_one_key():
    with answers({"Publish*": in_turn("revise", "revise", "publish")}) as script:
        result = kgnb.run(article(), {}, panel=False).result(30)
    assert len(result.shared["answers"]) == 3
    assert script.given == ["revise", "revise", "publish"]


def test_approval_without_an_answer_fails_at_once_and_lists_what_there_is():
    with pytest.raises(Unanswerable) as failed:
        run_graph(article(), answers={"Delete?": "no"})
    told = str(failed.value)
    assert "approval 'Publish 12 pages?' of node 'Review'" in told
    assert "There are 'Delete?'" in told
    assert "answers({'Publish 12 pages?': …})" in told


def test_run_graph_without_any_answers_fails_at_the_question():
    with pytest.raises(Unanswerable, match="None is left"):
        run_graph(article())


def test_node_that_swallows_the_error_does_not_save_its_run():
    def stubborn():
        try:
            kgnb.ask("Go?").result()
        except Unanswerable:
            return "went on"

    done = run_graph(stubborn, answers={"Other?": 1}, raises=False)
    assert done.status == "failed"
    assert isinstance(done.error, Unanswerable)


def test_answers_left_over_fail_the_test_and_are_listed():
    with pytest.raises(AssertionError) as failed:
        run_graph(article(), answers=["publish", "revise"])
    assert "never asked for: 'revise'" in str(failed.value)
    with (
        pytest.raises(AssertionError, match="never asked for: 'Delete"),
        answers({"Publish*": "publish", "Delete*": "no"}),
    ):
        kgnb.run(article(), {}, panel=False).result(30)


def test_error_of_the_test_is_not_hidden_by_answers_left_over():
    with pytest.raises(ZeroDivisionError), answers({"Delete*": "no"}):
        _ = 1 / 0


def test_skip_leaves_the_question_to_people(eventually):
    with answers({"Publish*": SKIP}):
        run = kgnb.run(article(), {}, panel=False)
        asked = eventually(lambda: run.approvals)[0]
        run.answer(asked.approval_id, "publish")
        run.result(30)
    assert run.approvals[0].by.kind != "script"


def test_answers_in_the_call_of_run_count_before_those_around():
    with answers():
        result = kgnb.run(article(), {}, panel=False, answers=["publish"]).result(30)
    assert result.shared["answers"] == [("publish", None)]


def test_time_out_lets_a_deadline_pass_at_once():
    began = time.monotonic()
    done = run_graph(ask(timeout=900, on_timeout="no"), answers={"Go?": TIME_OUT})
    assert done.result == "no"
    assert done.approvals[0].state == "timed_out"
    with pytest.raises(ApprovalTimeout):
        run_graph(ask(timeout=900), answers=[TIME_OUT])
    assert time.monotonic() - began < 20


def test_time_out_of_a_question_without_a_deadline_is_refused():
    with pytest.raises(InvalidValue, match="has no timeout="):
        run_graph(ask(), answers={"Go?": TIME_OUT})


def test_clock_lets_deadlines_pass_that_are_open_and_no_others(eventually):
    clock = Clock()
    run = kgnb.run(ask(timeout=300, on_timeout="no"), panel=False)
    eventually(lambda: run.status == "waiting")
    clock.advance(299)
    later = kgnb.run(ask(timeout=300, on_timeout="no"), panel=False)
    eventually(lambda: later.status == "waiting")
    clock.advance(2)
    assert run.result(30).value == "no"
    assert later.approvals[0].state == "open"
    clock.advance(300)
    assert later.result(30).value == "no"
    assert clock.advanced == 601
    with pytest.raises(ValueError, match="from 0 up"):
        clock.advance(-1)


def test_answers_under_a_key_that_is_none_are_refused():
    with pytest.raises(TypeError, match="expected a name, a message"):
        answers({3: "yes"})
