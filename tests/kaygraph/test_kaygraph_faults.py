"""The fault that KayGraph is known for: retries of parallel items, counted honestly.

40 failing items, 8 at a time, 3 attempts each, a hundred times over.
"""

import asyncio
import threading
from collections import Counter

import pytest

import kgnb.graph as kaygraph

ITEMS, TOGETHER, ATTEMPTS, TIMES = 40, 8, 3, 100


class Failing:
    """Counts the attempts of each item; every one fails."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.lock = threading.Lock()
        self.begin()

    def begin(self):
        self.tries, self.fallbacks = Counter(), Counter()

    def note(self, item):
        with self.lock:
            self.tries[item, self.cur_retry] += 1
        raise ValueError(item)

    def save(self, item, exc):
        assert exc.args == (item,)
        with self.lock:
            self.fallbacks[item] += 1
        return -item


class InThreads(Failing, kaygraph.ParallelBatchNode):
    def prep(self, shared):
        return range(ITEMS)

    def exec(self, prep_res):
        self.note(prep_res)

    def exec_fallback(self, prep_res, exc):
        return self.save(prep_res, exc)

    def post(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


class InTasks(Failing, kaygraph.AsyncParallelBatchNode):
    async def prep_async(self, shared):
        return range(ITEMS)

    async def exec_async(self, prep_res):
        await asyncio.sleep(0)
        self.note(prep_res)

    async def exec_fallback_async(self, prep_res, exc):
        return self.save(prep_res, exc)

    async def post_async(self, shared, prep_res, exec_res):
        shared["out"] = exec_res


def check(node, shared):
    assert shared["out"] == [-item for item in range(ITEMS)]
    assert node.fallbacks == dict.fromkeys(range(ITEMS), 1)
    expected = {(item, tried): 1 for item in range(ITEMS) for tried in range(ATTEMPTS)}
    assert node.tries == expected


@pytest.mark.timeout(60)
def test_forty_failing_items_in_eight_threads_a_hundred_times():
    node = InThreads(TOGETHER, ATTEMPTS)
    graph = kaygraph.Graph(node)
    for _ in range(TIMES):
        node.begin()
        shared = {}
        graph.run(shared)
        check(node, shared)


@pytest.mark.timeout(60)
def test_forty_failing_items_in_eight_tasks_a_hundred_times():
    node = InTasks(ATTEMPTS, max_concurrency=TOGETHER)
    graph = kaygraph.AsyncGraph(node)

    async def main():
        for _ in range(TIMES):
            node.begin()
            shared = {}
            await graph.run_async(shared)
            check(node, shared)

    asyncio.run(main())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cls", [InThreads, InTasks])
def test_forty_failing_items_watched(runner, cls):
    key = "max_workers" if cls is InThreads else "max_concurrency"
    node = cls(max_retries=ATTEMPTS, **{key: TOGETHER})
    for _ in range(5):
        node.begin()
        shared = {}
        runner(node, shared)
        check(node, shared)
