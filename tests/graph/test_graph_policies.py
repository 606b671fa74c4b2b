"""Time limits, waits that grow, and what is tried again; with no run around."""

import asyncio
import copy
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgnb.errors import NodeTimeout
from kgnb.graph import (
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchNode,
    Graph,
    MetricsNode,
    Node,
    ParallelBatchNode,
)
from kgnb.graph.policies import LONGEST_WAIT, NO_POLICY, Policy


class Fails(Node):
    """Fails by one error after the other, then gives "done"."""

    def __init__(self, *errors, **policies):
        super().__init__(**policies)
        self.errors = errors
        self.tries = []

    def exec(self, prep_res):
        self.tries.append(self.cur_retry)
        if self.cur_retry < len(self.errors):
            raise self.errors[self.cur_retry]
        return "done"

    def exec_fallback(self, prep_res, exc):
        return f"fallback after {exc!r}"

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class FailsAsync(AsyncNode, Fails):
    async def exec_async(self, prep_res):
        return self.exec(prep_res)

    async def exec_fallback_async(self, prep_res, exc):
        return self.exec_fallback(prep_res, exc)

    async def post_async(self, shared, prep_res, exec_res):
        self.post(shared, prep_res, exec_res)


both = pytest.mark.parametrize("cls", [Fails, FailsAsync])


def output_of(node):
    shared = {}
    if isinstance(node, AsyncNode):
        asyncio.run(node.run_async(shared))
    else:
        node.run(shared)
    return shared["out"]


# Where the settings come from.


def test_policies_are_keywords_after_all_others():
    node = Node(3, 1, "n", timeout=2, backoff=2)
    assert node._policy == Policy(timeout=2, backoff=2)


def test_policies_of_the_class_hold_unless_a_keyword_says_otherwise():
    class Patient(Node):
        timeout = 60
        retry_on = (OSError, ValueError)

    assert Patient(timeout=5)._policy == Policy(
        timeout=5, retry_on=(OSError, ValueError)
    )


@pytest.mark.parametrize(
    "cls", [ParallelBatchNode, AsyncNode, AsyncParallelBatchNode, MetricsNode]
)
def test_policies_are_taken_by_every_kind_of_node(cls):
    assert cls(timeout=2, max_visits=3)._policy == Policy(timeout=2, max_visits=3)


def test_policies_unset_are_one_record_for_all():
    assert Node()._policy is Node()._policy is NO_POLICY


def test_policies_are_no_attributes_that_a_program_may_have_itself():
    class Client(Node):
        def __init__(self):
            super().__init__()
            self.timeout = "30s"  # its own, for its own requests
            self.executor = None

        def jitter(self):
            """A method that happens to be called so."""

    assert Client()._policy is NO_POLICY
    assert output_of_client(Client()) == "30s"


def output_of_client(node):
    Graph(node).run({})
    return node.timeout


def test_policies_go_with_copies():
    node = Node(timeout=2)
    assert copy.copy(node)._policy is node._policy


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"timout": 3}, TypeError, r"'timout'; did you mean 'timeout'\?"),
        ({"timeout": 0}, ValueError, "timeout= takes seconds above 0, or None, got 0"),
        ({"timeout": "3"}, TypeError, "timeout= takes seconds"),
        ({"backoff": 0.5}, ValueError, "backoff= takes a factor of at least 1"),
        ({"jitter": 2}, ValueError, "jitter= takes a share from 0 to 1"),
        ({"max_wait": -1}, ValueError, "max_wait= takes seconds"),
        ({"max_visits": 0}, ValueError, "max_visits= takes at least 1"),
        ({"retry_on": "OSError"}, TypeError, "retry_on= takes an exception class"),
        ({"retry_on": (OSError, 3)}, TypeError, "retry_on= takes an exception class"),
        ({"executor": 4}, TypeError, r"executor= takes a concurrent\.futures"),
    ],
)
def test_policies_that_make_no_sense_are_refused_when_the_node_is_made(
    given, error, text
):
    with pytest.raises(error, match=text):
        Node(**given)


# Waiting.


@given(
    wait=st.floats(0, 1e6),
    backoff=st.floats(1, 1e6),
    jitter=st.floats(0, 1),
    max_wait=st.none() | st.floats(0, 1e6),
    attempt=st.integers(1, 10_000),
)
def test_pause_stays_between_its_bounds(wait, backoff, jitter, max_wait, attempt):
    policy = Policy(backoff=backoff, jitter=jitter, max_wait=max_wait)
    steady = Policy(backoff=backoff, max_wait=max_wait).pause_after(attempt, wait)
    pause = policy.pause_after(attempt, wait)
    assert steady * (1 - jitter) * 0.999_999 <= pause <= steady
    assert steady <= (LONGEST_WAIT if max_wait is None else max_wait)
    assert steady >= min(wait, steady)


@given(wait=st.floats(0.001, 10), backoff=st.floats(1, 10), attempt=st.integers(1, 20))
def test_pause_never_shrinks_from_one_attempt_to_the_next(wait, backoff, attempt):
    policy = Policy(backoff=backoff)
    assert policy.pause_after(attempt, wait) <= policy.pause_after(attempt + 1, wait)


def test_pause_doubles_up_to_the_longest():
    policy = Policy(backoff=2, max_wait=5)
    assert [policy.pause_after(n, 1) for n in range(1, 6)] == [1, 2, 4, 5, 5]


def test_retries_wait_as_long_as_the_policy_says(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    errors = [ValueError()] * 3
    node = Fails(*errors, max_retries=4, wait=0.5, backoff=3, max_wait=4)
    assert output_of(node) == "done"
    assert slept == [0.5, 1.5, 4]


# What is tried again.


@both
def test_retry_on_tries_only_what_is_named(cls):
    node = cls(OSError(), ValueError("no"), max_retries=5, retry_on=OSError)
    assert output_of(node) == "fallback after ValueError('no')"
    assert node.tries == [0, 1]


@both
def test_retry_on_takes_subclasses(cls):
    node = cls(FileNotFoundError(), max_retries=2, retry_on=(OSError, KeyError))
    assert output_of(node) == "done"


@given(
    st.lists(st.sampled_from([OSError, ValueError, KeyError]), max_size=6),
    st.integers(1, 5),
    st.sampled_from([OSError, (OSError, ValueError), Exception]),
)
def test_attempts_are_as_many_as_the_rule_says(errors, most, retry_on):
    node = Fails(*[kind() for kind in errors], max_retries=most, retry_on=retry_on)
    out = output_of(node)
    expected = 0
    for kind in [*errors, None]:
        expected += 1
        if kind is None or expected == most or not issubclass(kind, retry_on):
            break
    assert node.tries == list(range(expected))
    assert (out == "done") == (expected > len(errors))


# Time limits.


class Slow(Node):
    """Waits for its event in all attempts but those that are to be quick."""

    def __init__(self, quick=(), **policies):
        super().__init__(**policies)
        self.quick = quick
        self.go = threading.Event()
        self.ended = threading.Semaphore(0)

    def exec(self, prep_res):
        if self.cur_retry not in self.quick:
            self.go.wait(10)
            self.ended.release()
        return self.cur_retry

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class SlowAsync(AsyncNode):
    def __init__(self, quick=(), **policies):
        super().__init__(**policies)
        self.quick = quick
        self.cancelled = []

    async def exec_async(self, prep_res):
        if self.cur_retry not in self.quick:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                self.cancelled.append(self.cur_retry)
                raise
        return self.cur_retry

    async def post_async(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


def test_timeout_of_a_sync_attempt_fails_it_and_leaves_its_thread():
    node = Slow(timeout=0.01, node_id="slow")
    with pytest.raises(NodeTimeout, match="slow: attempt 1 took longer than timeout="):
        node.run({})
    assert not node.ended.acquire(blocking=False)
    node.go.set()
    assert node.ended.acquire(timeout=5)


def test_timeout_of_an_async_attempt_cancels_it():
    node = SlowAsync(timeout=0.01)
    with pytest.raises(NodeTimeout) as caught:
        asyncio.run(node.run_async({}))
    assert node.cancelled == [0]
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.attempt, caught.value.timeout) == (1, 0.01)


@pytest.mark.parametrize("cls", [Slow, SlowAsync])
def test_timeout_is_of_each_attempt_and_tried_again(cls):
    node = cls(quick={1}, timeout=0.02, max_retries=3)
    assert output_of(node) == 1
    if isinstance(node, Slow):
        node.go.set()


@pytest.mark.parametrize("cls", [Slow, SlowAsync])
def test_timeout_unless_retry_on_names_it_is_not_tried_again(cls):
    # NodeTimeout is a TimeoutError, and that an OSError.
    node = cls(quick={1}, timeout=0.02, max_retries=3, retry_on=ValueError)
    with pytest.raises(NodeTimeout):
        output_of(node)
    if isinstance(node, Slow):
        node.go.set()


@both
def test_timeout_error_of_exec_itself_stays_its_own(cls):
    own = TimeoutError("the server's")
    assert output_of(cls(own, timeout=5)) == f"fallback after {own!r}"


def test_timeout_leaves_quick_attempts_alone():
    node = Slow(quick={0}, timeout=5)
    assert output_of(node) == 0


def test_timeout_attempt_sees_the_context_and_sets_attributes():
    class Notes(Node):
        def exec(self, prep_res):
            self.note = threading.current_thread().name
            return self.note

        def post(self, shared, prep_res, exec_res):
            shared["out"] = (self.note, exec_res)

    assert output_of(Notes(timeout=5)) == ("kgnb-attempt", "kgnb-attempt")


def test_timeout_of_items_is_each_items_own():
    class Items(ParallelBatchNode):
        ended = threading.Semaphore(0)
        go = threading.Event()

        def prep(self, shared):
            return range(4)

        def exec(self, item):
            if item == 2:
                self.go.wait(10)
                self.ended.release()
            return item

        def exec_fallback(self, item, exc):
            return type(exc).__name__

        def post(self, shared, prep_res, exec_res):
            shared["out"] = exec_res

    node = Items(timeout=0.05)
    assert output_of(node) == [0, 1, "NodeTimeout", 3]
    node.go.set()
    assert node.ended.acquire(timeout=5)


def test_cancelled_async_graph_does_not_wait_for_a_limited_attempt():
    began = threading.Event()

    class Begins(Slow):
        def exec(self, prep_res):
            began.set()
            return super().exec(prep_res)

    node = Begins(timeout=60)

    async def main():
        task = asyncio.create_task(AsyncGraph(node).run_async({}))
        await asyncio.to_thread(began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    node.go.set()
    assert node.ended.acquire(timeout=5)


def test_keyboard_interrupt_in_a_limited_attempt_passes():
    class Interrupted(Node):
        def exec(self, prep_res):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted(timeout=5, max_retries=3).run({})


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"max_retries": 2.5}, TypeError, "max_retries= takes a whole number"),
        ({"wait": "1"}, TypeError, "Node: wait= takes seconds, not below 0, got '1'"),
        ({"wait": -1}, ValueError, "Node: wait= takes seconds, not below 0, got -1"),
    ],
)
def test_node_refuses_attempts_and_waits_that_are_none(given, error, text):
    with pytest.raises(error, match=text):
        Node(**given)
