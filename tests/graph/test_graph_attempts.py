"""Retries: how often, when, and what the fallback is told."""

import asyncio

import pytest

from kgnb.graph import AsyncNode, Graph, Node
from kgnb.graph import attempts as attempts_module
from kgnb.graph import steps as steps_module


class Flaky(Node):
    """Fails its first ``failures`` attempts."""

    def __init__(self, failures, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.failures = failures
        self.seen = []

    def prep(self, shared):
        return "p"

    def exec(self, prep_res):
        self.seen.append((self.cur_retry, prep_res))
        if len(self.seen) <= self.failures:
            raise ValueError(self.cur_retry)
        return "done"

    def post(self, shared, prep_res, exec_res):
        shared["result"] = exec_res
        shared["last_retry"] = self.cur_retry


class FlakyAsync(AsyncNode, Flaky):
    async def prep_async(self, shared):
        return "p"

    async def exec_async(self, prep_res):
        return Flaky.exec(self, prep_res)

    async def post_async(self, shared, prep_res, exec_res):
        Flaky.post(self, shared, prep_res, exec_res)


def run(node, shared):
    if isinstance(node, AsyncNode):
        return asyncio.run(node.run_async(shared))
    return node.run(shared)


both = pytest.mark.parametrize("cls", [Flaky, FlakyAsync])


@both
def test_attempts_repeat_only_exec_until_it_succeeds(cls):
    node, shared = cls(2, max_retries=3), {}
    run(node, shared)
    assert node.seen == [(0, "p"), (1, "p"), (2, "p")]
    assert shared == {"result": "done", "last_retry": 2}


@both
def test_attempts_max_retries_counts_the_first_one(cls):
    node = cls(5, max_retries=3)
    with pytest.raises(ValueError) as caught:
        run(node, {})
    assert caught.value.args == (2,)
    assert len(node.seen) == 3


@both
def test_attempts_zero_never_tries(cls):
    node = cls(0, max_retries=0)
    with pytest.raises(
        RuntimeError, match=r"(?m)^Execution loop finished unexpectedly\.$"
    ):
        run(node, {})
    assert node.seen == []


@both
def test_attempts_cur_retry_stays_at_the_last_index(cls):
    node, shared = cls(1, max_retries=4), {}
    run(node, shared)
    assert shared["last_retry"] == 1


def test_attempts_fallback_value_is_the_exec_result():
    class Safe(Flaky):
        def exec_fallback(self, prep_res, exc):
            return (prep_res, exc.args, self.cur_retry)

    node, shared = Safe(9, max_retries=2), {}
    node.run(shared)
    assert shared["result"] == ("p", (1,), 1)


def test_attempts_fallback_error_goes_to_on_error():
    seen = []

    class Sorry(Flaky):
        def exec_fallback(self, prep_res, exc):
            raise KeyError("from fallback")

        def on_error(self, shared, exc):
            seen.append(exc)
            return True

    assert Sorry(9).run({}) is None
    assert isinstance(seen[0], KeyError)


def test_attempts_fallback_async_gets_prep_res_and_error():
    class Safe(FlakyAsync):
        async def exec_fallback_async(self, prep_res, exc):
            return (prep_res, exc.args)

    shared = {}
    run(Safe(9, max_retries=2), shared)
    assert shared["result"] == ("p", (1,))


def test_attempts_wait_between_them_only(monkeypatch):
    waits = []
    monkeypatch.setattr(steps_module.time, "sleep", waits.append)
    with pytest.raises(ValueError):
        Flaky(9, max_retries=3, wait=7).run({})
    assert waits == [7, 7]


def test_attempts_async_wait_between_them_only(monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(attempts_module.asyncio, "sleep", sleep)
    with pytest.raises(ValueError):
        run(FlakyAsync(9, max_retries=3, wait=7), {})
    assert waits == [7, 7]


@both
def test_attempts_cancellation_is_not_retried(cls):
    class Cancelled(cls):
        def exec(self, prep_res):
            self.seen.append(1)
            raise asyncio.CancelledError

        async def exec_async(self, prep_res):
            return self.exec(prep_res)

    node = Cancelled(0, max_retries=5)
    with pytest.raises(asyncio.CancelledError):
        run(node, {})
    assert node.seen == [1]


def test_attempts_count_is_set_on_the_copy_not_on_the_users_node():
    node = Flaky(2, max_retries=3)
    Graph(node).run({})
    assert "cur_retry" not in vars(node)


def test_attempts_of_none_say_whose_and_why():
    with pytest.raises(RuntimeError) as caught:
        Node(node_id="n", max_retries=0).run({})
    assert caught.value.__notes__ == [
        "n: max_retries=0 leaves no attempt; it counts all of them, the first included"
    ]
