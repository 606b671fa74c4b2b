"""Objects of KayGraph's shape through ``kgnb.run``: all of it is seen, none changed."""

import asyncio
import threading
from collections import Counter

import pytest
import shaped
from unchanged import snapshot

import kgnb
from kgnb.errors import NotAGraph, RunCancelled
from kgnb.protocol import events as e

ENDS = {"completed", "failed", "cancelled"}


class Say(shaped.Node):
    def __init__(self, name, action=None, **others):
        super().__init__(node_id=name, **others)
        self.action = action

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("said", []).append(self.node_id)
        return self.action


class Count(shaped.Node):
    """Leads back until it was there three times."""

    def post(self, shared, prep_res, exec_res):
        shared["count"] = shared.get("count", 0) + 1
        return "again" if shared["count"] < 3 else None


class Double(shaped.ParallelBatchNode):
    def __init__(self):
        super().__init__(max_retries=2)
        self.failed = []
        del self.config  # as older ones have none

    def prep(self, shared):
        return [1, 2, 3, 4]

    def exec(self, item):
        kgnb.log(f"item {item}")
        if item == 3 and not self.failed:
            self.failed.append(item)
            raise ConnectionError("flaky")
        return 2 * item

    def post(self, shared, prep_res, exec_res):
        shared["doubled"] = exec_res


def program():
    """A loop, a nested graph, items in threads, graphs on data of their own, inputs."""
    count = Count(node_id="count")
    nested = shaped.Graph(Say("deep"))
    alone = shaped.SubGraphNode(shaped.Graph(Say("in")), "alone")
    beside = shaped.ParallelSubGraphNode(
        [shaped.Graph(Say("left")), shaped.Graph(Say("right"))], "beside"
    )
    first, second = shaped.UserInputNode("First?"), shaped.UserInputNode("Second?")
    count - "again" >> count
    count >> nested >> Double() >> alone >> beside >> first
    first - "message" >> second
    last = Say("last")
    second - "message" >> last
    last.successors["default"] = None
    return shaped.Graph(count)


def events_of(run):
    async def read():
        return [event async for event in run.events()]

    return asyncio.run(read())


@pytest.mark.filterwarnings("ignore:Graph ends")  # as the library says of None
def test_kaygraph_program_is_seen_whole_and_left_as_it_was():
    graph = program()
    before = snapshot(graph)
    run = kgnb.run(graph, {}, answers={"First?": "one", "Second?": "two"})
    result = run.result(20)
    double = graph.start_node.successors["default"].successors["default"]
    double.failed.clear()  # a list, which the library's own copies share too
    assert snapshot(graph) == before
    assert result.shared == {
        "count": 3,
        "doubled": [2, 4, 6, 8],
        # The graphs beside each other had copies, of which the last one wins.
        "said": ["deep", "in", "right", "last"],
        "user_message": "two",
    }
    began, ended = Counter(), Counter()
    for event in events_of(run):
        if isinstance(event, e.NodeUpdate) and event.progress is None:
            which = ended if event.status in ENDS else began
            which[event.task_id] = 1
    assert began == ended
    assert {name: node.visits for name, node in result.view.nodes.items()} == {
        "count": 3,
        "Graph": 1,
        "Graph/deep": 1,
        "Double": 1,
        "alone": 1,
        "alone/in": 1,
        "beside": 1,
        "beside/Graph": 1,
        "beside/Graph/left": 1,
        "beside/Graph_2": 1,
        "beside/Graph_2/right": 1,
        "user_input": 1,
        "user_input_2": 1,
        "last": 1,
    }
    assert set(result.view.nodes["Double"].items) == {"0", "1", "2", "3"}
    items = [log.text.strip() for log in result.view.logs if log.node_id == "Double"]
    assert Counter(items)["item 3"] == 2
    asked = [(a.node_id, a.message, a.value) for a in result.approvals]
    assert asked == [
        ("user_input", "First?", "one"),
        ("user_input_2", "Second?", "two"),
    ]


class Shout(shaped.UserInputNode):
    def get_user_input(self, prompt="> ", *, mark="!"):
        return input(f"Loudly: {prompt}").upper() + mark


def test_kaygraph_get_user_input_of_ones_own_keeps_what_it_makes_of_the_input():
    result = kgnb.run(shaped.Graph(Shout("what?")), {}, answers=["tides"]).result(20)
    assert [a.message for a in result.approvals] == ["Loudly: what?"]
    assert result.shared == {"user_message": "TIDES!"}


def test_kaygraph_successor_that_is_no_node_is_named_when_it_is_reached():
    a, b = Say("a"), Say("b")
    a.successors["default"] = ("act", b)  # what a >> ("act", b) makes of it
    a.successors["other"] = None
    run = kgnb.run(shaped.Graph(a), {})
    with pytest.raises(NotAGraph, match=r"a leads by 'default' to .*write: a - \"act"):
        run.result(20)
    assert [node.id for node in run.graph.nodes] == ["a"]
    other = Say("a", "other")
    other.successors = a.successors
    with pytest.warns(UserWarning, match="Graph ends: 'other' not found"):
        assert kgnb.run(shaped.Graph(other), {}).result(20).action == "other"


@pytest.mark.parametrize("kind", ["plain", "persistent", "alone", "beside"])
def test_kaygraph_graph_that_never_ends_is_cancelled_wherever_it_is(kind, tmp_path):
    began = threading.Event()

    class Again(shaped.Node):
        def post(self, shared, prep_res, exec_res):
            began.set()
            return "again"

    node = Again(node_id="again")
    node - "again" >> node
    graph = shaped.Graph(node)
    if kind == "persistent":
        graph = shaped.PersistentGraph(node, tmp_path)
    elif kind == "alone":
        graph = shaped.Graph(shaped.SubGraphNode(graph, "sub"))
    elif kind == "beside":
        graph = shaped.Graph(shaped.ParallelSubGraphNode([graph], "sub"))
    run = kgnb.run(graph, {})
    assert began.wait(10)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(20)
    open_ones = [n for n, v in run.view.nodes.items() if v.status not in ENDS]
    assert open_ones == []
