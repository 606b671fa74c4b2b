"""Checkpointers on real stores: SQLite's files, and a real PostgreSQL."""

import asyncio
import subprocess
import sys

import pytest
import savers
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from savers import KINDS, Stores, compiled, waiting

import kgnb
from kgnb.errors import Unavailable


@pytest.fixture(scope="module")
def stores(tmp_path_factory, postgres):
    return Stores(tmp_path_factory.mktemp("savers"), postgres.new_database())


@pytest.mark.parametrize("kind", KINDS)
def test_a_thread_of_a_real_checkpointer_is_kept_read_and_forked(kind, stores):
    async def main():
        async with stores.open(kind) as saver:
            graph = compiled(saver)
            run = kgnb.run(graph, {"log": ["1"]}, session_id=f"kept-{kind}")
            state = await waiting(run)
            assert (state.values, state.next) == ({"log": ["1", "a"]}, ("ask",))
            await asyncio.to_thread(run.answer, run.approvals[0].approval_id, "yes")
            assert (await run).shared["log"] == ["1", "a", "yes", "z"]
            assert run.view.nodes["ask"].visits == 1
            assert run.view.nodes["ask"].attempt == 2

            more = kgnb.run(
                graph, {"log": ["2"]}, session_id=f"kept-{kind}", answers=["no"]
            )
            log = ["1", "a", "yes", "z", "2", "a", "no", "z"]
            assert (await more).shared["log"] == log

            history = await more.history()
            assert [c.step for c in history] == [*range(8, -2, -1)]
            assert [c.parent for c in history] == [c.id for c in history[1:]] + [None]
            assert [c.step for c in await more.history(limit=2)] == [8, 7]

            forked = more.fork(at=2)
            assert (await forked).shared["log"] == ["1", "a", "yes", "z"]
            assert forked.view.nodes["a"].visits == 0
            edited = more.fork(at=history[-3], shared={"log": ["b"]}, answers=["so"])
            assert (await edited).shared["log"] == ["1", "a", "b", "so", "z"]
            assert [c for c in await edited.history() if c in history] == history

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_runs_on_one_thread_of_a_real_checkpointer_take_turns(kind, stores):
    async def main():
        async with stores.open(kind) as saver:
            graph = compiled(saver)
            runs = [
                kgnb.run(
                    graph,
                    {"log": [str(n)]},
                    session_id=f"turns-{kind}",
                    answers=["yes"],
                    multitask_strategy="enqueue",
                )
                for n in range(3)
            ]
            results = [await run for run in runs]
            one, two, three = ([str(n), "a", "yes", "z"] for n in range(3))
            logs = [result.shared["log"] for result in results]
            assert logs == [one, one + two, one + two + three]

    asyncio.run(main())


@pytest.fixture(scope="module")
def killed(tmp_path_factory, postgres):
    """The stores of a process that was killed while its runs waited for answers."""
    folder, database = tmp_path_factory.mktemp("killed"), postgres.new_database()
    program = [sys.executable, savers.__file__, str(folder), database]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "waiting\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return Stores(folder, database)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_whose_process_was_killed_goes_on_in_another(kind, killed):
    async def main():
        async with killed.open(kind) as saver:
            graph = compiled(saver)
            run = kgnb.run(graph, session_id=kind, answers=["yes"])
            assert (await run).shared["log"] == ["in", "a", "yes", "z"]
            assert run.view.nodes["a"].visits == 0
        async with killed.open(kind) as saver:
            run = kgnb.run(
                compiled(saver), {"log": ["more"]}, session_id=kind, answers=["no"]
            )
            log = (await run).shared["log"]
            assert log == ["in", "a", "yes", "z", "more", "a", "no", "z"]

    asyncio.run(main())


def test_a_sync_only_checkpointer_with_an_async_node_says_what_to_use(tmp_path):
    async def later(state):
        return {}

    builder = StateGraph(savers.State)
    builder.add_node("later", later)
    builder.add_edge(START, "later")
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        graph = builder.compile(checkpointer=saver)
        with pytest.raises(TypeError) as caught:
            kgnb.run(graph, {}).result(20)
    assert any("SqliteSaver is sync only" in n for n in caught.value.__notes__)


def test_an_async_checkpointer_runs_on_the_loop_where_it_was_made(stores):
    async def main():
        here = asyncio.get_running_loop()
        seen = []

        async def where(state):
            seen.append(asyncio.get_running_loop() is here)

        builder = StateGraph(savers.State)
        builder.add_node("where", where)
        builder.add_edge(START, "where")
        async with stores.open("AsyncSqliteSaver") as saver:
            await kgnb.run(builder.compile(checkpointer=saver), {})
        return seen

    assert asyncio.run(main()) == [True]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("Async")])
def test_an_async_checkpointer_of_another_loop_is_refused_with_the_way_out(
    kind, stores
):
    async def main():
        async with stores.open(kind) as saver:
            graph = compiled(saver)

            def elsewhere():
                with pytest.raises(Unavailable, match="bound to the loop"):
                    kgnb.run(graph, {})

                async def other():
                    with pytest.raises(Unavailable, match=f"{kind} is bound to the"):
                        await kgnb.run(graph, {})

                asyncio.run(other())

            await asyncio.to_thread(elsewhere)

    asyncio.run(main())


def test_a_history_is_read_from_any_thread_on_its_checkpointers_loop(stores):
    async def main():
        async with stores.open("AsyncPostgresSaver") as saver:
            run = kgnb.run(compiled(saver), {}, session_id="read", answers=["yes"])
            await run
            return await asyncio.to_thread(lambda: run.state().result(20).values)

    assert asyncio.run(main()) == {"log": ["a", "yes", "z"]}
