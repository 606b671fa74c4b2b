"""What is said against a graph before it runs, and of actions that lead nowhere."""

import asyncio
import warnings
from typing import Literal

import pytest

from kgnb.engines import engine_for
from kgnb.errors import GraphError, GraphWarning, InvalidGraph, UnknownAction
from kgnb.graph import (
    Approval,
    AsyncGraph,
    AsyncNode,
    Graph,
    Node,
    PersistentGraph,
    UserInputNode,
    Vote,
    node,
)


class Review(Node):
    def post(self, shared, prep_res, exec_res):
        if exec_res:
            return "aprove"
        return "revise"


class Declared(Node):
    action = None

    def post(self, shared, prep_res, exec_res) -> Literal["approve", "revise"]:
        return self.action


class DeclaredAsText(AsyncNode):
    async def post_async(
        self,
        shared: "NoSuchType",  # noqa: F821 - as a name for type checkers only is
        prep_res,
        exec_res,
    ) -> "Literal['approve', 'revise'] | None":
        return "approve"


class Open(Node):
    """Returns what cannot be known before."""

    def post(self, shared, prep_res, exec_res):
        return "revise" if exec_res else shared["action"]


class Silent(Node):
    """Returns nothing, by any way."""

    def post(self, shared, prep_res, exec_res):
        def inner():
            return "not an action"

        shared["inner"] = inner
        if shared:
            return
        return


def wired(source, *actions, graph=Graph, **options):
    for action in actions:
        source - action >> Node(node_id=f"to {action}")
    return graph(source, name="g", **options)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        (
            wired(Review(), "approve", "revise"),
            ["'aprove' is not wired from 'Review'; did you mean 'approve'?"],
        ),
        (wired(Review(), "aprove", "revise"), []),
        (wired(Review()), []),
        (wired(Review(), "revise"), ["'aprove' is not wired from 'Review'"]),
        (wired(Declared(), "approve", "revise"), []),
        (
            wired(Declared(), "approve", "revise", "wait"),
            ["'wait' is wired from 'Declared', which never returns it"],
        ),
        (wired(Declared(), "approve", "revise", "default"), []),
        (
            wired(DeclaredAsText(), "approve", "revse"),
            [
                "'default' is not wired from 'DeclaredAsText'",
                "'revise' is not wired from 'DeclaredAsText'; did you mean 'revse'?",
            ],
        ),
        (wired(Open(), "revise", "anything"), []),
        (wired(Open(), "x"), ["'revise' is not wired from 'Open'"]),
        (wired(Silent(), "default"), []),
        (
            wired(Silent(), "x"),
            ["'x' is wired from 'Silent', which never returns it"],
        ),
        (Graph(name="empty"), ["graph 'empty' has no start node"]),
    ],
)
def test_validate_says_what_is_wrong(graph, found):
    assert graph.validate() == found


def test_validate_reads_functions_that_route():
    @node(routes=True)
    def judge(draft) -> Literal["publish", "revise"]:
        return "publish"

    assert wired(judge, "publish", "revize").validate() == [
        "'revise' is not wired from 'judge'; did you mean 'revize'?"
    ]


def test_validate_takes_a_function_that_does_not_route_for_default():
    @node
    def write():
        return "publish"

    assert wired(write, "publish").validate() == [
        "'default' is not wired from 'write'",
        (
            "'publish' is wired from 'write', which never returns it; "
            "@node(routes=True) makes what it returns the action"
        ),
    ]


def test_validate_leaves_a_post_alone_that_stands_on_the_instance():
    review = Review()
    review.post = lambda *_: "x"
    assert wired(review, "x").validate() == []


def test_validate_leaves_a_wrapped_post_alone():
    import functools

    class Wrapped(Review):
        @functools.wraps(Review.post)
        def post(self, *args):
            return Review.post(self, *args).upper()

    assert wired(Wrapped(), "APROVE", "REVISE").validate() == []


def test_validate_finds_what_is_no_node():
    a = Node(node_id="a")
    a.successors = {"x": ("b",), "end": None}
    assert Graph(a).validate() == [
        "'x' leads from 'a' to a tuple, which is no node",
        "'x' is wired from 'a', which never returns it",
        "'end' is wired from 'a', which never returns it",
    ]


def test_validate_finds_ids_given_twice_in_one_graph():
    class Other(Node):
        pass

    a, b = Node(node_id="same"), Other(node_id="same")
    a >> b >> Graph(Node(node_id="same"), name="inner") >> Node() >> Node()
    assert Graph(a).validate() == ["two nodes have the id 'same' (Node and Other)"]


def test_validate_takes_an_id_of_the_class_for_none_given():
    first, second = UserInputNode(), UserInputNode()
    first.next(second, "message")
    assert [text for text in Graph(first).validate() if "two nodes" in text] == []


def test_validate_looks_into_nested_graphs_and_names_them():
    inner = wired(Review(), "approve", "revise")
    inner.name = "Inner"
    assert Graph(inner).validate() == [
        "'aprove' is not wired from 'Inner/Review'; did you mean 'approve'?"
    ]


def test_validate_of_a_graph_that_contains_itself_ends():
    graph = Graph(name="g")
    graph.start(Node()) >> graph
    assert graph.validate() == []


# At build.


def test_build_warns_where_it_is_hardly_meant_so():
    with pytest.warns(
        GraphWarning, match="'aprove' is not wired from 'Review'"
    ) as all_:
        engine_for(wired(Review(), "approve", "revise"))
    assert len(all_) == 1
    assert all_[0].filename == __file__


def test_build_is_silent_of_an_ending_by_an_action_that_resembles_none():
    class Chat(Node):
        def post(self, shared, prep_res, exec_res):
            return "end" if exec_res else "continue"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine_for(wired(Chat(), "continue"))


def test_plain_run_warns_as_before_and_only_when_it_happens():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wired(Review(), "approve", "revise").run({}) is None


# Strict graphs.


def runs(graph, shared=None):
    shared = {} if shared is None else shared
    if isinstance(graph, AsyncGraph):
        return asyncio.run(graph.run_async(shared))
    return graph.run(shared)


strict = pytest.mark.parametrize("graph", [Graph, AsyncGraph, PersistentGraph])


@strict
def test_strict_graph_is_refused_with_all_that_was_found(graph):
    made = wired(Review(), "approve", "wait", graph=graph, strict=True)
    with pytest.raises(InvalidGraph, match="g is strict and cannot run: ") as caught:
        runs(made)
    assert isinstance(caught.value, GraphError)
    assert caught.value.problems == [
        "'aprove' is not wired from 'Review'; did you mean 'approve'?",
        "'revise' is not wired from 'Review'",
        "'wait' is wired from 'Review', which never returns it",
    ]


def test_strict_graph_is_refused_at_build_also_inside_another():
    inner = wired(Review(), "approve", strict=True)
    with pytest.raises(InvalidGraph, match="'aprove' is not wired from 'g/Review'"):
        engine_for(Graph(inner))


def test_strict_graph_without_a_start_is_refused():
    with pytest.raises(InvalidGraph, match="graph 'none' has no start node"):
        Graph(name="none", strict=True).run({})


@strict
def test_strict_graph_fails_by_an_action_that_is_not_wired(graph):
    review = Open(node_id="review")
    made = wired(review, "approve", "revise", graph=graph, strict=True)
    shared = {"action": "aprove"}
    with pytest.raises(UnknownAction) as caught:
        runs(made, shared)
    assert str(caught.value) == (
        "'aprove' is not wired from 'review'; did you mean 'approve'? "
        "(g is strict; wired: ['approve', 'revise'])"
    )
    assert (caught.value.node, caught.value.action) == ("review", "aprove")
    assert shared == {"action": "aprove"}


def test_strict_graph_ends_where_nothing_is_wired_or_none_is():
    last = Open()
    last - "stop" >> None
    last - "revise" >> Open()
    assert Graph(last, strict=True).run({"action": "stop"}) == "stop"
    assert Graph(Open(), strict=True).run({"action": "x"}) == "x"


# Actions that none of the wires knows, and phases of the other kind of node.


def test_validate_reads_the_options_of_an_approval():
    approval = Approval("Publish?", options=["publish", "drop"])
    assert wired(approval, "publsh").validate() == [
        "'drop' is not wired from 'Approval'",
        "'publish' is not wired from 'Approval'; did you mean 'publsh'?",
    ]


def test_validate_reads_what_a_vote_may_come_to():
    vote = Vote("Ship?", options=["ship", "hold"], on_timeout="late", undecided="tie")
    assert wired(vote, "ship", "hold", "late", "tie").validate() == []


def test_validate_reads_the_post_that_an_approval_was_given():
    class Mine(Approval):
        def post(self, shared, prep_res, exec_res):
            return "onward"

    assert wired(Mine(), "onward").validate() == []


def test_build_warns_where_no_action_leads_on():
    approval = Approval("Publish?")
    approval >> Node()
    with pytest.warns(GraphWarning) as all_:
        engine_for(Graph(approval))
    assert [str(each.message) for each in all_] == [
        "'approve' is not wired from 'Approval'",
        "'reject' is not wired from 'Approval'",
    ]


def test_build_warns_of_a_sync_phase_in_an_async_node():
    class Mixed(AsyncNode):
        async def prep_async(self, shared):
            return shared

        def exec(self, prep_res):
            return prep_res

    with pytest.warns(GraphWarning, match="'Mixed' is an async node, whose exec is"):
        engine_for(Mixed())


def test_build_warns_of_an_async_phase_in_a_sync_node():
    class Mixed(Node):
        async def exec(self, prep_res):
            return prep_res

    with pytest.warns(GraphWarning, match="whose async exec nobody awaits; make it"):
        engine_for(Graph(Mixed()))


def test_validate_takes_code_that_was_executed_without_a_module():
    namespace = {}
    exec("def exec(self, prep_res): return 1", namespace)
    mixed = type("Mixed", (AsyncNode,), {"exec": namespace["exec"]})
    assert namespace["exec"].__module__ in {None, "builtins"}
    assert Graph(mixed()).validate() == [
        "'Mixed' is an async node, whose exec is never called; write exec_async"
    ]
