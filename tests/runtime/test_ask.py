"""Questions: opened at the call, judged by the log, seen in the view."""

import asyncio
import json
import threading

import pytest

import kgnb
from kgnb.errors import (
    AlreadyAnswered,
    ApprovalCancelled,
    ApprovalTimeout,
    InvalidValue,
    NoSuchApproval,
    OutsideRun,
    RunCancelled,
    Unanswerable,
)
from kgnb.runtime import SKIP, ask, run


def asks(**options):
    """A run's function that asks once and gives the answer."""

    def question():
        answer = ask("Publish?", **options).result()
        return [answer.value, answer.outcome]

    return question


def opened(handle, eventually, count=1):
    def found():
        approvals = [a for a in handle.approvals if a.state == "open"]
        return approvals if len(approvals) == count else None

    return eventually(found)


def test_answer_from_another_thread_reaches_the_node(eventually):
    handle = run(asks(options=["yes", "no"], payload={"text": "…"}))
    (approval,) = opened(handle, eventually)
    assert (approval.message, approval.options) == ("Publish?", ["yes", "no"])
    assert approval.payload == {"text": "…"}
    assert handle.status == "waiting"
    eventually(lambda: handle.view.nodes["question"].status == "waiting")
    handle.answer(approval.approval_id, "yes", reason="fine")
    result = handle.result(10)
    assert result.value == ["yes", "answered"]
    (approval,) = result.approvals
    assert (approval.state, approval.by.kind) == ("answered", "human")
    assert approval.reason == "fine"


def test_node_runs_again_after_its_answer(eventually):
    go = threading.Event()

    def question():
        ask("?").result()
        go.wait(10)

    handle = run(question)
    (approval,) = opened(handle, eventually)
    handle.answer(approval.approval_id, "text")
    eventually(lambda: handle.view.nodes["question"].status == "running")
    go.set()
    handle.result(10)


def test_second_answer_raises_with_the_winning_one(eventually):
    both = threading.Event()

    def question():
        value = ask("?", options=["a", "b"]).result().value
        both.wait(10)
        return value

    handle = run(question)
    (approval,) = opened(handle, eventually)
    handle.answer(approval.approval_id, "a")
    with pytest.raises(AlreadyAnswered) as caught:
        handle.answer(approval.approval_id, "b")
    assert (caught.value.code, caught.value.value) == ("already_answered", "a")
    both.set()
    assert handle.result(10).value == "a"
    with pytest.raises(AlreadyAnswered):
        handle.answer(approval.approval_id, "b")


def test_answer_not_among_the_options_is_refused_and_the_question_stays_open(
    eventually,
):
    handle = run(asks(options=["yes", "no"]))
    (approval,) = opened(handle, eventually)
    with pytest.raises(InvalidValue, match="expected one of 'yes', 'no'"):
        handle.answer(approval.approval_id, "maybe")
    assert handle.approvals[0].state == "open"
    handle.answer(approval.approval_id, "no")
    assert handle.result(10).value == ["no", "answered"]


def test_answer_to_an_approval_that_is_none(eventually):
    handle = run(asks())
    opened(handle, eventually)
    with pytest.raises(NoSuchApproval):
        handle.answer("0" * 20, "x")
    handle.cancel()


def test_await_in_an_async_node_and_several_open_at_once(eventually):
    async def two(_shared):
        first, second = ask("first?"), ask("second?")
        return [(await second).value, (await first).value]

    handle = run(two)
    approvals = opened(handle, eventually, 2)
    handle.answer(approvals[0].approval_id, "1")
    assert handle.status == "waiting"
    handle.answer(approvals[1].approval_id, "2")
    assert handle.result(10).value == ["2", "1"]


def test_deadline_with_on_timeout_gives_its_value_as_timed_out():
    handle = run(asks(options=["a", "b"], timeout=0.05, on_timeout="b"))
    result = handle.result(10)
    assert result.value == ["b", "timed_out"]
    assert result.approvals[0].state == "timed_out"


def test_deadline_without_on_timeout_raises():
    with pytest.raises(ApprovalTimeout, match="nobody answered"):
        run(asks(timeout=0.05)).result(10)


def test_on_timeout_none_is_a_value():
    handle = run(asks(timeout=0.05, on_timeout=None))
    assert handle.result(10).value == [None, "timed_out"]


def test_question_unread_when_its_node_ends_is_cancelled():
    def forgets():
        ask("anyone?")

    result = run(forgets).result(10)
    assert result.approvals[0].state == "cancelled"
    assert result.approvals[0].reason == "its node ended unread"
    assert result.view.nodes["forgets"].status == "completed"


def test_cancel_wakes_a_thread_that_waits(eventually):
    handle = run(asks())
    opened(handle, eventually)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(5)
    assert handle.approvals[0].state == "cancelled"
    assert handle.view.nodes["question"].status == "cancelled"


def test_retry_asks_the_same_question_once():
    tries = []

    class Retries(kgnb.Node):
        def exec(self, _):
            tries.append(ask("ok?", options=["y"]).result().value)
            if len(tries) < 3:
                raise OSError

    result = run(Retries(max_retries=3), answers={"ok?": "y"}).result(10)
    assert tries == ["y", "y", "y"]
    assert len(result.approvals) == 1


def test_parallel_items_each_have_their_question():
    class Each(kgnb.ParallelBatchNode):
        def prep(self, _):
            return range(5)

        def exec(self, item):
            return ask(f"item {item}?").result().value

    answers = {f"item {n}?": str(n) for n in range(5)}
    result = run(Each(), answers=answers).result(10)
    assert result.value == ["0", "1", "2", "3", "4"]
    assert len({a.approval_id for a in result.approvals}) == 5


def test_forty_waiting_questions_starve_nobody(eventually):
    handles = [run(asks()) for _ in range(40)]
    assert run(lambda: 1).result(10).value == 1
    for handle in handles:
        (approval,) = opened(handle, eventually)
        handle.answer(approval.approval_id, "x")
    for handle in handles:
        handle.result(10)


@pytest.mark.parametrize("answers", [{"Publish?": "yes"}, {"p": "yes"}, ["yes"]])
def test_scripted_answers_are_marked_as_a_scripts(answers):
    result = run(asks(options=["yes"], name="p"), answers=answers).result(10)
    assert result.value == ["yes", "answered"]
    assert result.approvals[0].by.kind == "script"


def test_callable_answers_get_the_approval_and_may_skip(eventually):
    seen = []

    def answer(approval):
        seen.append((approval.message, approval.options))
        return SKIP

    handle = run(asks(options=["a"]), answers=answer)
    (approval,) = opened(handle, eventually)
    assert seen == [("Publish?", ["a"])]
    handle.answer(approval.approval_id, "a")
    handle.result(10)


def test_scripted_answer_that_does_not_fit_fails_the_node():
    with pytest.raises(InvalidValue, match=r"answers=.*expected one of"):
        run(asks(options=["a"]), answers=["b"]).result(10)


def test_answers_of_a_wrong_kind_are_refused():
    with pytest.raises(TypeError, match="dict, a list or a callable"):
        run(asks(), answers=3)


def test_answers_from_the_environment(monkeypatch):
    monkeypatch.setenv("KGNB_ANSWERS", json.dumps({"Publish?": "yes"}))
    assert run(asks(), mode="ci").result(10).value == ["yes", "answered"]
    monkeypatch.setenv("KGNB_ANSWERS", "yes")
    with pytest.raises(InvalidValue, match="KGNB_ANSWERS"):
        run(asks())


def test_approval_nobody_can_answer_in_ci_fails_at_once_by_name():
    handle = run(asks(name="sign-off"), mode="ci")
    with pytest.raises(Unanswerable, match=r"'sign-off'.*answers=") as caught:
        handle.result(0)
    assert "kgnb: in node 'question'" in caught.value.__notes__[0]
    assert handle.status == "failed"


def test_approval_nobody_can_answer_fails_even_if_its_node_would_forgive():
    class Forgives(kgnb.Node):
        def exec(self, _):
            return ask("?").result()

        def exec_fallback(self, _, exc):
            return "whatever"

    with pytest.raises(Unanswerable):
        run(Forgives(max_retries=3), mode="ci").result(10)


def test_ask_outside_a_run_raises():
    with pytest.raises(OutsideRun, match=r"kgnb\.run"):
        ask("?")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"options": []}, InvalidValue, "empty"),
        ({"options": "yes"}, InvalidValue, "one str"),
        ({"kind": "shout"}, InvalidValue, "kind='shout'"),
        ({"schema": Exception}, InvalidValue, "no JSON Schema can be made of it"),
        ({"payload": "x" * 2_000_000}, InvalidValue, "too much to show"),
    ],
)
def test_question_that_cannot_be_asked_says_why(options, error, match):
    with pytest.raises(error, match=match):
        run(asks(**options)).result(10)


def test_edited_payload_is_the_answer():
    handle = run(asks(payload={"a": 1}, kind="edit"), answers=[{"a": 2}])
    assert handle.result(10).value == [{"a": 2}, "answered"]


def test_form_is_held_to_its_schema(eventually):
    schema = {"type": "object", "required": ["n"]}
    handle = run(asks(schema=schema))
    (approval,) = opened(handle, eventually)
    assert (approval.kind, approval.schema) == ("form", schema)
    with pytest.raises(InvalidValue, match="required"):
        handle.answer(approval.approval_id, {})
    handle.answer(approval.approval_id, {"n": 1})
    handle.result(10)


def test_wait_in_the_loop_that_must_work_says_await():
    async def wrong(_shared):
        with pytest.raises(kgnb.KgnbError, match="use await"):
            ask("?").result()
        return "told"

    assert run(wrong).result(10).value == "told"


def test_await_given_up_cancels_the_question_at_the_nodes_end():
    async def impatient(_shared):
        try:
            async with asyncio.timeout(0.05):
                await ask("?")
        except TimeoutError:
            return "gave up"

    result = run(impatient).result(10)
    assert result.value == "gave up"
    assert result.approvals[0].state == "cancelled"


def test_cancelled_question_raises_where_it_is_read_later():
    async def reads_later(_shared):
        return None

    kept = []

    class First(kgnb.Node):
        def exec(self, _):
            kept.append(ask("?"))

    class Second(kgnb.Node):
        def exec(self, _):
            with pytest.raises(ApprovalCancelled, match="its node ended"):
                kept[0].result()
            return "told"

    first, second = First(), Second()
    first >> second
    assert run(kgnb.Graph(first)).result(10).value == "told"


def test_blocked_question_that_nobody_sees_is_complained_of(monkeypatch, caplog):
    monkeypatch.setattr("kgnb.runtime.prompting.PATIENCE", 0.0)
    handle = run(asks(), panel=False)
    with pytest.raises(TimeoutError):
        handle.result(1.0)
    handle.cancel()
    assert "no panel shows it" in caplog.text
    assert "answers=" in caplog.text
