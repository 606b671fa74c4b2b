"""Durable runs whose process ends under them, and those that go on with them.

A process is ended as the interpreter's exit ends it, and the next one is another for
the log: see ``reborn``. Real processes die in test_durable_scripts.py.
"""

import concurrent.futures
import functools
import threading
import types

import durable_harness
import msgspec
import pytest
from durable_harness import WAIT, Journal

from kgnb import (
    AsyncParallelBatchNode,
    BatchNode,
    Graph,
    Node,
    ask,
    errors,
    idempotency_key,
    node,
    run,
)
from kgnb.protocol import link
from kgnb.runtime import conversation
from kgnb.runtime.resuming import await_taken


@pytest.fixture(autouse=True)
def _log(tmp_path, monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", f"sqlite://{tmp_path / 'log.db'}")


@pytest.fixture
def reborn(monkeypatch):
    """End this process, as far as kgnb and its log can tell, and begin another."""

    return functools.partial(durable_harness.reborn, monkeypatch)


@pytest.fixture
def journal():
    made = Journal()
    yield made
    made.go_on.set()


class Step(Node):
    """Notes that it did its work; held in it where it is told to be."""

    def __init__(self, name, journal, *, holds=False):
        super().__init__(node_id=name)
        self.journal, self.holds = journal, holds

    def exec(self, prep_res):
        self.journal.append(self.node_id)
        if self.holds and not self.journal.go_on.is_set():
            self.journal.hold()

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("done", []).append(self.node_id)


def two_steps(journal, *, holds="b"):
    first, last = (Step(name, journal, holds=name == holds) for name in "ab")
    first >> last
    return Graph(first, name="two")


def lost(journal, reborn, shared=None, **options):
    """A run whose process ends while its second node is at work."""
    handle = run(two_steps(journal), shared, durable=True, **options)
    assert journal.reached.wait(WAIT)
    # Released only then: what the node does afterwards is the dead process's.
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    journal.clear()
    return handle


def test_a_lost_run_goes_on_in_its_second_node_by_its_id(journal, reborn):
    dead = lost(journal, reborn)
    shared = {}
    again = run(two_steps(journal), shared, resume=dead.id)
    assert again.id == dead.id
    assert again.result(WAIT).status == "completed"
    assert journal == ["b"]
    assert shared == {"done": ["a", "b"]}


def test_its_view_has_both_processes(journal, reborn):
    dead = lost(journal, reborn)
    again = run(two_steps(journal), resume=dead.id)
    again.result(WAIT)
    visits = [(visit.task_id, visit.status) for visit in again.view.timeline]
    assert visits == [
        ("a:1", "completed"),
        ("b:1", "interrupted"),
        ("b:1", "completed"),
    ]
    assert again.view.durable
    assert len(again.view.interruptions) == 1


def test_the_same_program_goes_on_with_what_it_lost(journal, reborn, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.places.program", lambda: "/notebook.ipynb")
    dead = lost(journal, reborn, {"n": 1})
    again = run(two_steps(journal), {"n": 1}, durable=True)
    assert again.id == dead.id
    again.result(WAIT)
    assert journal == ["b"]


def test_a_run_with_other_data_is_another_run(journal, reborn, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.places.program", lambda: "/notebook.ipynb")
    dead = lost(journal, reborn, {"n": 1})
    other = run(two_steps(journal), {"n": 2}, durable=True)
    assert other.id != dead.id
    other.result(WAIT)
    assert journal == ["a", "b"]


def test_resume_false_begins_anew(journal, reborn, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.places.program", lambda: "/notebook.ipynb")
    dead = lost(journal, reborn)
    fresh = run(two_steps(journal), durable=True, resume=False)
    assert fresh.id != dead.id
    fresh.result(WAIT)
    assert journal == ["a", "b"]


def test_a_completed_run_is_not_gone_on_with(journal, monkeypatch):
    monkeypatch.setattr("kgnb.runtime.places.program", lambda: "/notebook.ipynb")
    journal.go_on.set()
    done = run(two_steps(journal), durable=True)
    done.result(WAIT)
    fresh = run(two_steps(journal), durable=True)
    assert fresh.id != done.id
    fresh.result(WAIT)
    with pytest.raises(errors.Conflict, match="has completed"):
        run(two_steps(journal), resume=done.id)


def test_a_run_lost_twice_goes_on_twice(journal, reborn):
    dead = lost(journal, reborn)
    journal.reached.clear()
    journal.go_on.clear()
    lost_again = run(two_steps(journal), resume=dead.id)
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    journal.clear()
    again = run(two_steps(journal), resume=lost_again.id)
    again.result(WAIT)
    assert journal == ["b"]
    assert len(again.view.interruptions) == 2


class Once(Step):
    """Fails where nothing was mended."""

    def exec(self, prep_res):
        super().exec(prep_res)
        if not self.journal.go_on.is_set():
            raise ValueError("not yet")


def test_a_failed_run_goes_on_at_the_node_that_failed(journal):
    def graph():
        first, last = Step("a", journal), Once("b", journal)
        first >> last
        return Graph(first, name="failing")

    failed = run(graph(), durable=True)
    with pytest.raises(ValueError, match="not yet"):
        failed.result(WAIT)
    journal.clear()
    journal.go_on.set()
    again = run(graph(), {}, resume=failed.id)
    assert again.result(WAIT).shared == {"done": ["a", "b"]}
    assert journal == ["b"]


def test_a_cancelled_run_goes_on_by_its_id(journal, eventually):
    stopped = run(two_steps(journal), durable=True)
    assert journal.reached.wait(WAIT)
    stopped.cancel()
    journal.go_on.set()
    with pytest.raises(errors.RunCancelled):
        stopped.result(WAIT)
    journal.clear()
    again = run(two_steps(journal), resume=stopped.id)
    again.result(WAIT)
    assert journal == ["b"]


class Squares(BatchNode):
    def __init__(self, journal):
        super().__init__(node_id="squares")
        self.journal = journal

    def prep(self, shared):
        return [1, 2, 3, 4]

    def exec(self, item):
        self.journal.append(item)
        if item == 3 and not self.journal.go_on.is_set():
            self.journal.hold()
        return item * item

    def post(self, shared, prep_res, exec_res):
        shared["squares"] = exec_res


def test_items_that_are_done_are_not_done_again(journal, reborn):
    dead = run(Graph(Squares(journal), name="batch"), durable=True)
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    journal.clear()
    again = run(Graph(Squares(journal), name="batch"), resume=dead.id)
    assert again.result(WAIT).shared == {"squares": [1, 4, 9, 16]}
    assert journal == [3, 4]
    assert again.view.nodes["squares"].progress.percent == 100.0


# Questions.


class Asks(Node):
    def __init__(self, journal):
        super().__init__(node_id="asks")
        self.journal = journal

    def exec(self, prep_res):
        self.journal.append("asked")
        return ask("Go on?", options=["yes", "no"]).result().value

    def post(self, shared, prep_res, exec_res):
        shared["answer"] = exec_res


def open_question(handle, eventually):
    found = eventually(lambda: [a for a in handle.view.approvals if a.state == "open"])
    return found[0]


def test_an_open_question_is_open_after_the_death(journal, reborn, eventually):
    dead = run(Graph(Asks(journal), name="asking"), durable=True)
    asked = open_question(dead, eventually)
    reborn()
    again = run(Graph(Asks(journal), name="asking"), resume=dead.id)
    same = eventually(lambda: again.view.status == "waiting" and again.view.approvals)
    assert [each.approval_id for each in same] == [asked.approval_id]
    again.answer(asked.approval_id, "yes")
    assert again.result(WAIT).shared == {"answer": "yes"}


class AsksAll(AsyncParallelBatchNode):
    """Asks for each item; the numbers of questions do not depend on who is done."""

    async def prep_async(self, shared):
        return ["a", "b", "c"]

    async def exec_async(self, item):
        return (await ask(f"{item}?", options=["yes", "no"])).value

    async def post_async(self, shared, prep_res, exec_res):
        shared["answers"] = exec_res


def test_questions_of_items_keep_their_answers(reborn, eventually):
    dead = run(Graph(AsksAll(node_id="all"), name="all"), durable=True)
    eventually(lambda: len(dead.view.approvals) == 3)
    first = next(a for a in dead.view.approvals if a.message == "b?")
    dead.answer(first.approval_id, "no")
    eventually(lambda: dead.view.nodes["all"].items["1"].percent == 100)
    reborn()
    again = run(Graph(AsksAll(node_id="all"), name="all"), resume=dead.id)
    eventually(lambda: again.view.status == "waiting")
    assert len(again.view.approvals) == 3
    for approval in [a for a in again.view.approvals if a.state == "open"]:
        again.answer(approval.approval_id, "yes")
    assert again.result(WAIT).shared == {"answers": ["yes", "no", "yes"]}


class AsksAndHolds(Asks):
    def exec(self, prep_res):
        value = super().exec(prep_res)
        if not self.journal.go_on.is_set():
            self.journal.hold()
        return value


def test_an_answer_that_was_given_is_not_asked_for_again(journal, reborn, eventually):
    dead = run(Graph(AsksAndHolds(journal), name="asking"), durable=True)
    dead.answer(open_question(dead, eventually).approval_id, "yes")
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    again = run(Graph(AsksAndHolds(journal), name="asking"), resume=dead.id)
    assert again.result(WAIT).shared == {"answer": "yes"}
    assert len(again.view.approvals) == 1


# What is refused.


def test_a_run_that_nobody_knows_is_named(journal):
    with pytest.raises(errors.NoSuchRun, match="run 'nobody' is not known"):
        run(two_steps(journal), resume="nobody")


def test_a_run_that_is_alive_is_not_gone_on_with(journal):
    alive = run(two_steps(journal), durable=True)
    assert journal.reached.wait(WAIT)
    with pytest.raises(errors.Conflict, match="is running in this kernel"):
        run(two_steps(journal), resume=alive.id)
    journal.go_on.set()
    alive.result(WAIT)


def test_a_run_whose_log_was_replaced_ends_and_waits_for_no_checkpoint(journal):
    handle = run(two_steps(journal, holds="a"), durable=True)
    assert journal.reached.wait(WAIT)
    execution = handle._execution
    gap = link.Refused(
        run_id=execution.id, epoch=1, code="gap", message="no such run", expected=1
    )
    execution.home.on_link(lambda: execution._outgoing.refused(gap))
    journal.go_on.set()
    with pytest.raises(errors.RunLost, match="was given up: no such run"):
        handle.result(WAIT)
    assert journal == ["a"]


def test_a_graph_that_lost_the_position_says_what_is_there(journal, reborn):
    dead = lost(journal, reborn)
    changed = Graph(Step("a", journal) >> Step("c", journal), name="two")
    with pytest.raises(errors.GraphError, match=r"before node 'b'.*there are .*c"):
        run(changed, resume=dead.id)


def test_a_run_that_was_not_durable_kept_nothing(journal):
    class Fails(Node):
        def exec(self, prep_res):
            raise ValueError

    handle = run(Graph(Fails(), name="fails"))
    with pytest.raises(ValueError):
        handle.result(WAIT)
    with pytest.raises(errors.InvalidValue, match="was not durable"):
        run(Graph(Fails(), name="fails"), resume=handle.id)


def test_what_cannot_be_kept_at_the_start_is_refused_by_its_path(journal):
    shared = {"client": {"http": threading.Lock()}}
    with pytest.raises(errors.InvalidValue) as caught:
        run(two_steps(journal), shared, durable=True)
    text = str(caught.value)
    assert "shared['client']['http'] (_thread:lock)" in text
    assert "transient=('client',)" in text
    assert journal == []


def test_what_a_node_leaves_and_cannot_be_kept_fails_it_by_name(journal):
    class Leaves(Step):
        def post(self, shared, prep_res, exec_res):
            shared["model"] = object()

    handle = run(Graph(Leaves("a", journal), name="leaving"), durable=True)
    with pytest.raises(errors.InvalidValue, match=r"node 'a': shared\['model'\]"):
        handle.result(WAIT)
    assert handle.view.nodes["a"].status == "failed"


def test_transient_keys_come_from_the_shared_that_is_given(journal, reborn):
    dead = lost(journal, reborn, {"lock": threading.Lock()}, transient=("lock",))
    mine = threading.Lock()
    shared = {"lock": mine, "other": 1}
    again = run(two_steps(journal), shared, resume=dead.id)
    again.result(WAIT)
    assert shared == {"lock": mine, "done": ["a", "b"]}


def test_a_transient_key_that_is_missing_is_explained(journal, reborn):
    class Needs(Step):
        def post(self, shared, prep_res, exec_res):
            shared["client"].append(1)

    def graph():
        first, last = Step("a", journal), Needs("b", journal, holds=True)
        first >> last
        return Graph(first, name="two")

    dead = run(graph(), {"client": []}, durable=True, transient=["client"])
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    again = run(graph(), resume=dead.id)
    with pytest.raises(KeyError) as caught:
        again.result(WAIT)
    assert any("'client' is transient" in note for note in caught.value.__notes__)


def test_a_transient_argument_that_is_missing_is_explained(journal, reborn):
    def graph():
        @node(node_id="b")
        def last(client):
            journal.append(client)

        first = Step("a", journal, holds=True)
        first >> last
        return Graph(first, name="arguments")

    dead = run(graph(), {"client": 1}, durable=True, transient="client")
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    again = run(graph(), resume=dead.id)
    with pytest.raises(errors.MissingKey) as caught:
        again.result(WAIT)
    assert any("'client' is transient" in note for note in caught.value.__notes__)


def test_an_item_that_cannot_be_kept_is_told_of(journal):
    class Odd(BatchNode):
        def prep(self, shared):
            return [1]

        def exec(self, item):
            return object()

    handle = run(Graph(Odd(node_id="odd"), name="odd"), durable=True)
    handle.result(WAIT)
    (line,) = [line.text for line in handle.view.logs]
    assert "what item 0 gave (builtins:object)" in line
    assert "runs again" in line


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"transient": ("a",)}, "without durable=True"),
        ({"resume": 7}, "expected a run's id"),
        ({"durable": True, "transient": (1,)}, "expected keys"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(journal, options, text):
    with pytest.raises(errors.InvalidValue, match=text):
        run(two_steps(journal), **options)


def test_shared_that_is_no_dict_is_refused(journal):
    class Data(msgspec.Struct):
        a: int = 1

    with pytest.raises(errors.InvalidValue, match="so must be a dict"):
        run(two_steps(journal), Data(), durable=True)


def test_a_durable_run_within_a_node_is_refused():
    class Outer(Node):
        def exec(self, prep_res):
            run(Graph(Node(node_id="inner")), durable=True)

    with pytest.raises(errors.InvalidValue, match="in a node"):
        run(Graph(Outer())).result(WAIT)


def test_two_that_go_on_at_once_leave_one(journal, reborn):
    dead = lost(journal, reborn)
    journal.reached.clear()
    journal.go_on.clear()
    first = run(two_steps(journal), resume=dead.id)
    with pytest.raises(errors.Conflict, match="is running in this kernel"):
        run(two_steps(journal), resume=dead.id)
    journal.go_on.set()
    first.result(WAIT)


def test_each_node_waits_until_the_one_before_is_stored(journal, monkeypatch):
    """When a node begins, the log has the checkpoint of the node before it."""
    stored = []
    real = conversation.Outgoing.stored

    def note(self, n):
        real(self, n)
        stored.append(n)

    monkeypatch.setattr(conversation.Outgoing, "stored", note)
    seen = {}

    class Looks(Step):
        def exec(self, prep_res):
            seen[self.node_id] = max(stored, default=0)

    first, last = Looks("a", journal), Looks("b", journal)
    first >> last
    run(Graph(first, name="looking"), durable=True).result(WAIT)
    # workflow_started is 1, node a began with 2 and ended with 3.
    assert seen["a"] >= 1
    assert seen["b"] >= 3


# Side effects.


class Pays(Node):
    def __init__(self, journal):
        super().__init__(2, node_id="pays")
        self.journal = journal

    def exec(self, prep_res):
        self.journal.append((idempotency_key(), idempotency_key("mail")))
        if len(self.journal) == 1:
            raise ValueError
        if not self.journal.go_on.is_set():
            self.journal.hold()


def test_a_side_effect_has_one_key_in_all_attempts_and_processes(journal, reborn):
    dead = run(Graph(Pays(journal), name="paying"), durable=True)
    assert journal.reached.wait(WAIT)
    threading.Timer(0.2, journal.go_on.set).start()
    reborn()
    run(Graph(Pays(journal), name="paying"), resume=dead.id).result(WAIT)
    assert len(journal) == 3
    ((first, mail),) = set(journal)
    assert first != mail
    run(Graph(Pays(journal), name="paying")).result(WAIT)
    assert journal[-1][0] != first


def test_each_item_has_a_key_of_its_own(journal):
    class Keys(BatchNode):
        def prep(self, shared):
            return [1, 2]

        def exec(self, item):
            journal.append(idempotency_key())

    run(Graph(Keys())).result(WAIT)
    assert len(set(journal)) == 2


def test_outside_a_run_a_key_is_new_each_time():
    assert idempotency_key() != idempotency_key()


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("conflict", errors.Conflict, "another process went on with it first"),
        ("gap", errors.RunLost, "no such run"),
    ],
)
def test_why_the_log_does_not_take_a_resumed_run_is_told(code, error, words):
    lost = errors.RunLost("run 'two' was given up: no such run")
    lost.__cause__ = errors.KgnbError("no such run", code=code)
    stored = concurrent.futures.Future()
    stored.set_exception(lost)
    begun = types.SimpleNamespace(stored=stored)
    execution = types.SimpleNamespace(
        id="r1",
        options=types.SimpleNamespace(workflow="two"),
        durable=types.SimpleNamespace(begun=begun, is_resumed=True),
    )
    with pytest.raises(error, match=words):
        await_taken(execution)
