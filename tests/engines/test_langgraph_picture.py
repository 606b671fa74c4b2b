"""What a run takes that its graph does not declare is added to its picture."""

import asyncio
import operator
from typing import Annotated, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

import kgnb
from kgnb import drawing
from kgnb.protocol import RunView, events, fold
from kgnb.protocol.record import static_record
from kgnb.runtime import hooks, redrawing


class State(TypedDict, total=False):
    log: Annotated[list, operator.add]
    n: int


@pytest.fixture(autouse=True)
def _is_drawn():
    hooks.install(None, draw=drawing.draw)


def says(word):
    async def node(state):
        return {"log": [word]}

    return node


def leads(*names, **options):
    """A node that names its successors itself."""

    async def node(state):
        return Command(goto=list(names), **options)

    return node


def graph_of(nodes, *edges, **routers):
    """A compiled graph; nodes by their names, routers by the nodes after which."""
    builder = StateGraph(State)
    for name, function in nodes.items():
        builder.add_node(name, function)
    for source, target in edges:
        builder.add_edge(source, target)
    for source, router in routers.items():
        builder.add_conditional_edges(source, router)
    return builder.compile()


def run(graph, **options):
    return kgnb.run(graph, {}, **options).result(20)


def drawn(result):
    return [(e.source, e.action, e.target) for e in result.view.graph.edges]


def counted(result):
    return [(e.source, e.target, e.count) for e in result.view.edges]


def heard(run):
    """All events of a run."""

    async def read():
        return [event async for event in run.events()]

    return asyncio.run(read())


def test_the_edges_of_an_untyped_router_are_drawn_when_they_are_taken():
    graph = graph_of(
        {"plan": says("p"), "search": says("s"), "write": says("w")},
        (START, "plan"),
        ("search", "plan"),
        plan=lambda s: "search" if len(s["log"]) < 3 else "write",
    )
    result = run(graph)
    assert drawn(result) == [
        ("search", "default", "plan"),
        ("plan", "default", "search"),
        ("plan", "default", "write"),
    ]
    svg = result.view.graph.svg
    assert 'data-edge="plan|default|search"' in svg
    assert 'data-edge="plan|default|write"' in svg
    assert len(svg) < 8_000
    assert svg == drawing.draw(static_record(result.view)["graph"])


def test_a_declared_graph_is_never_drawn_anew():
    graph = graph_of({"a": says("a"), "b": says("b")}, (START, "a"), ("a", "b"))
    started = kgnb.run(graph, {})
    started.result(20)
    assert not [e for e in heard(started) if isinstance(e, events.GraphChanged)]


def test_what_is_found_together_is_told_together_and_before_the_end(monkeypatch):
    monkeypatch.setattr(redrawing, "COLLECT", 30.0)  # until the end
    names = [f"w{n}" for n in range(8)]
    graph = graph_of(
        {"fan": leads(*names), **{name: says(name) for name in names}}, (START, "fan")
    )
    started = kgnb.run(graph, {})
    result = started.result(20)
    (changed,) = [e for e in heard(started) if isinstance(e, events.GraphChanged)]
    assert [edge.target for edge in changed.graph.edges] == names
    assert changed.graph == result.view.graph == started.graph
    assert changed.seq < result.view.seq


def test_readers_fold_the_same_picture_as_the_run():
    graph = graph_of({"a": leads("b"), "b": says("b")}, (START, "a"))
    started = kgnb.run(graph, {})
    result = started.result(20)
    view = RunView()
    for event in heard(started):
        fold(view, event)
    assert view.graph == result.view.graph


def test_the_record_does_not_depend_on_what_came_first():
    def record_of(slow):
        async def first(state):
            await asyncio.sleep(0.05 * (slow == "first"))
            return Command(goto="join")

        async def second(state):
            await asyncio.sleep(0.05 * (slow == "second"))
            return Command(goto=["join", "other"])

        nodes = {
            "second": second, "first": first, "join": says("j"), "other": says("o"),
        }  # fmt: skip
        graph = graph_of(nodes, (START, "first"), (START, "second"))
        return static_record(run(graph, mode="ci").view)

    one, other = record_of("first"), record_of("second")
    assert one == other
    assert [(e["source"], e["target"]) for e in one["graph"]["edges"]] == [
        ("second", "join"),
        ("second", "other"),
        ("first", "join"),
    ]


def test_every_node_that_leads_to_a_task_gets_its_edge_and_one_is_counted():
    graph = graph_of(
        {"a": leads("c"), "b": says("b"), "c": says("c")},
        (START, "a"),
        (START, "b"),
        b=lambda s: "c",
    )
    result = run(graph)
    assert drawn(result) == [("a", "default", "c"), ("b", "default", "c")]
    assert counted(result) == [("a", "c", 1)]


def test_of_parallel_nodes_the_one_that_said_so_leads():
    graph = graph_of(
        {"a": leads("x"), "b": leads("y"), "x": says("x"), "y": says("y")},
        (START, "a"),
        (START, "b"),
    )
    result = run(graph)
    assert sorted(drawn(result)) == [("a", "default", "x"), ("b", "default", "y")]
    assert sorted(counted(result)) == [("a", "x", 1), ("b", "y", 1)]


def test_what_is_sent_to_a_node_draws_one_edge():
    graph = graph_of(
        {"split": says("s"), "work": says("w")},
        (START, "split"),
        split=lambda s: [Send("work", {"n": n}) for n in range(3)],
    )
    result = run(graph)
    assert drawn(result) == [("split", "default", "work")]
    assert counted(result) == [("split", "work", 3)]


def test_a_router_at_the_end_draws_no_edge():
    graph = graph_of({"a": says("a")}, (START, "a"), a=lambda s: END)
    assert drawn(run(graph)) == []


def test_edges_behind_an_untyped_router_are_declared_all_the_same():
    """LangGraph's own drawing follows edges from the start, and has none of these."""
    builder = StateGraph(State)
    for name in ("a", "b", "c", "d", "e"):
        builder.add_node(name, says(name))
    builder.add_node("f", leads("a"), destinations={"a": "again"})
    builder.add_edge(START, "a")
    builder.add_conditional_edges("a", lambda s: END)
    builder.add_edge(["b", "c"], "d")
    ways = {"good": "e", "f": "f", "bad": END}
    builder.add_conditional_edges("d", lambda s: "bad", ways)
    assert drawn(run(builder.compile())) == [
        ("b", "default", "d"),
        ("c", "default", "d"),
        ("d", "good", "e"),
        ("d", "default", "f"),
        ("f", "again", "a"),
    ]


def test_the_first_node_is_known_once_an_untyped_router_has_named_it():
    builder = StateGraph(State)
    for name in ("a", "b", "c"):
        builder.add_node(name, says(name))
    builder.add_edge("b", "c")
    builder.add_conditional_edges(START, lambda s: ["c", "b"])
    handle = kgnb.run(builder.compile(), {})
    first = heard(handle)[0]
    assert first.graph.start is None
    assert handle.result(20).view.graph.start == "b"


def test_where_a_run_goes_on_is_not_where_its_graph_begins():
    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, says(name))
    builder.add_conditional_edges(START, lambda s: "a")
    builder.add_edge("a", "b")
    saver = InMemorySaver()
    graph = builder.compile(checkpointer=saver, interrupt_before=["b"])
    config = {"configurable": {"thread_id": "t"}}
    asyncio.run(graph.ainvoke({"log": []}, config))
    graph = builder.compile(checkpointer=saver)
    result = kgnb.run(graph, None, config=config).result(20)
    assert [visit.node_id for visit in result.view.timeline] == ["b"]
    assert result.view.graph.start is None


def test_a_runnable_in_a_nodes_body_is_no_router():
    from langchain_core.runnables import RunnableLambda

    names_right = RunnableLambda(lambda _: "right")

    async def decide(state, config):
        await names_right.ainvoke({}, config)
        return {"log": ["d"]}

    graph = graph_of(
        {"left": says("l"), "decide": decide, "right": says("r")},
        (START, "left"),
        (START, "decide"),
        left=lambda s: "right",
    )
    assert drawn(run(graph)) == [("left", "default", "right")]


def test_edges_in_a_subgraph_are_drawn_in_its_frame():
    inner = graph_of({"x": leads("y"), "y": says("y")}, (START, "x"))
    result = run(graph_of({"sub": inner, "end": says("e")}, (START, "sub")))
    assert drawn(result) == [("sub/x", "default", "sub/y")]


def test_a_hand_over_leads_from_the_frame_and_completes_its_node():
    inner = graph_of({"x": leads("other", graph=Command.PARENT)}, (START, "x"))
    result = run(graph_of({"sub": inner, "other": says("o")}, (START, "sub")))
    assert drawn(result) == [("sub", "default", "other")]
    assert result.view.nodes["sub/x"].status == "completed"


def test_a_graph_called_in_a_node_becomes_a_frame_of_it():
    inner = graph_of({"x": leads("y"), "y": says("y")}, (START, "x"))

    async def caller(state):
        return await inner.ainvoke({"log": []})

    graph = graph_of({"caller": caller, "z": says("z")}, (START, "caller"))
    result = run(graph, mode="ci")
    assert [(n.id, n.kind, n.path) for n in result.view.graph.nodes] == [
        ("caller", "graph", []),
        ("caller/x", "node", ["caller"]),
        ("caller/y", "node", ["caller"]),
        ("z", "node", []),
    ]
    assert drawn(result) == [("caller/x", "default", "caller/y")]
    assert 'data-node="caller/y"' in result.view.graph.svg


def test_tasks_of_the_functional_api_stand_in_the_entrypoint():
    @task
    def work(x):
        return x

    @task
    def add(xs):
        return sum(xs)

    @entrypoint()
    def flow(x):
        return add([f.result() for f in [work(1), work(2)]]).result()

    result = kgnb.run(flow, 3).result(20)
    shown = [(n.id, n.kind) for n in result.view.graph.nodes]
    assert shown == [("flow", "graph"), ("flow/add", "node"), ("flow/work", "node")]
    assert 'data-node="flow/work"' in result.view.graph.svg


def test_a_graph_that_becomes_too_tangled_keeps_the_picture_it_had():
    first = iter(["<svg>first</svg>"])
    hooks.install(None, draw=lambda graph: next(first, None))
    graph = graph_of({"a": leads("b"), "b": says("b")}, (START, "a"))
    result = run(graph)
    assert drawn(result) == [("a", "default", "b")]
    assert result.view.graph.svg == "<svg>first</svg>"


def test_many_edges_are_found_while_few_pictures_are_drawn():
    """A loop that finds an edge with each step."""
    names = [f"n{n}" for n in range(30)]

    def node(at):
        async def step(state):
            await asyncio.sleep(0.01)
            return Command(goto=names[at + 1 : at + 2])

        return step

    graph = graph_of({name: node(n) for n, name in enumerate(names)}, (START, "n0"))
    started = kgnb.run(graph, {})
    result = started.result(20)
    told = [e for e in heard(started) if isinstance(e, events.GraphChanged)]
    assert len(result.view.graph.edges) == 29
    assert len(told) < 10
