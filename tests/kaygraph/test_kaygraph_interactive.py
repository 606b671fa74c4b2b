"""Rounds of a graph, and a person's input in the terminal and in the panel."""

import asyncio
import functools
import io
import sys

import pytest

import kgnb
import kgnb.graph as kaygraph
from kgnb.errors import GraphError


class Round(kaygraph.Node):
    """Counts the rounds and leaves in round ``last``."""

    def __init__(self, last=None, key="_exit"):
        super().__init__()
        self.last = last
        self.key = key

    def post(self, shared, prep_res, exec_res):
        shared["rounds"] = shared.get("rounds", 0) + 1
        shared.setdefault("seen", []).append("_scratch" in shared)
        shared["_scratch"] = 1
        if shared["rounds"] == self.last:
            shared[self.key] = True
        return "nowhere"


class AsyncRound(kaygraph.AsyncNode, Round):
    async def post_async(self, shared, prep_res, exec_res):
        await asyncio.sleep(0)
        return self.post(shared, prep_res, exec_res)


def run_sync(node, *arguments, **options):
    return kaygraph.InteractiveGraph(node).run_interactive(*arguments, **options)


def run_async(node, *arguments, **options):
    graph = kaygraph.AsyncInteractiveGraph(node)
    return asyncio.run(graph.run_interactive_async(*arguments, **options))


both = pytest.mark.parametrize("converse", [run_sync, run_async])


@both
def test_rounds_go_on_until_the_exit_key_is_set(converse):
    shared = {"mine": 1}
    assert converse(Round(last=3), shared) is shared
    assert shared["rounds"] == 3
    assert "_exit" not in shared


@both
def test_rounds_stop_at_the_limit(converse):
    assert converse(Round(), None, 4)["rounds"] == 4
    assert converse(Round(), None, 0) == {}


@both
def test_empty_dict_passed_in_is_kept(converse):
    shared = {}
    assert converse(Round(last=1), shared) is shared
    assert shared["rounds"] == 1


@both
def test_exit_key_may_be_another_one(converse):
    shared = converse(Round(last=2, key="done"), None, None, "done")
    assert shared["rounds"] == 2
    assert "done" not in shared


@both
def test_transient_keys_are_gone_in_the_next_round(converse):
    assert converse(Round(last=3))["seen"] == [False, False, False]


@both
def test_transient_keys_stay_if_asked_to(converse):
    shared = converse(Round(last=3), clear_transient=False)
    assert shared["seen"] == [False, True, True]
    assert shared["_scratch"] == 1


@both
def test_keys_that_are_no_text_are_left_alone(converse):
    shared = {1: "one", ("a",): 2}
    converse(Round(last=2), shared)
    assert shared[1] == "one"


def test_transient_keys_after_exit_stay_when_sync_and_go_when_async():
    assert "_scratch" in run_sync(Round(last=2))
    assert "_scratch" not in run_async(Round(last=2))


@both
def test_graph_without_a_start_is_refused_instead_of_turning_for_ever(converse):
    with pytest.raises(GraphError, match="no start node"):
        converse(None)


def test_async_rounds_await_their_nodes():
    assert run_async(AsyncRound(last=2))["rounds"] == 2


def test_run_is_one_round(runner):
    class Outer(kaygraph.Graph):
        pass

    shared = {}
    runner(Outer(kaygraph.InteractiveGraph(Round())), shared)
    assert shared["rounds"] == 1


@pytest.mark.parametrize("graph", ["InteractiveGraph", "AsyncInteractiveGraph"])
@pytest.mark.parametrize("node", [Round, AsyncRound])
def test_watched_graph_shows_every_round(graph, node):
    graph = getattr(kaygraph, graph)(node(last=3))
    shared = {}
    run = kgnb.run(graph, shared, panel=False)
    assert run.result(30).action is None
    assert run.view.nodes[node.__name__].visits == 3
    assert shared["rounds"] == 3


@pytest.mark.parametrize("method", ["run_interactive", "run_interactive_async"])
def test_watched_method_takes_its_own_limits(method):
    graph = kaygraph.AsyncInteractiveGraph(Round())
    call = functools.partial(getattr(graph, method), max_iterations=2)
    shared = {}
    run = kgnb.run(call, shared, panel=False)
    assert run.result(30).action is None
    assert run.view.nodes["Round"].visits == 2
    assert shared["rounds"] == 2


def test_watched_rounds_can_be_cancelled():
    graph = kaygraph.InteractiveGraph(Round())
    run = kgnb.run(graph, {}, panel=False)
    run.cancel()
    with pytest.raises(kgnb.KgnbError):
        run.result(30)
    assert run.status == "cancelled"


# Input.


@pytest.fixture
def typed(monkeypatch):
    """Sets what a person will type."""

    def type_(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{x}\n" for x in lines)))

    return type_


def test_input_is_stripped_and_its_end_is_exit(typed):
    typed("  hello ")
    node = kaygraph.InteractiveNode()
    assert [node.get_user_input("> "), node.get_user_input("> ")] == ["hello", "/exit"]


def test_interrupt_at_the_prompt_is_exit(monkeypatch):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert kaygraph.InteractiveNode().get_user_input("> ") == "/exit"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("hello /you", {"type": "message", "content": "hello /you"}),
        ("", {"type": "message", "content": ""}),
        ("/help", {"type": "command", "command": "help", "args": ""}),
        ("/add  two words", {"type": "command", "command": "add", "args": "two words"}),
        ("/", {"type": "command", "command": "", "args": ""}),
    ],
)
def test_commands_are_told_from_messages(text, parsed):
    assert kaygraph.InteractiveNode().parse_command(text) == parsed


@pytest.mark.parametrize("command", ["exit", "quit", "q", "EXIT"])
def test_exit_commands_set_the_exit_key(command):
    shared = {"_last_parsed_input": {"type": "command", "command": command, "args": ""}}
    assert kaygraph.InteractiveNode().handle_exit_command(shared) is True
    assert shared["_exit"] is True


@pytest.mark.parametrize(
    "parsed", [None, {"type": "message", "content": "exit"}, {"command": "help"}]
)
def test_other_input_does_not_exit(parsed):
    shared = {} if parsed is None else {"_last_parsed_input": parsed}
    before = dict(shared)
    assert kaygraph.InteractiveNode().handle_exit_command(shared) is False
    assert shared == before


def test_interactive_node_is_a_plain_node():
    assert kaygraph.InteractiveNode.__mro__[1] is kaygraph.BaseNode
    assert kaygraph.UserInputNode().node_id == "user_input"
    assert kaygraph.UserInputNode("? ", "name").node_id == "name"


def test_user_input_node_tells_a_message(typed):
    typed("hello")
    shared = {}
    assert kaygraph.UserInputNode().run(shared) == "message"
    assert shared == {
        "user_message": "hello",
        "_last_parsed_input": {"type": "message", "content": "hello"},
    }


def test_user_input_node_tells_a_command(typed):
    typed("/add two")
    shared = {}
    assert kaygraph.UserInputNode().run(shared) == "command"
    assert (shared["last_command"], shared["command_args"]) == ("add", "two")
    assert "user_message" not in shared


def test_user_input_node_on_exit_has_no_action(typed):
    typed("/q")
    shared = {}
    assert kaygraph.UserInputNode().run(shared) is None
    assert shared["_exit"] is True
    assert "last_command" not in shared


def test_prompt_of_shared_goes_first(typed, capsys):
    typed("a", "b")
    node = kaygraph.UserInputNode("name? ")
    node.run({})
    node.run({"_prompt": "age? "})
    assert capsys.readouterr().out == "name? age? "


def test_watched_input_is_a_text_approval_each_round():
    listen = kaygraph.UserInputNode("Say something: ")
    run = kgnb.run(
        kaygraph.InteractiveGraph(listen),
        {},
        panel=False,
        answers=[" one ", "/note two", "/exit"],
    )
    shared = run.result(30).shared
    assert (shared["user_message"], shared["command_args"]) == ("one", "two")
    assert [a.message for a in run.approvals] == ["Say something:"] * 3
    assert {a.kind for a in run.approvals} == {"text"}
    assert run.view.nodes["user_input"].visits == 3


def test_watched_node_may_ask_twice_in_one_visit():
    class Twice(kaygraph.InteractiveNode):
        def post(self, shared, prep_res, exec_res):
            shared["said"] = [self.get_user_input(), self.get_user_input()]

    run = kgnb.run(Twice(), {}, panel=False, answers=["a", "b"])
    assert run.result(30).shared["said"] == ["a", "b"]
    assert run.approvals[0].message == "Your input"


def test_watched_input_is_answered_from_outside():
    run = kgnb.run(
        kaygraph.InteractiveGraph(kaygraph.UserInputNode()),
        {},
        panel=False,
        mode="live",
    )
    for answer in ("hello", "/exit"):
        run.answer(_open(run).approval_id, answer)
    assert run.result(30).shared["user_message"] == "hello"


def _open(run):
    for _ in range(2000):
        found = [a for a in run.approvals if a.state == "open"]
        if found:
            return found[0]
        asyncio.run(asyncio.sleep(0.005))
    raise AssertionError("no approval opened")
