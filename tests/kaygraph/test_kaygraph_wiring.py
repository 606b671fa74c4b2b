"""Wiring: the operators, next, and which action leads where."""

import operator
import warnings

import pytest

import kgnb.graph as kaygraph


class Say(kaygraph.Node):
    """Notes its name and returns its action."""

    def __init__(self, name, action=None):
        super().__init__(node_id=name)
        self.action = action

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class SayAsync(kaygraph.AsyncNode, Say):
    async def post_async(self, shared, prep_res, exec_res):
        return Say.post(self, shared, prep_res, exec_res)


@pytest.fixture(
    params=[
        (Say, kaygraph.Graph),
        (Say, kaygraph.AsyncGraph),
        (SayAsync, kaygraph.AsyncGraph),
    ],
    ids=["sync", "mixed", "async"],
)
def kinds(request):
    """The class of nodes and that of graphs."""
    return request.param


def test_rshift_wires_default_and_returns_the_right_one():
    a, b = Say("a"), Say("b")
    assert (a >> b) is b
    assert a.successors == {"default": b}


def test_next_wires_and_returns_the_node():
    a, b, c = Say("a"), Say("b"), Say("c")
    assert a.next(b) is b
    assert a.next(c, "x") is c
    assert a.next(b, action="y") is b
    assert a.successors == {"default": b, "x": c, "y": b}


def test_minus_names_the_action_and_returns_the_right_one():
    a, b = Say("a"), Say("b")
    assert (a - "act" >> b) is b
    assert a.successors == {"act": b}


@pytest.mark.parametrize("action", [3, None, ("x",), 1.5])
def test_minus_takes_only_a_str(action):
    with pytest.raises(TypeError, match="an action is a str"):
        Say("a") - action


def test_chain_of_two_actions_wires_both():
    a, b, c = Say("a"), Say("b"), Say("c")
    assert (a - "x" >> b - "y" >> c) is c
    assert a.successors == {"x": b}
    assert b.successors == {"y": c}


def test_tuple_names_the_action(runner, kinds):
    say, graph = kinds
    a, b = say("a", "act"), say("b")
    assert (a >> ("act", b)) is b
    shared = {}
    runner(graph(a), shared)
    assert shared["said"] == ["a", "b"]


@pytest.mark.filterwarnings("default")
def test_same_action_twice_warns_and_the_last_wins():
    a, b, c = Say("a"), Say("b"), Say("c")
    a >> b
    with pytest.warns(UserWarning, match="^Overwriting successor"):
        a >> c
    assert a.successors == {"default": c}
    a - "x" >> b
    with pytest.warns(UserWarning, match="^Overwriting successor"):
        a - "x" >> c
    assert a.successors == {"default": c, "x": c}


@pytest.mark.filterwarnings("ignore:Overwriting successor")
def test_same_action_twice_is_no_fan_out(runner, kinds):
    say, graph = kinds
    a, b, c = say("a"), say("b"), say("c")
    a >> b
    a >> c
    shared = {}
    runner(graph(a), shared)
    assert shared["said"] == ["a", "c"]


@pytest.mark.parametrize("target", [3, "b", Say, (1, 2), ("x", None.__class__)])
def test_wiring_to_what_is_no_node_is_an_error_at_once(target):
    a = Say("a")
    with pytest.raises(TypeError, match="cannot wire a to"):
        a >> target
    assert a.successors == {}


def test_wiring_to_none_is_accepted_and_ends_the_graph(runner, kinds):
    say, graph = kinds
    a = say("a", "stop")
    assert (a - "stop" >> None) is None
    a >> say("b")
    shared = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert runner(graph(a), shared) == "stop"
    assert shared["said"] == ["a"]
    assert not [one for one in caught if "Graph ends" in str(one.message)]


def test_double_minus_is_a_type_error():
    # a - "x" -- graph, as documents write it, is a minus before a minus.
    with pytest.raises(TypeError, match="unary -"):
        Say("a") - "x" >> operator.neg(kaygraph.Graph())


@pytest.mark.parametrize("action", [None, "", 0, False])
def test_falsy_action_is_default(runner, kinds, action):
    say, graph = kinds
    a = say("a", action)
    a >> say("b")
    a - "x" >> say("c")
    shared = {}
    runner(graph(a), shared)
    assert shared["said"] == ["a", "b"]


@pytest.mark.parametrize("action", [7, ("x", 1), True, 1.5, frozenset({1})])
def test_any_hashable_is_an_action(runner, kinds, action):
    say, graph = kinds
    a = say("a", action)
    a.next(say("b"), action)
    shared = {}
    runner(graph(a), shared)
    assert shared["said"] == ["a", "b"]


@pytest.mark.parametrize("action", [["x"], {"x": 1}, {"x"}])
def test_unhashable_action_is_a_type_error(runner, kinds, action):
    say, graph = kinds
    with pytest.raises(TypeError, match="unhashable"):
        runner(graph(say("a", action)), {})


def test_unknown_action_warns_and_ends_normally_returning_it(runner, kinds, caplog):
    say, graph = kinds
    a = say("a", "aprove")
    a - "approve" >> say("b")
    a >> say("c")
    shared = {}
    with pytest.warns(UserWarning, match="Graph ends") as caught:
        assert runner(graph(a), shared) == "aprove"
    text = (
        "Graph ends: 'aprove' not found in ['approve', 'default']: "
        "'aprove' is not wired from 'a'; did you mean 'approve'?"
    )
    ended = [str(one.message) for one in caught if "Graph ends" in str(one.message)]
    assert ended == [text]
    records = [r for r in caplog.records if r.getMessage() == text]
    assert [record.levelname for record in records] == ["WARNING"]
    assert shared["said"] == ["a"]


def test_unknown_action_that_resembles_none_warns_in_the_exact_words(runner, kinds):
    say, graph = kinds
    a = say("a", "stop")
    a - "approve" >> say("b")
    with pytest.warns(UserWarning, match="Graph ends") as caught:
        runner(graph(a), {})
    ended = [str(one.message) for one in caught if "Graph ends" in str(one.message)]
    assert ended == ["Graph ends: 'stop' not found in ['approve']"]


def test_missing_default_warns_and_nothing_takes_its_place(runner, kinds):
    say, graph = kinds
    a = say("a")
    a - "x" >> say("b")
    with pytest.warns(
        UserWarning, match=r"^Graph ends: 'default' not found in \['x'\]"
    ):
        assert runner(graph(a), {}) is None


def test_unknown_action_does_not_fall_back_to_default(runner, kinds):
    say, graph = kinds
    a = say("a", "other")
    a >> say("b")
    shared = {}
    with pytest.warns(UserWarning, match="^Graph ends: 'other' not found in"):
        runner(graph(a), shared)
    assert shared["said"] == ["a"]


def test_unknown_action_without_successors_ends_silently(runner, kinds):
    say, graph = kinds
    assert runner(graph(say("a", "end")), {}) == "end"


def test_chat_that_stops_on_an_unwired_end(runner, kinds):
    say, graph = kinds

    class Chat(say):
        def post(self, shared, prep_res, exec_res):
            shared["turns"] = shared.get("turns", 0) + 1
            return "end" if shared["turns"] == 3 else "continue"

        async def post_async(self, shared, prep_res, exec_res):
            return self.post(shared, prep_res, exec_res)

    chat = Chat("chat")
    chat - "continue" >> chat
    shared = {}
    with pytest.warns(
        UserWarning, match=r"Graph ends: 'end' not found in \['continue'\]"
    ):
        assert runner(graph(chat), shared) == "end"
    assert shared == {"turns": 3}


def test_run_of_one_node_with_successors_warns():
    a = Say("a", "x")
    a >> Say("b")
    shared = {}
    with pytest.warns(UserWarning, match="a runs alone"):
        assert a.run(shared) == "x"
    assert shared["said"] == ["a"]


def test_run_of_a_graph_with_successors_warns():
    graph = kaygraph.Graph(Say("a"), name="inner")
    graph >> Say("b")
    shared = {}
    with pytest.warns(UserWarning, match="inner runs alone"):
        graph.run(shared)
    assert shared["said"] == ["a"]
