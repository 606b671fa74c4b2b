"""ThreadWorker and call_in_threads: threads, context, errors, cancelling."""

import asyncio
import contextvars
import threading

import pytest

from kgnb.graph.workers import ThreadWorker, call_in_threads


def with_worker(body):
    async def main():
        worker = ThreadWorker()
        try:
            return await body(worker)
        finally:
            worker.close()

    before = set(threading.enumerate())
    result = asyncio.run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    return result


def test_worker_calls_that_follow_one_another_share_a_thread():
    async def body(worker):
        return [await worker.call(threading.current_thread) for _ in range(5)]

    threads = with_worker(body)
    assert len(set(threads)) == 1
    assert threads[0].daemon
    assert threads[0] is not threading.current_thread()


def test_worker_calls_at_the_same_time_have_a_thread_each():
    barrier = threading.Barrier(40)

    async def body(worker):
        calls = [worker.call(lambda: barrier.wait(10)) for _ in range(40)]
        await asyncio.gather(*calls)
        assert worker.busy == 0

    with_worker(body)


def test_worker_carries_a_copy_of_the_context():
    variable = contextvars.ContextVar("variable", default="unset")

    def change():
        before = variable.get()
        variable.set("changed in the thread")
        return before

    async def body(worker):
        variable.set("callers")
        assert await worker.call(change) == "callers"
        assert variable.get() == "callers"

    with_worker(body)


@pytest.mark.parametrize(
    "kind", [ValueError, StopIteration, asyncio.CancelledError, SystemExit]
)
def test_worker_raises_what_the_function_raised(kind):
    def fail():
        raise kind

    async def body(worker):
        # A coroutine cannot raise StopIteration: Python turns it into RuntimeError.
        with pytest.raises(RuntimeError if kind is StopIteration else kind):
            await worker.call(fail)
        assert await worker.call(lambda: 1) == 1

    with_worker(body)


def test_worker_cancelled_call_returns_while_the_thread_goes_on():
    started, release = threading.Event(), threading.Event()

    def work():
        started.set()
        release.wait(10)

    async def body(worker):
        task = asyncio.create_task(worker.call(work))
        while not started.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert worker.busy == 1
        release.set()
        while worker.busy:
            await asyncio.sleep(0)

    with_worker(body)


def test_worker_thread_that_outlives_its_loop_ends_quietly():
    started, release, threads = threading.Event(), threading.Event(), []

    def work():
        threads.append(threading.current_thread())
        started.set()
        release.wait(10)

    async def main():
        worker = ThreadWorker()
        task = asyncio.create_task(worker.call(work))
        while not started.is_set():
            await asyncio.sleep(0)
        task.cancel()
        worker.close()

    asyncio.run(main())
    release.set()
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_worker_closed_refuses_work():
    async def body(worker):
        worker.close()
        with pytest.raises(RuntimeError, match="worker is closed"):
            await worker.call(lambda: 1)

    with_worker(body)


def test_call_in_threads_gives_values_in_order():
    assert call_in_threads([lambda n=n: n for n in range(10)], 3) == list(range(10))
    assert call_in_threads([], 3) == []


def test_call_in_threads_raises_the_first_error_after_all_ended():
    done = []

    def fail(number):
        raise ValueError(number)

    calls = [lambda: done.append(0), lambda: fail(1), lambda: fail(2)]
    with pytest.raises(ValueError, match="1"):
        call_in_threads([*calls, lambda: done.append(3)], 1)
    assert done == [0, 3]
