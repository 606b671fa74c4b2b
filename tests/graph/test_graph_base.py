"""BaseNode and Node: the order of calls, on_error, wiring, notes and logs."""

import asyncio
import logging
import pickle
import warnings

import pytest

from kgnb.graph import AsyncNode, BaseNode, Config, Graph, Node


class Recorder(Node):
    """Notes each call; raises where told to."""

    def __init__(self, fail_in=None, error=None, forgive=False, **kwargs):
        super().__init__(**kwargs)
        self.calls = []
        self.fail_in = fail_in
        self.error = error or ValueError("boom")
        self.forgive = forgive

    def note(self, *call):
        self.calls.append(call)
        if call[0] == self.fail_in:
            raise self.error

    def before_prep(self, shared):
        self.note("before_prep", shared)

    def prep(self, shared):
        self.note("prep", shared)
        return "p"

    def exec(self, prep_res):
        self.note("exec", prep_res)
        return "e"

    def after_exec(self, shared, prep_res, exec_res):
        self.note("after_exec", shared, prep_res, exec_res)

    def post(self, shared, prep_res, exec_res):
        self.note("post", shared, prep_res, exec_res)
        return "act"

    def on_error(self, shared, exc):
        self.calls.append(("on_error", shared, exc))
        return self.forgive

    @property
    def names(self):
        return [call[0] for call in self.calls]


def test_node_run_calls_the_phases_in_order():
    node, shared = Recorder(), {}
    assert node.run(shared) == "act"
    assert node.calls == [
        ("before_prep", shared),
        ("prep", shared),
        ("exec", "p"),
        ("after_exec", shared, "p", "e"),
        ("post", shared, "p", "e"),
    ]
    assert node.calls[0][1] is shared


PHASES = ["before_prep", "prep", "exec", "after_exec", "post"]


@pytest.mark.parametrize("phase", PHASES)
def test_node_failing_phase_goes_to_on_error_and_is_raised_as_it_is(phase):
    node = Recorder(fail_in=phase)
    with pytest.raises(ValueError) as caught:
        node.run({})
    assert caught.value is node.error
    assert node.calls[-1] == ("on_error", {}, node.error)
    assert node.names == [*PHASES[: PHASES.index(phase) + 1], "on_error"]


@pytest.mark.parametrize("phase", PHASES)
def test_node_on_error_truthy_gives_none_and_skips_the_rest(phase):
    node = Recorder(fail_in=phase, forgive="yes")
    assert node.run({}) is None
    assert node.names[-2:] == [phase, "on_error"]


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError]
)
def test_node_base_exception_passes_without_on_error(kind):
    node = Recorder(fail_in="exec", error=kind(), forgive=True, max_retries=3)
    with pytest.raises(kind):
        node.run({})
    assert node.names == ["before_prep", "prep", "exec"]


def test_base_node_has_no_retry():
    calls = []

    class Once(BaseNode):
        def exec(self, prep_res):
            calls.append(1)
            raise ValueError

    with pytest.raises(ValueError):
        Once().run({})
    assert calls == [1]


def test_node_defaults_return_none():
    assert Node().run({}) is None


def test_node_ids_given_and_made():
    assert Node("mine").node_id == "mine"
    assert Node(node_id="mine").node_id == "mine"
    node = Node()
    assert node.node_id == f"Node_{id(node)}"
    assert Node("mine").max_retries == 1


def test_node_two_ids_is_a_type_error():
    with pytest.raises(TypeError, match="two ids: 'a' and node_id='b'"):
        Node("a", node_id="b")


def test_node_positional_order_is_retries_wait_id_config():
    config = Config(a=1)
    node = Node(3, 2, "n", config)
    assert (node.max_retries, node.wait, node.node_id) == (3, 2, "n")
    assert node.config is config


def test_node_class_attributes_are_the_defaults():
    class Stubborn(Node):
        max_retries = 3
        wait = 0.5

    assert (Stubborn().max_retries, Stubborn().wait) == (3, 0.5)
    assert (Stubborn(1, 0).max_retries, Stubborn(1, 0).wait) == (1, 0)


def test_set_params_takes_a_shallow_copy_and_refuses_others():
    node, params = Node(), {"k": []}
    node.set_params(params)
    assert node.params == params
    assert node.params is not params
    assert node.params["k"] is params["k"]
    with pytest.raises(TypeError, match="Node: params must be a dict, got list"):
        node.set_params([1])


def test_context_notes_times_and_survives_the_visit():
    node = Recorder()
    Graph(node).run({})
    assert node.get_context("last_execution_time") >= 0
    assert node.get_context("start_time") > 0
    node.set_context("mine", 1)
    assert node.get_context("mine") == 1
    assert node.get_context("none", 5) == 5


def test_with_node_sets_up_and_cleans_up():
    calls = []

    class Resource(Node):
        def setup_resources(self):
            calls.append("up")

        def cleanup_resources(self):
            calls.append("down")

    with pytest.raises(ValueError), Resource() as node:
        assert isinstance(node, Resource)
        raise ValueError
    assert calls == ["up", "down"]
    Graph(Resource()).run({})
    assert calls == ["up", "down"]


def test_node_run_with_successors_warns():
    node = Node("a")
    node >> Node("b")
    with pytest.warns(UserWarning, match="a runs alone: its successors are not run"):
        node.run({})


def test_run_put_on_an_instance_is_what_the_graph_runs():
    node, seen = Recorder(), []
    original = node._run

    def wrapped(shared):
        seen.append(shared)
        return original(shared)

    node._run = wrapped
    assert Graph(node).run({"a": 1}) == "act"
    assert seen == [{"a": 1}]


class Loud:
    reprs = 0

    def __repr__(self):
        type(self).reprs += 1
        return "loud"


def test_logs_make_no_repr_unless_debug_is_on(caplog):
    class Big(Node):
        def prep(self, shared):
            return Loud()

        def exec(self, prep_res):
            return prep_res

    Loud.reprs = 0
    Big().run({})
    assert Loud.reprs == 0
    with caplog.at_level(logging.DEBUG, logger="Big"):
        Big().run({})
    assert Loud.reprs > 0
    assert "Big: exec gave loud" in caplog.messages


def test_logs_name_the_node_without_an_address(caplog):
    node = Recorder(fail_in="exec", max_retries=2, forgive=True)
    with caplog.at_level(logging.INFO):
        Graph(node).run({})
    assert "Recorder: attempt 1 of 2 failed: ValueError('boom')" in caplog.messages
    assert "Recorder: failed: ValueError('boom')" in caplog.messages
    assert "Graph: Recorder leads by None to the end" in caplog.messages
    assert not [text for text in caplog.messages if str(id(node)) in text]


def test_node_is_picklable():
    node = Node(2, node_id="n")
    assert pickle.loads(pickle.dumps(node)).max_retries == 2


# Wiring


def test_wiring_default_and_named_actions_return_the_target():
    a, b, c = Node("a"), Node("b"), Node("c")
    assert (a >> b) is b
    assert (a - "x" >> c) is c
    assert a.successors == {"default": b, "x": c}
    assert a.next(c, "y") is c


def test_wiring_a_pair_names_the_action():
    a, b = Node("a"), Node("b")
    assert (a >> ("x", b)) is b
    assert a.successors == {"x": b}


def test_wiring_two_actions_in_one_chain():
    a, b, c = Node("a"), Node("b"), Node("c")
    last = a - "x" >> b - "y" >> c
    assert last is c
    assert a.successors == {"x": b}
    assert b.successors == {"y": c}


def test_wiring_default_then_action_in_one_chain():
    a, b, c = Node("a"), Node("b"), Node("c")
    a >> b - "y" >> c
    assert a.successors == {"default": b}
    assert b.successors == {"y": c}


def test_wiring_the_same_action_twice_warns_at_the_users_line():
    a, b, c = Node("a"), Node("b"), Node("c")
    a >> b
    with pytest.warns(UserWarning, match="Overwriting successor") as caught:
        a >> c
    assert str(caught[0].message) == (
        "Overwriting successor for action 'default' of a: b gives way to c"
    )
    assert caught[0].filename == __file__
    assert a.successors == {"default": c}


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (3, "cannot wire a to 3 (int): expected a node"),
        ((1, 2), "cannot wire a to (1, 2) (tuple): expected a node"),
        (("x", 3), "cannot wire a to 3 (int): expected a node"),
    ],
)
def test_wiring_to_no_node_is_a_type_error_that_names_both(target, text):
    a = Node("a")
    with pytest.raises(TypeError) as caught:
        a >> target
    assert text in str(caught.value)
    assert a.successors == {}


def test_wiring_to_a_class_says_to_call_it():
    with pytest.raises(TypeError, match=r"write AsyncNode\(\)"):
        Node("a") >> AsyncNode


@pytest.mark.parametrize("action", [3, None, ("x",)])
def test_wiring_minus_takes_only_a_str(action):
    with pytest.raises(TypeError, match="an action is a str"):
        Node("a") - action


def test_wiring_makes_no_warning_when_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a, b = Node("a"), Node("b")
        a >> b
        b - "again" >> a


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (Node(), "<Node>"),
        (Node(node_id="review"), "<Node 'review'>"),
        (Graph(name="article"), "<Graph 'article'>"),
    ],
)
def test_repr_holds_no_address(node, shown):
    assert repr(node) == shown
