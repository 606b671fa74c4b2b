"""A durable run's history, and runs that fork from it."""

import asyncio
import copy
import itertools
import os
import subprocess
import sys
import threading

import pytest

import kgnb
from kgnb.errors import (
    GraphError,
    InvalidValue,
    NoSuchRun,
    Unavailable,
    WrongThread,
)
from kgnb.graph import AsyncParallelBatchGraph


def say(shared, word):
    shared["log"] = [*shared.get("log", []), word]


class Word(kgnb.Node):
    """Adds its letter, which depends on all before it."""

    def prep(self, shared):
        return len(shared.get("log", []))

    def exec(self, prep_res):
        return f"{self.node_id}{prep_res}"

    def post(self, shared, prep_res, exec_res):
        say(shared, exec_res)
        shared["n"] = shared.get("n", 0) * 2 + 1


class AsyncWord(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return len(shared.get("log", []))

    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        return f"{self.node_id}{prep_res}"

    async def post_async(self, shared, prep_res, exec_res):
        say(shared, exec_res)


class Choice(Word):
    """Goes another way after every second visit of its own."""

    def post(self, shared, prep_res, exec_res):
        super().post(shared, prep_res, exec_res)
        shared["tries"] = shared.get("tries", 0) + 1
        return "again" if shared["tries"] < 3 else "done"


class Batch(kgnb.BatchNode):
    def prep(self, shared):
        return list(range(shared.get("items", 3)))

    def exec(self, prep_res):
        return prep_res * 10

    def post(self, shared, prep_res, exec_res):
        shared["batch"] = exec_res
        say(shared, f"batch{sum(exec_res)}")


class Together(kgnb.AsyncParallelBatchNode):
    async def prep_async(self, shared):
        return [1, 2, 3]

    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        return prep_res + 1

    async def post_async(self, shared, prep_res, exec_res):
        shared["together"] = exec_res
        say(shared, "together")


def chain(*nodes):
    for left, right in itertools.pairwise(nodes):
        left >> right
    return nodes[0]


def words(names, cls=Word):
    return [cls(node_id=name) for name in names]


def sequence(start=None):
    nodes = words("ABCD")
    chain(*nodes)
    return kgnb.Graph(_pick(nodes, start), name="Sequence")


def branches(start=None):
    first, last = words("AZ")
    choice = Choice(node_id="Choice")
    left, right = words("LR")
    first >> choice
    choice - "again" >> left
    choice - "done" >> right
    left >> last
    right >> last
    return kgnb.Graph(_pick([first, choice, left, right, last], start), name="Branches")


def cycle(start=None):
    first, last = words("AZ")
    choice = Choice(node_id="Choice")
    first >> choice
    choice - "again" >> first
    choice - "done" >> last
    return kgnb.Graph(_pick([first, choice, last], start), name="Cycle")


def nested(start=None):
    within = words("PQ")
    chain(*within)
    names = ["Inner/P", "Inner/Q"]
    inner_start = within[names.index(start)] if start in names else within[0]
    inner = kgnb.Graph(inner_start, name="Inner")
    first, last = words("AZ")
    chain(first, inner, last)
    outer = inner if start in names or start == "Inner" else _pick([first, last], start)
    return kgnb.Graph(outer, name="Nested")


def batch(start=None):
    nodes = [Word(node_id="A"), Batch(node_id="Batch"), Word(node_id="Z")]
    chain(*nodes)
    return kgnb.Graph(_pick(nodes, start), name="Batches")


def mixed(start=None):
    nodes = [
        AsyncWord(node_id="A"),
        Together(node_id="Together"),
        Word(node_id="S"),
        AsyncWord(node_id="Z"),
    ]
    chain(*nodes)
    return kgnb.AsyncGraph(_pick(nodes, start), name="Mixed")


def _pick(nodes, start):
    """The node to begin with: the first, or the one of that id."""
    return next((node for node in nodes if node.node_id == start), nodes[0])


BEHIND = {"Inner/Q:1": "Z"}
"""What comes after a nested graph whose nodes are done, while it is not yet left."""
GRAPHS = [sequence, branches, cycle, nested, batch, mixed]


def begun(graph, shared=None, **options):
    shared = {} if shared is None else shared
    run = kgnb.run(graph, shared, durable=True, **options)
    run.result(20)
    return run


def visited(run):
    """The visits of nodes, not of the graphs around them, in order."""
    graphs = {node.id for node in run.graph.nodes if node.kind == "graph"}
    return [
        (visit.node_id, visit.action, visit.status)
        for visit in run.view.timeline
        if visit.node_id not in graphs
    ]


# History.


def test_history_lists_the_steps_newest_first():
    run = begun(sequence(), {"log": ["in"]})
    history = run.history().result(20)
    assert [(c.step, c.source, c.next) for c in history] == [
        (4, "D:1", ()),
        (3, "C:1", ("D",)),
        (2, "B:1", ("C",)),
        (1, "A:1", ("B",)),
        (0, "start", ("A",)),
    ]
    assert [c.parent for c in history] == [c.id for c in history[1:]] + [None]
    assert history[1].values == {"log": ["in", "A1", "B2", "C3"], "n": 7}
    assert history[-1].values == {"log": ["in"]}
    assert history[0].created_at >= history[-1].created_at
    assert {c.run_id for c in history} == {run.id}
    assert [c.seq for c in history] == sorted((c.seq for c in history), reverse=True)
    assert [c.step for c in run.history(limit=2).result(20)] == [4, 3]
    assert run.state().result(20) == history[0]
    assert repr(history[0]) == (
        f"<Checkpoint step=4 source='D:1' next=() id={history[0].id!r}>"
    )


def test_history_can_be_awaited_while_the_run_waits(eventually):
    class Asks(kgnb.Node):
        def exec(self, prep_res):
            return kgnb.ask("go on?", options=["yes"]).result().value

    first = Word(node_id="A")
    first >> Asks(node_id="Asks")
    run = kgnb.run(kgnb.Graph(first, name="G"), {}, durable=True)
    eventually(lambda: run.approvals)

    async def read():
        return await run.state(), await run.history()

    state, history = asyncio.run(read())
    assert (state.values, state.next) == ({"log": ["A0"], "n": 1}, ("Asks",))
    assert [c.step for c in history] == [1, 0]
    run.answer(run.approvals[0].approval_id, "yes")
    run.result(20)
    assert run.state().result(20).step == 2


def test_history_of_a_nested_graph_counts_inner_visits():
    history = begun(nested()).history().result(20)
    assert [(c.source, c.next) for c in history[::-1]] == [
        ("start", ("A",)),
        ("A:1", ("Inner",)),
        ("Inner/P:1", ("Inner/Q",)),
        ("Inner/Q:1", ("Inner",)),
        ("Inner:1", ("Z",)),
        ("Z:1", ()),
    ]


@pytest.mark.parametrize("read", ["state", "history", "fork"])
def test_reading_a_run_that_keeps_nothing_names_durable(read):
    run = kgnb.run(sequence(), {})
    run.result(20)
    with pytest.raises(Unavailable, match="durable=True"):
        getattr(run, read)()


# Forks.


@pytest.mark.parametrize("make", GRAPHS)
def test_a_fork_at_any_step_equals_a_fresh_run_from_that_state(make):
    first = begun(make(), {"log": ["in"]})
    for at in first.history().result(20):
        forked = first.fork(at=at.step)
        of_fork = forked.result(20)
        if not at.next:
            assert visited(forked) == []
            assert of_fork.shared == first.shared
            continue
        start = BEHIND.get(at.source, at.next[0])
        fresh = kgnb.run(make(start), copy.deepcopy(at.values))
        of_fresh = fresh.result(20)
        assert visited(forked) == visited(fresh)
        assert of_fork.shared == of_fresh.shared == first.shared
        assert of_fork.value == of_fresh.value
        assert of_fork.action == of_fresh.action


class Passes(kgnb.BatchGraph):
    def prep(self, shared):
        return [{"n": n} for n in range(3)]


class AsyncPasses(AsyncParallelBatchGraph):
    async def prep_async(self, shared):
        return [{"n": n} for n in range(3)]


class Counts(kgnb.Node):
    """Leaves a key of its own in each pass, which says how far that was."""

    def post(self, shared, prep_res, exec_res):
        key = f"pass{self.params.get('n')}"
        shared[key] = shared.get(key, "") + self.node_id


class AsyncCounts(Counts, kgnb.AsyncNode):
    async def post_async(self, shared, prep_res, exec_res):
        await asyncio.sleep(0.001 * self.params["n"])
        Counts.post(self, shared, prep_res, exec_res)


def passes():
    inner = Passes(chain(*words("PQ", Counts)))
    return kgnb.Graph(chain(Word(node_id="A"), inner, Word(node_id="Z")), name="Passes")


def parallel_passes():
    inner = AsyncPasses(chain(*words("PQ", AsyncCounts)))
    return kgnb.Graph(chain(Word(node_id="A"), inner, Word(node_id="Z")), name="Passes")


def own_data():
    inner = kgnb.SubGraphNode(kgnb.Graph(chain(*words("PQ"))), node_id="Sub")
    return kgnb.Graph(chain(Word(node_id="A"), inner, Word(node_id="Z")), name="Own")


def side_by_side():
    graphs = [kgnb.Graph(chain(*words(pair)), name=f"G{pair}") for pair in ("PQ", "RS")]
    inner = kgnb.ParallelSubGraphNode(graphs, node_id="Beside", merge_results=False)
    return kgnb.Graph(chain(Word(node_id="A"), inner, Word(node_id="Z")), name="Beside")


def deep():
    inner = kgnb.Graph(chain(*words("PQ")), name="Inner")
    middle = kgnb.Graph(chain(Word(node_id="M"), inner), name="Middle")
    return kgnb.Graph(chain(Word(node_id="A"), middle, Word(node_id="Z")), name="Deep")


@pytest.mark.parametrize(
    "make", [*GRAPHS, passes, parallel_passes, own_data, side_by_side, deep]
)
def test_a_fork_makes_just_the_visits_that_had_not_ended(make):
    def made_by(run):
        """Visits of nodes; a graph around them may be entered anew."""
        graphs = {node.id for node in run.graph.nodes if node.kind == "graph"}
        visits = run.view.timeline
        return {visit.task_id for visit in visits if visit.node_id not in graphs}

    first = begun(make(), {"log": ["in"]})
    history = first.history().result(20)
    assert made_by(first) <= {at.source for at in history}
    for seq in range(1, history[0].seq + 1):  # also between two steps
        forked = first.fork(at=f"{first.id}:{seq}")
        result = forked.result(20)
        had_ended = {each.source for each in history if each.seq <= seq}
        assert made_by(forked) == made_by(first) - had_ended
        assert forked.shared == first.shared
        assert result.value == first.view.result


def test_a_fork_gives_a_pass_that_had_left_no_node_what_it_was_given(eventually):
    began, go = threading.Event(), threading.Event()

    class Waits(Word):
        def exec(self, prep_res):
            began.set()
            assert go.wait(20)
            return super().exec(prep_res)

    class Follows(Word):
        def exec(self, prep_res):
            assert began.wait(20)
            return super().exec(prep_res)

    slow = kgnb.Graph(Waits(node_id="R"), name="Slow")
    fast = kgnb.Graph(Follows(node_id="P"), name="Fast")
    beside = kgnb.ParallelSubGraphNode([slow, fast], node_id="B", merge_results=False)
    first = kgnb.run(kgnb.Graph(beside, name="G"), {"log": ["in"]}, durable=True)
    eventually(lambda: first.state().result(20).source == "B/Fast/P:1")
    at = first.state().result(20)
    go.set()
    first.result(20)
    forked = first.fork(at=at)
    forked.result(20)
    assert forked.shared == first.shared
    assert "B/Fast/P:1" not in {visit.task_id for visit in forked.view.timeline}


def test_a_fork_at_step_3_numbers_its_visits_on():
    first = begun(cycle(), {"log": ["in"]})
    forked = first.fork(at=3)
    forked.result(20)
    assert forked.id != first.id
    assert (forked.view.forked_from.run_id, forked.view.durable) == (first.id, True)
    names = [visit.task_id for visit in first.view.timeline]
    assert [visit.task_id for visit in forked.view.timeline] == names[3:]
    comparison = kgnb.compare(first, forked)
    assert comparison.same
    assert len(comparison.path) == len(names)


def test_a_fork_with_edits_goes_another_way_and_leaves_the_first_as_it_was():
    first = begun(branches(), {"log": ["in"]})
    before = copy.deepcopy(first.shared)
    forked = first.fork(at="Choice", shared={"tries": 9})
    forked.result(20)
    assert [name for name, *_ in visited(first)] == ["A", "Choice", "L", "Z"]
    assert [name for name, *_ in visited(forked)] == ["Choice", "R", "Z"]
    assert first.shared == before
    assert kgnb.compare(first, forked).diverges.a.name == "Choice:1"


def test_a_fork_takes_a_step_a_checkpoint_its_id_a_visit_and_a_node():
    first = begun(cycle(), {})
    at = first.history().result(20)[3]
    assert at.next == ("A",)
    left = [name for name, *_ in visited(first)][at.step :]
    for place in (at, at.id, at.step, "A:3"):
        forked = first.fork(at=place)
        forked.result(20)
        assert [name for name, *_ in visited(forked)] == left
    forked = first.fork(at="Choice")
    forked.result(20)
    assert [name for name, *_ in visited(forked)] == ["Choice", "Z"]


def test_a_fork_of_a_fork_goes_on_from_it():
    first = begun(sequence(), {"log": ["in"]})
    second = first.fork(at="B", shared={"log": ["other"]})
    second.result(20)
    third = second.fork(at="D")
    third.result(20)
    assert visited(third) == [("D", "default", "completed")]
    assert third.shared == second.shared
    history = third.history().result(20)
    assert [(c.step, c.source) for c in history] == [(1, "D:1"), (0, "start")]
    assert history[-1].parent == f"{second.id}:{third.view.forked_from.seq}"
    with pytest.raises(InvalidValue, match="forked after A:1 began"):
        second.fork(at="A:1")


def test_a_fork_without_a_place_tries_again_what_failed():
    class Fragile(Word):
        def exec(self, prep_res):
            return 1 / self.divisor

        def prep(self, shared):
            self.divisor = shared["divisor"]

    head = Word(node_id="A")
    chain(head, Fragile(node_id="Fragile"), Word(node_id="Z"))
    first = kgnb.run(kgnb.Graph(head, name="G"), {"divisor": 0}, durable=True)
    with pytest.raises(ZeroDivisionError):
        first.result(20)
    forked = first.fork(shared={"divisor": 2})
    assert forked.result(20).shared["log"] == ["A0", 0.5, "Z2"]
    assert [name for name, *_ in visited(forked)] == ["Fragile", "Z"]


def test_a_fork_within_a_batch_does_not_run_its_items_again():
    done = []

    class Fragile(Batch):
        def exec(self, prep_res):
            done.append(prep_res)
            if done == [0, 1, 2]:
                raise ValueError("not yet")
            return prep_res * 10

    graph = kgnb.Graph(chain(Word(node_id="A"), Fragile(node_id="Batch")), name="G")
    first = kgnb.run(graph, {}, durable=True)
    with pytest.raises(ValueError, match="not yet"):
        first.result(20)
    done.clear()
    assert first.fork().result(20).shared["batch"] == [0, 10, 20]
    assert done == [2]
    done.clear()
    done.append("once")
    assert first.fork(at="Batch").result(20).shared["batch"] == [0, 10, 20]
    assert done == ["once", 0, 1, 2]


def test_a_fork_of_parallel_passes_begins_them_anew():
    class Passes(AsyncParallelBatchGraph):
        async def prep_async(self, shared):
            return [{"n": n} for n in range(3)]

    class One(kgnb.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            shared[f"pass{self.params['n']}"] = True

    graph = kgnb.Graph(chain(Word(node_id="A"), Passes(One(node_id="One"))), name="G")
    first = begun(graph)
    forked = first.fork(at=1)
    forked.result(20)
    assert forked.shared == first.shared
    assert [name for name, *_ in visited(forked)] == ["Passes/One"] * 3


def test_a_fork_asks_again_what_was_asked_after_it():
    class Asks(kgnb.Node):
        def exec(self, prep_res):
            return kgnb.ask("go on?", options=["yes", "no"]).result().value

        def post(self, shared, prep_res, exec_res):
            say(shared, exec_res)

    graph = kgnb.Graph(chain(Word(node_id="A"), Asks(node_id="Asks")), name="G")
    first = begun(graph, answers=["yes"])
    forked = first.fork(at="Asks", answers=["no"])
    assert forked.result(20).shared["log"] == ["A0", "no"]
    assert first.approvals[0].approval_id != forked.approvals[0].approval_id


def test_a_fork_of_a_run_that_waits_leaves_it_waiting(eventually):
    class Asks(kgnb.Node):
        def exec(self, prep_res):
            return kgnb.ask("go on?", options=["yes", "no"]).result().value

        def post(self, shared, prep_res, exec_res):
            say(shared, exec_res)

    graph = kgnb.Graph(chain(Word(node_id="A"), Asks(node_id="Asks")), name="G")
    first = kgnb.run(graph, {}, durable=True)
    eventually(lambda: first.approvals)
    forked = first.fork(answers=["no"])
    assert forked.result(20).shared["log"] == ["A0", "no"]
    assert [approval.state for approval in first.approvals] == ["open"]
    first.answer(first.approvals[0].approval_id, "yes")
    assert first.result(20).shared["log"] == ["A0", "yes"]


# Keys that are not kept.


class Uses(kgnb.Node):
    def prep(self, shared):
        return shared["client"]

    def post(self, shared, prep_res, exec_res):
        say(shared, prep_res["name"])


def test_transient_keys_come_from_the_run_that_is_at_hand():
    graph = kgnb.Graph(chain(Word(node_id="A"), Uses(node_id="Uses")), name="G")
    client = {"name": "first", "lock": threading.Lock()}
    first = begun(graph, {"client": client}, transient=("client",))
    assert "client" not in first.state().result(20).values
    forked = first.fork(at="Uses")
    assert forked.result(20).shared["log"] == ["A0", "first"]
    assert forked.shared["client"] is client
    other = first.fork(at="Uses", shared={"client": {"name": "other"}})
    assert other.result(20).shared["log"] == ["A0", "other"]


# By the id alone.


PROGRAM = """
import sys
import kgnb


class Word(kgnb.Node):
    def post(self, shared, prep_res, exec_res):
        print("ran", self.node_id)
        shared["log"] = [*shared["log"], self.node_id]


first = Word(node_id="A")
first >> Word(node_id="B") >> Word(node_id="C")
graph = kgnb.Graph(first, name="G")
"""
FIRST = """
run = kgnb.run(graph, {"log": [], "client": object()}, durable=True, transient="client")
run.result(20)
print(run.id)
"""
SECOND = """
run_id = sys.argv[1]
history = kgnb.history(run_id).result(20)
print([(c.step, c.next, c.values) for c in history])
fork = kgnb.run(graph, {"log": ["edited"]}, resume=history[1])
print(fork.result(20).shared, fork.view.durable, fork.view.forked_from.run_id == run_id)
fork.shared["client"] = object()
c = kgnb.compare(run_id, fork)
print(c.diverges, c.state)
print(fork.history().result(20)[-1].parent == history[1].id)
"""


def test_a_run_of_an_earlier_process_is_read_and_forked_by_its_id(tmp_path):
    def program(source, *arguments):
        script = tmp_path / "program.py"
        script.write_text(PROGRAM + source)
        done = subprocess.run(
            [sys.executable, script, *arguments],
            env={
                "PATH": os.environ["PATH"],
                "KGNB_LOG_URL": f"sqlite://{tmp_path / 'log.db'}",
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.splitlines()

    *ran, run_id = program(FIRST)
    assert ran == ["ran A", "ran B", "ran C"]
    assert program(SECOND, run_id) == [
        (
            "[(3, (), {'log': ['A', 'B', 'C']}), (2, ('C',), {'log': ['A', 'B']}), "
            "(1, ('B',), {'log': ['A']}), (0, ('A',), {'log': []})]"
        ),
        "ran C",
        "{'log': ['edited', 'C']} True True",
        (
            "None (~ shared['log'][0]: 'A' → 'edited', ~ shared['log'][1]: 'B' → 'C', "
            "- shared['log'][2]: 'C')"
        ),
        "True",
    ]


def test_history_by_the_id_of_a_run_at_hand_is_its_own():
    run = begun(sequence())
    assert kgnb.history(run.id, 2).result(20) == run.history(2).result(20)


def test_history_of_an_unknown_run_says_so_when_read():
    begun(sequence())
    with pytest.raises(NoSuchRun):
        kgnb.history("0" * 32).result(20)


def test_a_run_begins_from_a_checkpoint_in_a_graph_that_still_has_its_node():
    at = begun(sequence()).history().result(20)[2]
    forked = kgnb.run(sequence(), {"n": 100}, resume=at)
    assert forked.result(20).shared["n"] == 403
    with pytest.raises(GraphError, match="no longer has"):
        kgnb.run(nested(), resume=at)


# From outside.


def ordered(run, eventually, **command):
    """What the broker says to a client's command."""
    replies = []
    channel = run.open_channel(via="control", receive=replies.extend)
    channel.send({"type": "fork", "id": "f", "run_id": run.id, **command})
    found = eventually(lambda: [each for each in replies if each.get("id") == "f"])
    channel.close()
    return found[0]


def test_a_client_forks_a_run_that_its_kernel_still_has(eventually):
    first = begun(branches(), {"log": ["in"]})
    reply = ordered(first, eventually, at="Choice", shared={"tries": 9})
    assert reply["type"] == "ack"
    assert reply["run_id"] != first.id

    def compared():
        found = kgnb.compare(first, reply["run_id"])
        return found if found.statuses[1] == "completed" else None

    parted = eventually(compared).diverges
    assert (parted.a.name, parted.b.action) == ("Choice:1", "done")


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ({"at": 99}, "invalid", "no step 99"),
        ({"at": "Nobody"}, "invalid", "has not come to 'Nobody'"),
        ({"run_id": "0" * 32}, "no_such_run", "no run"),
    ],
)
def test_a_client_s_fork_that_cannot_be_is_refused(eventually, command, code, text):
    first = begun(sequence())
    reply = ordered(first, eventually, **command)
    assert (reply["type"], reply["code"]) == ("error", code)
    assert text in reply["message"]


def test_a_client_s_fork_of_a_run_that_keeps_nothing_is_refused(eventually):
    run = kgnb.run(sequence(), {})
    run.result(20)
    reply = ordered(run, eventually)
    assert (reply["code"], "durable=True" in reply["message"]) == ("unavailable", True)


# What is wrong with it.


def test_a_fork_at_what_is_not_there_says_what_is():
    first = begun(sequence())
    with pytest.raises(InvalidValue, match="no step 9; its last is 4"):
        first.fork(at=9)
    with pytest.raises(InvalidValue, match="has not come to 'E'"):
        first.fork(at="E")
    with pytest.raises(InvalidValue, match="checkpoint of another run"):
        first.fork(at=begun(sequence()).state().result(20))


@pytest.mark.parametrize("at", [True, 1.5, [1], object()])
def test_a_fork_at_what_is_no_place_says_what_was_expected(at):
    with pytest.raises(InvalidValue, match=r"fork\(at="):
        begun(sequence()).fork(at=at)


def test_a_fork_with_edits_that_cannot_be_kept_names_them():
    first = begun(sequence())
    with pytest.raises(InvalidValue, match=r"shared\['lock'\]"):
        first.fork(at=1, shared={"lock": threading.Lock()})
    with pytest.raises(InvalidValue, match="expected a dict"):
        first.fork(at=1, shared=["x"])
    with pytest.raises(InvalidValue, match="as_node"):
        first.fork(at=1, as_node="A")


def test_reading_on_the_link_says_to_use_await(eventually):
    first = begun(sequence())
    home = kgnb.runtime.home.current()

    def read():
        with pytest.raises(WrongThread, match="use await"):
            first.state().result()
        return True

    assert home.on_link(read)
