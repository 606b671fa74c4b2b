"""The picture of a graph: ids, kinds, edges, order, odd graphs."""

import copy
import itertools
import pickle

import pytest

from kgnb.graph import AsyncNode, BatchNode, Graph, Node
from kgnb.graph.spec import Scope, describe, label_of


class Draft(Node):
    pass


class Review(AsyncNode):
    pass


def ids(graph):
    return [node.id for node in describe(graph).nodes]


def test_describe_names_nodes_by_id_or_class_and_counts_repeats():
    first, second, third, named = Draft(), Draft(), Draft(), Draft("mine")
    first >> second >> third >> named
    assert ids(Graph(first)) == ["Draft", "Draft_2", "Draft_3", "mine"]


def test_describe_repeated_explicit_ids_are_told_apart():
    first, second = Node("user_input"), Node("user_input")
    first >> second
    assert ids(Graph(first)) == ["user_input", "user_input_2"]


def test_describe_count_does_not_take_a_name_that_is_in_use():
    first, second, third = Draft("Draft_2"), Draft(), Draft()
    first >> second >> third
    assert ids(Graph(first)) == ["Draft_2", "Draft", "Draft_3"]


def test_describe_many_nodes_of_one_class_is_quick():
    nodes = [Node() for _ in range(5000)]
    for node, following in itertools.pairwise(nodes):
        node >> following
    spec = describe(Graph(nodes[0]))
    assert spec.nodes[-1].id == "Node_5000"
    assert len(spec.edges) == 4999


def test_describe_order_is_nearest_first_and_edges_as_wired():
    draft, review, publish = Draft(), Review(), Node("publish")
    draft >> review
    review - "publish" >> publish
    review - "revise" >> draft
    assert describe(Graph(draft, name="article")).to_dict() == {
        "name": "article",
        "start": "Draft",
        "nodes": [
            {"id": "Draft", "label": "Draft", "kind": "node", "path": []},
            {"id": "Review", "label": "Review", "kind": "node", "path": []},
            {"id": "publish", "label": "publish", "kind": "node", "path": []},
        ],
        "edges": [
            {"source": "Draft", "target": "Review", "action": "default"},
            {"source": "Review", "target": "publish", "action": "publish"},
            {"source": "Review", "target": "Draft", "action": "revise"},
        ],
    }


def test_describe_expands_nested_graphs_after_their_node():
    first, second = Draft(), BatchNode("batch")
    first >> second
    inner = Graph(first, name="Inner")
    outer = Draft()
    outer >> inner >> Node("end")
    spec = describe(Graph(outer))
    assert [(n.id, n.label, n.kind, n.path) for n in spec.nodes] == [
        ("Draft", "Draft", "node", ()),
        ("Inner", "Inner", "graph", ()),
        ("Inner/Draft", "Draft", "node", ("Inner",)),
        ("Inner/batch", "batch", "batch", ("Inner",)),
        ("end", "end", "node", ()),
    ]
    assert [(e.source, e.target) for e in spec.edges] == [
        ("Draft", "Inner"),
        ("Inner", "end"),
        ("Inner/Draft", "Inner/batch"),
    ]


def test_describe_nested_twice_carries_the_whole_path():
    spec = describe(Graph(Graph(Graph(Draft(), name="C"), name="B")))
    assert spec.nodes[-1].id == "B/C/Draft"
    assert spec.nodes[-1].path == ("B", "C")


def test_describe_one_graph_used_by_two_has_a_place_in_each():
    tools = Graph(Draft(), name="Tools")
    first, second = Graph(tools, name="A"), Graph(tools, name="B")
    first >> second
    assert ids(Graph(first)) == [
        "A",
        "A/Tools",
        "A/Tools/Draft",
        "B",
        "B/Tools",
        "B/Tools/Draft",
    ]


def test_describe_graph_that_contains_itself_ends():
    graph, inner = Graph(name="Outer"), Graph(name="Inner")
    graph.start(inner)
    inner.start(inner) >> graph
    assert ids(graph)[:3] == ["Inner", "Inner/Inner", "Inner/Outer"]


def test_describe_leaves_out_what_is_no_node():
    a = Node("a")
    a.successors.update({"none": None, "text": "b", 3: Node("b"), "class": Node})
    spec = describe(Graph(a))
    assert [node.id for node in spec.nodes] == ["a", "b"]
    assert [edge.action for edge in spec.edges] == ["3"]


def test_describe_empty_graph():
    assert describe(Graph()).to_dict() == {
        "name": "Graph",
        "start": None,
        "nodes": [],
        "edges": [],
    }


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.loads])
def test_label_of_a_copy_holds_no_address(duplicate):
    node = Draft()
    given = pickle.dumps(node) if duplicate is pickle.loads else node
    assert label_of(duplicate(given)) == "Draft"


def test_label_of_graphs_prefers_the_id_then_the_name():
    assert label_of(Graph(name="n", node_id="i")) == "i"
    assert label_of(Graph(name="n")) == "n"
    assert label_of(Graph()) == "Graph"


def test_scope_gives_a_node_the_same_name_each_time_and_names_late_ones():
    scope, known, late = Scope(), Draft(), Draft()
    describe(Graph(known), scope)
    assert scope.name(known).id == "Draft"
    assert scope.name(late).id == "Draft_2"
    assert scope.name(late) is scope.name(late)
