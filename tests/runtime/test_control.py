"""The brake of a run."""

import asyncio
import threading

import pytest

from kgnb.runtime.control import Control


def test_free_control_holds_nobody():
    control = Control()
    control.hold()
    control.check()
    asyncio.run(control.hold_async())


def test_pause_holds_a_thread_until_resume():
    control = Control()
    assert control.pause()
    assert not control.pause()
    passed = threading.Event()

    def work():
        control.hold()
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not passed.wait(0.05)
    assert control.resume()
    assert passed.wait(5)
    thread.join()


def test_pause_holds_a_task_until_resume():
    control = Control()
    control.pause()

    async def inner():
        task = asyncio.create_task(control.hold_async())
        await asyncio.sleep(0.01)
        assert not task.done()
        await asyncio.to_thread(control.resume)
        await asyncio.wait_for(task, 5)

    asyncio.run(inner())


def test_cancel_raises_in_whoever_is_held_or_sleeps():
    control = Control()
    control.pause()
    raised = []

    def work(wait):
        try:
            wait()
        except asyncio.CancelledError:
            raised.append(wait)

    waits = [control.hold, lambda: control.sleep(60)]
    threads = [threading.Thread(target=work, args=(wait,)) for wait in waits]
    for thread in threads:
        thread.start()
    assert control.cancel()
    for thread in threads:
        thread.join(5)
    assert len(raised) == 2
    with pytest.raises(asyncio.CancelledError):
        control.check()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(control.hold_async())


def test_first_cancel_decides():
    control = Control()
    first = ValueError()
    assert control.cancel(fatal=first)
    assert not control.cancel(fatal=OSError())
    assert control.fatal is first
    assert not control.pause()


def test_callbacks_of_a_cancel_are_called_even_afterwards():
    control = Control()
    called = []
    control.on_cancel(lambda: called.append("before"))
    control.cancel()
    control.on_cancel(lambda: called.append("after"))
    assert called == ["before", "after"]


def test_sleep_ends_by_itself():
    Control().sleep(0.01)
