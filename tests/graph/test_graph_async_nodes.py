"""AsyncNode and its batches: order of calls, hooks, items, cancelling."""

import asyncio

import pytest

from kgnb.graph import AsyncBatchNode, AsyncNode, AsyncParallelBatchNode, Node


class Recorder(AsyncNode):
    """Notes each call; the sync phases must never be among them."""

    def __init__(self, fail_in=None, forgive=False, **kwargs):
        super().__init__(**kwargs)
        self.calls = []
        self.fail_in = fail_in
        self.forgive = forgive

    def note(self, name):
        self.calls.append(name)
        if name == self.fail_in:
            raise ValueError(name)

    def before_prep(self, shared):
        self.note("before_prep")

    def prep(self, shared):
        self.note("sync prep")

    def exec(self, prep_res):
        self.note("sync exec")

    def post(self, shared, prep_res, exec_res):
        self.note("sync post")

    async def prep_async(self, shared):
        self.note("prep_async")
        return "p"

    async def exec_async(self, prep_res):
        self.note(f"exec_async {prep_res}")
        return "e"

    def after_exec(self, shared, prep_res, exec_res):
        self.note(f"after_exec {prep_res} {exec_res}")

    async def post_async(self, shared, prep_res, exec_res):
        self.note(f"post_async {prep_res} {exec_res}")
        return "act"

    def on_error(self, shared, exc):
        self.calls.append(f"on_error {exc}")
        return self.forgive


PHASES = [
    "before_prep",
    "prep_async",
    "exec_async p",
    "after_exec p e",
    "post_async p e",
]


def test_async_node_calls_the_phases_and_hooks_in_order():
    node = Recorder()
    assert asyncio.run(node.run_async({})) == "act"
    assert node.calls == PHASES
    assert node.get_context("last_execution_time") >= 0


@pytest.mark.parametrize("phase", PHASES)
def test_async_node_on_error_decides_over_a_failed_phase(phase):
    node = Recorder(fail_in=phase)
    with pytest.raises(ValueError):
        asyncio.run(node.run_async({}))
    assert node.calls[-1] == f"on_error {phase}"
    assert asyncio.run(Recorder(fail_in=phase, forgive=True).run_async({})) is None


def test_async_node_hooks_may_be_coroutines():
    calls = []

    class Hooked(AsyncNode):
        async def before_prep(self, shared):
            calls.append("before")

        async def after_exec(self, shared, prep_res, exec_res):
            calls.append("after")
            raise ValueError

        async def on_error(self, shared, exc):
            calls.append("error")
            return True

    asyncio.run(Hooked().run_async({}))
    assert calls == ["before", "after", "error"]


def test_async_node_run_says_to_use_run_async():
    with pytest.raises(RuntimeError, match=r"(?m)^Use run_async for AsyncNode\.$"):
        AsyncNode().run({})


def test_async_node_defaults_return_none():
    assert asyncio.run(AsyncNode().run_async({})) is None


def test_async_node_with_successors_warns():
    node = AsyncNode("a")
    node >> Node("b")
    with pytest.warns(UserWarning, match="a runs alone"):
        asyncio.run(node.run_async({}))


class Batch(AsyncBatchNode):
    items = (1, 2, 3)

    async def prep_async(self, shared):
        return self.items

    async def exec_async(self, prep_res):
        return prep_res * 2

    async def post_async(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class ParallelBatch(AsyncParallelBatchNode, Batch):
    pass


both = pytest.mark.parametrize("cls", [Batch, ParallelBatch])


def output_of(node):
    shared = {}
    asyncio.run(node.run_async(shared))
    return shared["out"]


@both
@pytest.mark.parametrize(("items", "out"), [((1, 2), [2, 4]), (None, []), ((), [])])
def test_async_batch_gives_a_list_in_order(cls, items, out):
    class Some(cls):
        pass

    Some.items = items
    assert output_of(Some()) == out


@both
def test_async_batch_item_has_its_own_retries_and_fallback(cls):
    tries = {}

    class Flaky(cls):
        async def exec_async(self, prep_res):
            tries.setdefault(prep_res, []).append(self.cur_retry)
            await asyncio.sleep(0)
            if prep_res == 2:
                raise ValueError
            return prep_res

        async def exec_fallback_async(self, prep_res, exc):
            return ("fallback", prep_res)

    assert output_of(Flaky(max_retries=3)) == [1, ("fallback", 2), 3]
    assert tries == {1: [0], 2: [0, 1, 2], 3: [0]}


def test_async_parallel_retries_are_right_for_forty_failing_items():
    tries, fallbacks = {}, []

    class AllFail(AsyncParallelBatchNode):
        async def prep_async(self, shared):
            return range(40)

        async def exec_async(self, prep_res):
            tries.setdefault(prep_res, []).append(self.cur_retry)
            await asyncio.sleep(0)
            raise ValueError

        async def exec_fallback_async(self, prep_res, exc):
            fallbacks.append(prep_res)

    asyncio.run(AllFail(max_retries=3).run_async({}))
    assert sorted(fallbacks) == list(range(40))
    assert all(seen == [0, 1, 2] for seen in tries.values())


@pytest.mark.parametrize("most", [0, -1])
def test_async_parallel_without_room_for_an_item_refuses(most):
    class Two(AsyncParallelBatchNode):
        async def prep_async(self, shared):
            return [1, 2]

    with pytest.raises(ValueError, match="max_concurrency: expected at least 1"):
        asyncio.run(Two(max_concurrency=most).run_async({}))


def test_async_parallel_max_concurrency_is_the_most_at_a_time():
    state = {"now": 0, "most": 0}

    class Counted(ParallelBatch):
        items = range(20)

        async def exec_async(self, prep_res):
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            await asyncio.sleep(0)
            state["now"] -= 1

    asyncio.run(Counted(max_concurrency=3).run_async({}))
    assert state["most"] == 3
    asyncio.run(Counted().run_async({}))
    assert state["most"] == 20


def test_async_parallel_first_error_cancels_the_siblings_and_is_raised_itself():
    ended = []

    class Failing(ParallelBatch):
        items = (1, 3, 2)

        async def exec_async(self, prep_res):
            if prep_res == 2:
                raise KeyError(prep_res)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(prep_res)

    with pytest.raises(KeyError):
        asyncio.run(Failing().run_async({}))
    assert sorted(ended) == [1, 3]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_async_parallel_exit_in_an_item_reaches_the_caller(kind):
    class Exiting(ParallelBatch):
        async def exec_async(self, prep_res):
            raise kind

    async def main():
        # Caught inside the task: asyncio would carry it out of the loop.
        with pytest.raises(kind):
            await Exiting().run_async({})

    asyncio.run(main())


def test_async_parallel_cancelled_from_outside_cancels_all_items():
    started, ended = [], []

    class Waiting(ParallelBatch):
        async def exec_async(self, prep_res):
            started.append(prep_res)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(prep_res)

    async def main():
        task = asyncio.create_task(Waiting().run_async({}))
        while len(started) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sorted(ended) == [1, 2, 3]
