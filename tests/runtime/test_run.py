"""The handle: waiting, cancelling, pausing, errors; with the in-kernel broker."""

import asyncio
import subprocess
import sys
import textwrap
import threading
import time

import msgspec
import pytest

import kgnb
from kgnb.errors import (
    InvalidValue,
    NotAGraph,
    RunCancelled,
    WrongThread,
)
from kgnb.protocol.view import RunView, fold
from kgnb.runtime import hooks, run


class Steps(kgnb.Node):
    def exec(self, _):
        return 42

    def post(self, shared, _, value):
        shared["value"] = value


class Sleeps(kgnb.AsyncNode):
    async def exec_async(self, _):
        await asyncio.sleep(60)


class Blocks(kgnb.Node):
    """A sync node that is held until the test lets it go."""

    def __init__(self):
        super().__init__()
        self.began = threading.Event()
        self.go = threading.Event()

    def exec(self, _):
        self.began.set()
        self.go.wait(10)


def test_run_sync_graph_gives_shared_and_value():
    shared = {}
    result = run(kgnb.Graph(Steps(), name="small"), shared).result(10)
    assert (result.status, result.value) == ("completed", 42)
    assert result.shared is shared
    assert shared == {"value": 42}
    assert set(result.timings) == {"Steps"}


def test_run_of_a_function_calls_it_with_shared():
    assert run(lambda shared: shared["n"] + 1, {"n": 1}).result(10).value == 2


def test_run_of_what_is_no_graph_names_it():
    with pytest.raises(NotAGraph, match="int object 3"):
        run(3)


def test_reprs_do_not_change_from_one_run_to_the_next():
    graph = kgnb.Graph(Steps(), name="small")
    first, second = run(graph, {}), run(graph, {})
    assert repr(first) == repr(second) == "<kgnb.Run 'small'>"
    assert repr(first.result(10)) == (
        "<kgnb.Result 'small' completed action=None shared=(value)>"
    )


async def awaited(graph, **options):
    return await run(graph, {}, **options)


def test_await_in_a_foreign_loop_gives_the_result():
    assert asyncio.run(awaited(kgnb.Graph(Steps()))).value == 42


def test_loop_kernel_runs_async_nodes_on_the_callers_loop():
    seen = []

    async def where(_shared):
        seen.append(threading.current_thread().name)

    asyncio.run(awaited(where, loop="kernel"))
    assert seen == [threading.current_thread().name]


def test_loop_kernel_without_a_loop_is_refused():
    with pytest.raises(InvalidValue, match="no loop runs"):
        run(lambda: 1, loop="kernel")


def test_result_on_the_loop_that_must_work_says_await():
    async def inner():
        handle = run(Sleeps(), {}, loop="kernel")
        with pytest.raises(WrongThread, match="use await"):
            handle.result()
        handle.cancel()
        with pytest.raises(RunCancelled):
            await handle

    asyncio.run(inner())


def test_result_timeout_leaves_the_run_alive():
    handle = run(Sleeps())
    with pytest.raises(TimeoutError):
        handle.result(0.05)
    assert handle.status == "running"
    handle.cancel()


def test_cancelled_await_leaves_the_run_alive(eventually):
    handle = run(Sleeps())

    async def inner():
        waiting = asyncio.create_task(_wait(handle))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(inner())
    assert handle.status == "running"
    handle.cancel()


async def _wait(handle):
    return await handle


def test_cancel_ends_an_async_node_and_says_so_in_the_view():
    handle = run(Sleeps())
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert handle.status == "cancelled"


def test_cancel_of_a_blocked_thread_ends_the_run_and_logs_the_thread(eventually):
    node = Blocks()
    handle = run(node)
    assert node.began.wait(5)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)
    logs = [entry.text for entry in handle.view.logs]
    assert any("still running in its thread" in text for text in logs)
    node.go.set()


def test_cancel_reaches_a_sync_node_between_attempts():
    class Fails(kgnb.Node):
        def exec(self, _):
            raise OSError

    handle = run(Fails(max_retries=2, wait=60))
    while "retrying" not in [n.status for n in handle.view.nodes.values()]:
        time.sleep(0.005)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert handle.view.nodes["Fails"].status == "cancelled"


def test_nodes_own_exception_is_raised_with_a_note():
    class Fails(kgnb.Node):
        def exec(self, _):
            raise ZeroDivisionError("no")

    handle = run(kgnb.Graph(Fails(max_retries=3), name="bad"))
    with pytest.raises(ZeroDivisionError) as caught:
        handle.result(10)
    assert caught.value.__notes__ == ["kgnb: in node 'Fails' of run 'bad'"]
    view = handle.view
    assert view.status == "failed"
    assert (view.error.node_id, view.error.message) == (
        "Fails",
        "ZeroDivisionError: no",
    )
    assert view.nodes["Fails"].attempt == 3
    assert view.timeline[0].attempts == 3


def test_system_exit_in_an_async_node_ends_its_run_only():
    async def leaves(_shared):
        sys.exit(3)

    with pytest.raises(SystemExit):
        run(leaves).result(10)
    assert run(lambda: 1).result(10).value == 1


def test_timeout_fails_the_run():
    handle = run(Sleeps(), timeout=0.05)
    with pytest.raises(TimeoutError, match=r"longer than 0.05 s"):
        handle.result(10)
    assert handle.status == "failed"


def test_pause_holds_and_resume_goes_on(eventually):
    node = Blocks()
    last = Steps()
    node >> last
    handle = run(kgnb.Graph(node))
    assert node.began.wait(5)
    handle.pause()
    node.go.set()
    eventually(lambda: handle.status == "paused")
    with pytest.raises(TimeoutError):
        handle.result(0.1)
    handle.resume()
    assert handle.result(10).value == 42


def test_pause_before_stops_at_the_node(eventually):
    first, last = Steps(), Steps(node_id="last")
    first >> last
    handle = run(kgnb.Graph(first), pause_before=["last"])
    eventually(lambda: handle.status == "paused")
    assert handle.view.nodes["last"].status == "idle"
    handle.resume()
    handle.result(10)


def test_breakpoint_is_named_and_held_at_each_visit(eventually):
    class Loop(kgnb.AsyncNode):
        async def post_async(self, shared, _prep, _exec):
            shared["visits"] += 1
            return "again" if shared["visits"] < 2 else None

    node = Loop(node_id="loop")
    node - "again" >> node
    node >> Steps()
    shared = {"visits": 0}
    handle = run(kgnb.AsyncGraph(node), shared, pause_before=["loop"])
    for visits in (0, 1):
        eventually(
            lambda done=visits: (
                handle.status == "paused" and len(handle.view.timeline) == done
            )
        )
        assert shared["visits"] == visits
        assert handle.view.paused.before == "loop"
        handle.resume()
    handle.result(10)
    assert handle.view.paused is None


def test_breakpoint_stops_nobody_in_ci():
    handle = run(Steps(), mode="ci", pause_before=["Steps"])
    assert handle.status == "completed"


def test_pause_holds_the_runs_that_its_nodes_began(eventually):
    children = []

    class Parent(kgnb.Node):
        def exec(self, _):
            first, last = Blocks(), Steps()
            first >> last
            children.append((first, run(kgnb.Graph(first))))
            return children[0][1].result().value

    handle = run(Parent())
    eventually(lambda: children)
    blocks, child = children[0]
    assert blocks.began.wait(5)
    handle.pause()
    blocks.go.set()
    eventually(lambda: child.status == "paused")
    handle.resume()
    assert handle.result(10).value == 42


def test_pause_before_an_unknown_node_is_refused():
    with pytest.raises(InvalidValue, match="no node 'x'; there are Steps"):
        run(Steps(), pause_before="x")


def test_run_with_what_is_no_executor_says_what_one_is():
    with pytest.raises(InvalidValue, match=r"expected a concurrent\.futures\.Executor"):
        run(Steps(), executor=object())


def test_child_run_in_a_node_shows_nothing_and_is_cancelled_with_its_parent(display):
    children = []

    class Parent(kgnb.AsyncNode):
        async def exec_async(self, _):
            children.append(run(Sleeps()))
            await children[0]

    handle = run(Parent())
    while not children:
        time.sleep(0.005)
    handle.cancel()
    with pytest.raises(RunCancelled):
        children[0].result(10)
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert display.shown == [handle]


def test_child_run_in_a_sync_node_gives_its_result():
    def parent():
        return run(Steps(), {}).result(10).value

    assert run(parent).result(10).value == 42


def test_display_is_shown_and_finished_once_with_the_drawn_graph(display):
    handle = run(kgnb.Graph(Steps(), name="small"))
    handle.result(10)
    assert display.shown == [handle]
    assert display.finished == [(handle, "completed")]
    assert handle.graph.svg == handle.view.graph.svg == "<svg>small</svg>"


def test_display_that_fails_does_not_fail_the_run(caplog):
    class Broken:
        def show(self, run):
            raise OSError("no screen")

        finish = show

    hooks.install(Broken())
    assert run(Steps(), {}).result(10).value == 42
    assert "could not be displayed" in caplog.text


def test_events_read_by_anybody_fold_to_the_same_view():
    class Talks(kgnb.AsyncNode):
        async def exec_async(self, _):
            kgnb.progress(50, "half")
            return await kgnb.stream(iter(["a", "b", "c"]))

    handle = run(Talks())

    async def collect(since=None):
        return [event async for event in handle.events(since)]

    events = asyncio.run(collect())
    handle.result(10)
    folded = RunView(run_id=handle.id)
    for event in events:
        fold(folded, event)
    assert msgspec.to_builtins(folded) == msgspec.to_builtins(handle.view)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert asyncio.run(collect(since=events[-3].seq)) == events[-2:]


def test_events_refuses_a_cursor_that_is_none():
    handle = run(Steps(), {})

    async def first():
        return [event async for event in handle.events(since="x:y")]

    with pytest.raises(InvalidValue, match="expected a seq"):
        asyncio.run(first())
    handle.result(10)


def test_prints_stay_in_the_context_that_started_the_run():
    import contextvars

    cell = contextvars.ContextVar("cell", default="none")
    seen = []

    class Looks(kgnb.Node):
        def exec(self, _):
            seen.append(cell.get())

    class LooksAsync(kgnb.AsyncNode):
        async def exec_async(self, _):
            seen.append(cell.get())

    cell.set("first")
    one, two = Looks(), LooksAsync()
    one >> two
    handle = run(kgnb.Graph(one))
    cell.set("second")
    handle.result(10)
    assert seen == ["first", "first"]


def test_many_runs_at_once_do_not_mix():
    def talk(shared):
        kgnb.log(shared["name"])
        return shared["name"]

    handles = [run(talk, {"name": f"run {number}"}) for number in range(40)]
    for number, handle in enumerate(handles):
        result = handle.result(20)
        assert result.value == f"run {number}"
        assert [entry.text for entry in result.view.logs] == [f"run {number}\n"]


def script(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_interpreter_exit_cancels_with_a_warning():
    done = script(
        """
        import asyncio, kgnb
        async def waits(shared):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("told")
                raise
        run = kgnb.run(waits, {})
        while "waits" not in [n for n, v in run.view.nodes.items() if v.visits]: pass
        """
    )
    assert done.returncode == 0
    assert done.stdout == "told\n"
    assert "unfinished runs are cancelled ('waits')" in done.stderr


def test_interrupt_of_a_blocking_result_cancels_the_run():
    done = script(
        """
        import asyncio, os, signal, threading, kgnb
        async def waits(shared): await asyncio.sleep(60)
        run = kgnb.run(waits)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        try: run.result()
        except KeyboardInterrupt: print(run.status)
        """
    )
    assert done.stdout == "cancelled\n", done.stderr


def test_interrupt_cancels_a_durable_run_unless_the_kernel_ends(tmp_path):
    # Jupyter interrupts a kernel that it restarts, whose run is lost then.
    done = script(
        f"""
        import asyncio, os, signal, threading, kgnb
        from kgnb.runtime import run as runs
        os.environ["KGNB_LOG_URL"] = "sqlite://{tmp_path / "log.db"}"
        runs.RESTART_WAIT = 0.3
        async def waits(shared): await asyncio.sleep(60)
        run = kgnb.run(waits, durable=True)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        try: run.result()
        except KeyboardInterrupt: print(run.status)
        try: run.result()
        except kgnb.KgnbError as error: print(run.status)
        """
    )
    assert done.stdout == "running\ncancelled\n", done.stderr


def test_interrupt_of_an_await_cancels_the_run():
    done = script(
        """
        import asyncio, os, signal, threading, kgnb
        async def waits(shared): await asyncio.sleep(60)
        async def main():
            global run
            run = kgnb.run(waits)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            await run
        try: asyncio.run(main())
        except KeyboardInterrupt: print(run.status)
        """
    )
    assert done.stdout == "cancelled\n", done.stderr


def test_forked_child_runs_with_threads_of_its_own():
    done = script(
        """
        import os, kgnb
        kgnb.run(lambda: 1).result(10)
        child = os.fork()
        if not child:
            value = kgnb.run(lambda: 2).result(10).value
            os._exit(value)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(kgnb.run(lambda: 3).result(10).value)
        """
    )
    assert done.stdout == "2\n3\n", done.stderr


def test_mode_ci_returns_when_the_run_has_ended(display):
    handle = run(kgnb.Graph(Steps(), name="small"), {}, mode="ci")
    assert handle.status == "completed"
    assert display.finished == [(handle, "completed")]


def test_mode_ci_of_a_failing_run_still_returns_the_handle():
    def fails():
        raise OSError("no")

    handle = run(fails, mode="ci")
    with pytest.raises(OSError, match="no"):
        handle.result()


def test_mode_that_does_not_exist_is_refused(monkeypatch):
    with pytest.raises(InvalidValue, match="mode='dead'"):
        run(Steps(), mode="dead")
    monkeypatch.setenv("KGNB_MODE", "dead")
    with pytest.raises(InvalidValue, match="KGNB_MODE='dead'"):
        run(Steps())


def test_result_of_a_node_that_asks_is_the_bare_value():
    class Ask(kgnb.Node):
        def exec(self, _):
            question = kgnb.ask("Publish?", options=["yes", "no"])
            return {"answers": [question.result()]}

    run = kgnb.run(kgnb.Graph(Ask(), name="gate"), {}, answers=["yes"])
    run.result(10)
    assert run.view.result == {"answers": ["yes"]}


def test_node_that_raises_on_its_third_attempt_loses_nothing():
    class Flaky(kgnb.AsyncNode):
        async def exec_async(self, _):
            await kgnb.stream(["try ", str(self.cur_retry + 1)])
            raise ValueError("no luck")

    run = kgnb.run(kgnb.Graph(Flaky(max_retries=3), name="flaky"), {"kept": 1})
    with pytest.raises(ValueError, match="no luck") as caught:
        run.result(10)
    assert caught.value.__notes__ == ["kgnb: in node 'Flaky' of run 'flaky'"]
    view = run.view
    assert [stream.text for stream in view.streams] == ["try 1", "try 2", "try 3"]
    assert (view.status, view.nodes["Flaky"].attempt) == ("failed", 3)
    assert "no luck" in view.error.message
    assert run.shared == {"kept": 1}


def test_failed_item_is_told_apart_from_a_done_one():
    class Items(kgnb.ParallelBatchNode):
        def prep(self, shared):
            return [0, 1]

        def exec(self, number):
            return 1 // number

        def on_error(self, shared, exc):
            return True

    handle = run(Items())
    handle.result(10)
    items = handle.view.nodes["Items"].items
    assert (items["0"].failed, items["1"].failed) == (True, False)
    assert "ZeroDivisionError" in items["0"].message
