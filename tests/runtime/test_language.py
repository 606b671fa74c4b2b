"""Functions, limits, state and checks, as a run and its panel show them."""

import asyncio
import itertools
from typing import TypedDict

import pytest

import kgnb
from kgnb.errors import (
    GraphWarning,
    InvalidGraph,
    MissingKey,
    NodeTimeout,
    StateError,
    VisitLimit,
)
from kgnb.runtime import run


@kgnb.node
def outline(topic):
    return f"on {topic}"


@kgnb.node
async def draft(outline):
    for word in outline.split():
        yield word + " "


@kgnb.node
def spell(draft):
    yield from draft.upper()


@kgnb.node(routes=True)
def review(spell):
    return kgnb.ask("Publish?", options=["yes", "no"]).result().value


def article():
    nodes = [kgnb.node(each) for each in (outline, draft, spell, review)]
    for one, following in itertools.pairwise(nodes):
        one >> following
    nodes[3] - "no" >> nodes[1]
    nodes[3] - "yes" >> None
    return kgnb.Graph(nodes[0], name="article", strict=True)


def test_functions_stream_ask_and_route():
    handle = run(article(), {"topic": "tides"}, answers=["no", "yes"])
    result = handle.result(10)
    assert result.action == "yes"
    assert result.shared == {
        "topic": "tides",
        "outline": "on tides",
        "draft": "on tides ",
        "spell": "ON TIDES ",
    }
    streams = [(s.node_id, s.text, s.final) for s in handle.view.streams]
    assert streams == [
        ("draft", "on tides ", True),
        ("spell", "ON TIDES ", True),
        ("draft", "on tides ", True),
        ("spell", "ON TIDES ", True),
    ]
    assert [node.id for node in handle.view.graph.nodes] == [
        "outline",
        "draft",
        "spell",
        "review",
    ]


def test_text_of_a_stream_can_be_the_question():
    @kgnb.node(routes=True)
    def show(draft):
        return kgnb.ask(draft, options=["yes"], payload=draft).result().value

    first = kgnb.node(draft)
    first >> show
    shared = {"outline": "on tides"}
    handle = run(kgnb.Graph(first), shared, answers={"on tides ": "yes"})
    assert handle.result(10).action == "yes"


def test_one_function_is_a_run_of_its_own():
    assert run(outline, {"topic": "x"}).result(10).value == "on x"


def test_function_whose_key_is_missing_fails_its_node():
    handle = run(outline, {"topik": "x"})
    with pytest.raises(MissingKey, match=r"did you mean 'topik'\?"):
        handle.result(10)
    assert handle.view.nodes["outline"].status == "failed"
    assert handle.view.error.code == "invalid"


class Loop(kgnb.Node):
    def post(self, shared, _, __):
        shared["n"] = shared.get("n", 0) + 1


def test_visit_limit_is_shown_at_its_node_and_loses_nothing():
    loop = Loop()
    loop >> loop
    shared = {}
    handle = run(kgnb.Graph(loop, max_visits=3, name="g"), shared)
    with pytest.raises(VisitLimit, match="Loop was visited 3 times in one pass of g"):
        handle.result(10)
    assert shared == {"n": 3}
    assert (handle.view.status, handle.view.error.node_id) == ("failed", "Loop")


class Counted(TypedDict, total=False):
    n: str


def test_state_error_is_its_nodes_and_keeps_shared():
    shared = {}
    handle = run(kgnb.Graph(Loop(), state=Counted), shared)
    with pytest.raises(StateError, match=r"node 'Loop' left shared\['n'\]"):
        handle.result(10)
    assert shared == {"n": 1}
    assert handle.view.nodes["Loop"].status == "failed"


def test_state_that_does_not_fit_at_the_start_fails_before_any_node():
    handle = run(kgnb.Graph(Loop(), state=Counted, name="g"), {"n": 1})
    with pytest.raises(StateError, match="graph 'g' begins with"):
        handle.result(10)
    assert handle.view.nodes["Loop"].status == "idle"


class Misspelt(kgnb.Node):
    def post(self, shared, _, __):
        return "aprove"


def misspelt(**options):
    node = Misspelt()
    node - "approve" >> Loop()
    return kgnb.Graph(node, **options)


def test_misspelt_action_is_warned_of_at_run_in_the_users_line():
    with pytest.warns(GraphWarning) as caught:
        run(misspelt(), {}).result(10)
    built = [one for one in caught if "Graph ends" not in str(one.message)]
    assert {one.filename for one in built} == {__file__}
    assert str(built[0].message) == (
        "'aprove' is not wired from 'Misspelt'; did you mean 'approve'?"
    )


def test_strict_graph_is_refused_before_anything_runs():
    shared = {}
    with pytest.raises(InvalidGraph, match="'aprove' is not wired from 'Misspelt'"):
        run(misspelt(strict=True), shared)
    assert shared == {}


def test_timeout_of_an_async_node_is_retried_and_shown():
    class Slow(kgnb.AsyncNode):
        async def exec_async(self, _):
            await asyncio.sleep(10 if self.cur_retry == 0 else 0)
            return "in time"

    handle = run(kgnb.Graph(Slow(timeout=0.02, max_retries=2)), {})
    assert handle.result(10).value == "in time"
    (visit,) = handle.view.timeline
    assert visit.attempts == 2


def test_timeout_of_the_last_attempt_fails_the_run_by_its_name():
    class Slow(kgnb.AsyncNode):
        async def exec_async(self, _):
            await asyncio.sleep(10)

    handle = run(kgnb.Graph(Slow(timeout=0.02)), {})
    with pytest.raises(NodeTimeout, match="Slow: attempt 1 took longer than"):
        handle.result(10)
    assert handle.view.error.code == "expired"
