"""Workflow files: the old linear form, branches and arguments, and back again."""

import itertools
import json
import sys
import textwrap
import types
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import kgnb
import kgnb.graph as kaygraph
from kgnb.errors import GraphError
from kgnb.graph import arrows, workflow_reader
from kgnb.graph.declarative import WorkflowSerializer
from kgnb.graph.spec import describe


class YamlStep(kaygraph.Node):
    """Writes its id, and acts as ``shared["actions"]`` says."""

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("ran", []).append(self.node_id)
        return shared.get("actions", {}).get(self.node_id, [None]).pop(0)


class YamlLater(kaygraph.AsyncNode):
    pass


class YamlModel(YamlStep):
    def __init__(self, model, tools=(), **others):
        super().__init__(**others)
        self.model = model
        self.tools = list(tools)


class YamlNoId(kaygraph.Node):
    def __init__(self):
        super().__init__(3)


class YamlFlow(kaygraph.Graph):
    def __init__(self, depth=1, **others):
        super().__init__(**others)
        self.depth = depth


class YamlHidden(kaygraph.Node):
    def __init__(self, secret, node_id=None):
        super().__init__(node_id=node_id)


LINEAR = """
workflows:
  main:
    concepts:
      a: YamlStep
      b: YamlStep
      c: YamlStep
    graph: "a >> b >> c"
domain:
  main_workflow: main
"""

BRANCHES = """
workflows:
  main:
    concepts:
      draft: YamlStep
      review: {class: YamlStep, arguments: {max_retries: 3, wait: 1}}
      publish: {class: YamlStep, params: {tone: dry}, config: {model: small}}
    graph: |
      draft >> review              # to the judge
      review - "revise" >> draft
      review - publish >> publish
"""


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def write(text):
        path = tmp_path / "flow.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def equal_again(graph, **options):
    """The graph as YAML and back; both are drawn alike."""
    again = kaygraph.yaml_to_graph(kaygraph.graph_to_yaml(graph), **options)
    assert describe(again) == describe(graph)
    return again


# Loading.


@pytest.mark.parametrize("kind", [str, Path])
def test_linear_file_loads_from_text_and_path(written, kind, runner):
    graph = kaygraph.load_workflow(kind(written(LINEAR)))
    shared = {}
    runner(graph, shared)
    assert shared["ran"] == ["a", "b", "c"]
    assert type(graph) is kaygraph.Graph


def test_nodes_are_built_with_their_name_as_id(written):
    graph = kaygraph.load_workflow(written(LINEAR))
    assert graph.start_node.node_id == "a"
    assert type(graph.start_node) is YamlStep


def test_branches_loops_and_arguments_load(written, runner):
    graph = kaygraph.load_workflow(written(BRANCHES))
    shared = {"actions": {"review": ["revise", "publish"]}}
    runner(graph, shared)
    assert shared["ran"] == ["draft", "review", "draft", "review", "publish"]
    review = graph.start_node.successors["default"]
    assert (review.max_retries, review.wait) == (3, 1)
    publish = review.successors["publish"]
    assert (publish.params, publish.config.get("model")) == ({"tone": "dry"}, "small")


def test_main_workflow_is_chosen_by_domain_or_by_name(written):
    two = LINEAR.replace(
        "main:\n", "one: {concepts: {x: YamlStep}, graph: x}\n  main:\n", 1
    )
    path = written(two)
    assert kaygraph.load_workflow(path).name == "main"
    assert kaygraph.load_workflow(path, workflow="one").name == "one"
    path = written(two.partition("domain")[0])
    with pytest.raises(GraphError, match="main_workflow must be one of one, main"):
        kaygraph.load_workflow(path)
    with pytest.raises(GraphError, match=r"no workflow 'man'.*did you mean 'main'"):
        kaygraph.load_workflow(path, workflow="man")


def test_start_may_be_named(written):
    path = written(BRANCHES.replace("    graph:", "    start: review\n    graph:"))
    assert kaygraph.load_workflow(path).start_node.node_id == "review"


def test_classes_are_found_in_any_loaded_module(monkeypatch):
    module = types.ModuleType("some_module")
    module.OnlyThere = type("OnlyThere", (kaygraph.Node,), {})
    module.Number = 3
    monkeypatch.setitem(sys.modules, "some_module", module)
    text = "workflows: {m: {concepts: {a: OnlyThere}, graph: a}}"
    graph = kaygraph.yaml_to_graph(text)
    assert type(graph.start_node) is module.OnlyThere
    for exact in ("some_module:OnlyThere", "some_module.OnlyThere"):
        kaygraph.yaml_to_graph(text.replace("OnlyThere", f"'{exact}'"))


def test_classes_are_found_in_the_usual_modules(tmp_path, monkeypatch):
    (tmp_path / "nodes.py").write_text(
        "import kgnb.graph as k\nclass InNodesFile(k.Node):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nodes", raising=False)
    text = "workflows: {m: {concepts: {a: InNodesFile}, graph: a}}"
    assert type(kaygraph.yaml_to_graph(text).start_node).__module__ == "nodes"
    del sys.modules["nodes"]


def test_classes_may_be_given():
    given = {"YamlStep": YamlLater}
    graph = kaygraph.yaml_to_graph(LINEAR, classes=given)
    assert type(graph.start_node) is YamlLater


def test_class_of_two_modules_is_ambiguous(monkeypatch):
    for name in ("first_module", "second_module"):
        module = types.ModuleType(name)
        module.Twice = type("Twice", (kaygraph.Node,), {"__module__": name})
        monkeypatch.setitem(sys.modules, name, module)
    text = "workflows: {m: {concepts: {a: Twice}, graph: a}}"
    with pytest.raises(
        GraphError, match="ambiguous; write first_module:Twice or second_module:Twice"
    ):
        kaygraph.yaml_to_graph(text)


def test_own_class_is_found_beside_another_librarys_of_its_name(monkeypatch):
    library = types.ModuleType("another_library")
    library.ValidatedNode = type("ValidatedNode", (kaygraph.Node,), {})
    monkeypatch.setitem(sys.modules, "another_library", library)
    text = "workflows: {m: {concepts: {a: ValidatedNode}, graph: a}}"
    graph = kaygraph.yaml_to_graph(text)
    assert type(graph.start_node) is kaygraph.ValidatedNode


def test_class_without_an_id_argument_gets_its_name_all_the_same():
    graph = kaygraph.yaml_to_graph(
        "workflows: {m: {concepts: {a: YamlNoId}, graph: a}}"
    )
    assert (graph.start_node.node_id, graph.start_node.max_retries) == ("a", 3)


def test_picture_from_a_file_in_one_line(written):
    assert "revise" in kaygraph.load_workflow(written(BRANCHES)).to_svg()


def test_loaded_graph_runs_under_kgnb(written):
    run = kgnb.run(kaygraph.load_workflow(written(LINEAR)), {}, panel=False)
    assert run.result(30).shared["ran"] == ["a", "b", "c"]
    assert run.workflow == "main"


# What is wrong with a file.


PROBLEMS = [
    ("", "expected a mapping with 'workflows"),
    ("workflows: [1]", "expected a mapping with 'workflows"),
    ("a: [", "this is no YAML"),
    ("workflows: {m: 3}", "expected 'concepts"),
    ("workflows: {m: {concepts: {a: YamlStpe}}}", "did you mean 'YamlStep'"),
    ("workflows: {m: {concepts: {a: 'os:path'}}}", "has no node class"),
    ("workflows: {m: {concepts: {a: 'subprocess:Popen'}}}", "has no node class"),
    ("workflows: {m: {concepts: {a: 'gone_module:X'}}}", "cannot import 'gone_module'"),
    ("workflows: {m: {concepts: {a: 3}}}", "node 'a': expected a class"),
    ("workflows: {m: {concepts: {yes: YamlStep}}}", "node True: its name is no text"),
    ("workflows: {1: {concepts: {}}}", "workflow 1: its name is no text"),
    (
        "workflows: {m: {concepts: {a: {class: YamlStep, argument: {}}}}}",
        "unknown key 'argument'; did you mean 'arguments'?",
    ),
    (
        "workflows: {m: {concepts: {a: {class: YamlStep, arguments: {max_retry: 1}}}}}",
        "'max_retry'; did you mean 'max_retries'?",
    ),
    (
        "workflows: {m: {concepts: {a: YamlModel}}}",
        "missing a required argument: 'model'",
    ),
    (
        "workflows: {m: {concepts: {a: {class: YamlStep, params: 3}}}}",
        "params: expected a mapping, got 3",
    ),
    (
        "workflows: {m: {concepts: {draft: YamlStep}, graph: drat}}",
        "node 'drat' is wired, but is not among its concepts; did you mean 'draft'?",
    ),
    ("workflows: {m: {concepts: {a: YamlStep}, graph: a >>}}", "'' is no node"),
    ("workflows: {m: {concepts: {a: YamlStep}, graph: 'a - x'}}", "leads nowhere"),
    ("workflows: {m: {concepts: {a: YamlStep}, graph: 3}}", "expected lines such as"),
    (
        "workflows: {m: {concepts: {a: {workflow: n}}, graph: a}}",
        "there is no workflow 'n'",
    ),
    (
        "workflows: {m: {concepts: {a: {workflow: m}}, graph: a}}",
        "workflow 'm' contains itself",
    ),
    ("{workflows: {}, domain: {}}", "must be one of none"),
    ("{workflows: {m: {concepts: {}}}, domain: {main_workflow: [m]}}", "no workflow"),
    ("workflows: {m: {concepts: {a: .Step}}}", "expected module:Class"),
    ("workflows: {m: {concepts: {a: {workflow: [m]}}}}", "there is no workflow ['m']"),
    (
        "workflows: {m: {concepts: {a: YamlStep}, start: [a]}}",
        "start: expected the name of a node, got ['a']",
    ),
    (
        "workflows: {m: {concepts: {a: {class: YamlStep, config: {1: 2}}}, graph: a}}",
        "node 'a': YamlStep: keywords must be strings",
    ),
]


@pytest.mark.parametrize(("text", "problem"), PROBLEMS)
def test_problem_names_the_file_and_what_to_do(written, text, problem):
    path = written(text)
    with pytest.raises(GraphError) as caught:
        kaygraph.load_workflow(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    found = kaygraph.validate_workflow(str(path))
    assert any(problem in each for each in found)
    assert all(each.startswith(f"{path}: ") for each in found)


def test_format_in_the_docstring_is_one_that_reads():
    document = yaml.safe_load(workflow_reader.__doc__.split("\n\n", 1)[1])
    article = document["workflows"][document["domain"]["main_workflow"]]
    wired = arrows.parse(article["graph"])
    assert wired.start == "draft"
    assert {arrow.target for arrow in wired.arrows} <= article["concepts"].keys()


def test_validate_of_a_good_file_is_empty(written):
    assert kaygraph.validate_workflow(written(BRANCHES)) == []


def test_validate_lists_every_problem(written):
    text = LINEAR.replace("a: YamlStep", "a: Gone").replace(">> c", ">> d")
    assert len(kaygraph.validate_workflow(written(text))) == 2


def test_missing_file_is_file_not_found_and_a_problem(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(FileNotFoundError):
        kaygraph.load_workflow(path)
    assert kaygraph.validate_workflow(path) == [f"{path}: there is no such file"]


def test_argument_that_a_class_refuses_names_the_node():
    text = "workflows: {m: {concepts: {a: {class: YamlModel, arguments: {model: x, tools: 3}}}, graph: a}}"
    with pytest.raises(GraphError, match="node 'a': YamlModel: 'int' object"):
        kaygraph.yaml_to_graph(text)


def test_file_calls_nothing_but_node_classes(written, tmp_path):
    path = written(
        "workflows: {m: {concepts: {a: !!python/object/apply:os.mkdir [x]}}}"
    )
    assert "no YAML" in kaygraph.validate_workflow(path)[0]


# The wiring's lines.


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a", []),
        ("a >> b", [("a", "default", "b")]),
        ("a>>b>>c", [("a", "default", "b"), ("b", "default", "c")]),
        ('a - "x" >> b', [("a", "x", "b")]),
        ("a - 'x y' >> b", [("a", "x y", "b")]),
        ("a - x >> b - y >> c", [("a", "x", "b"), ("b", "y", "c")]),
        ("a - 3 >> b", [("a", 3, "b")]),
        ("a - true >> b", [("a", True, "b")]),
        ("a - no >> b", [("a", "no", "b")]),
        ('a - "3" >> b', [("a", "3", "b")]),
        ("a - x >> null", [("a", "x", None)]),
        ("my-node >> step two", [("my-node", "default", "step two")]),
        ('"a >> b" >> "c # d"', [("a >> b", "default", "c # d")]),
        ("a >> b  # why >> not", [("a", "default", "b")]),
        ("a#1 >> b", [("a#1", "default", "b")]),
        ("  # nothing", []),
        ("", []),
    ],
)
def test_line_reads(line, found):
    assert arrows.parse(line).arrows == found


@pytest.mark.parametrize(
    "line",
    ['a >> "b', "a >> b - x", ">> a", "a >>", "a >> >> b", "null >> a", 'a "b" >> c'],
)
def test_line_that_does_not_read_is_quoted(line):
    with pytest.raises(
        ValueError, match="|".join(["no node", "quote", "null", "leads"])
    ):
        arrows.parse(line)


names = st.text(min_size=1).filter(lambda name: "\x00" not in name)
actions = st.integers() | st.booleans() | st.text()


@given(st.lists(st.tuples(names, actions, names | st.none()), min_size=1))
def test_any_wiring_reads_again_as_it_was_written(wires):
    wiring = arrows.Wiring(wires[0][0], [arrows.Arrow(*wire) for wire in wires])
    text = arrows.write(wiring)
    again = arrows.parse(text)
    assert again == wiring
    assert [type(a.action) for a in again.arrows] == [type(w[1]) for w in wires]


# Exporting.


def branching():
    draft, review, publish = YamlStep("draft"), YamlStep(3, 1, "review"), YamlStep()
    draft >> review
    review - "revise" >> draft
    review - "publish" >> publish
    review - "again" >> review
    return kaygraph.Graph(draft, name="article")


def test_export_of_branches_and_loops_round_trips(runner):
    again = equal_again(branching())
    shared = {"actions": {"review": ["again", "revise", "publish"]}}
    runner(again, shared)
    assert shared["ran"] == [
        "draft",
        "review",
        "review",
        "draft",
        "review",
        "YamlStep",
    ]


def test_export_writes_the_file_and_returns_its_text(tmp_path):
    path = tmp_path / "flow.yaml"
    text = kaygraph.export_workflow(branching(), path)
    assert (
        path.read_text(encoding="utf-8") == text == kaygraph.graph_to_yaml(branching())
    )
    assert describe(kaygraph.load_workflow(path)) == describe(branching())
    assert kaygraph.validate_workflow(path) == []


def test_export_of_a_chain_is_the_old_form():
    first, second = YamlStep("a"), YamlStep("b")
    first >> second
    text = kaygraph.graph_to_yaml(kaygraph.Graph(first), "mine")
    assert "graph: a >> b\n" in text
    assert "main_workflow: mine\n" in text


def test_export_keeps_arguments_params_and_config():
    node = YamlModel("small", ["web"], max_retries=2, node_id="ask")
    node.set_params({"tone": "dry"})
    node.config = kaygraph.Config(depth=2)
    graph = YamlFlow(depth=3)
    graph.start(node)
    graph.config = kaygraph.Config(all=True)
    again = equal_again(graph)
    assert (type(again), again.depth, again.config.get("all")) == (YamlFlow, 3, True)
    ask = again.start_node
    assert (ask.model, ask.tools, ask.max_retries) == ("small", ["web"], 2)
    assert (ask.params, ask.config.get("depth")) == ({"tone": "dry"}, 2)


def test_export_keeps_policies():
    graph = kaygraph.Graph(YamlStep(node_id="a", timeout=5, backoff=2))
    assert "timeout: 5" in kaygraph.graph_to_yaml(graph)
    assert equal_again(graph).start_node._policy == graph.start_node._policy


def test_export_keeps_what_a_graph_is_held_to():
    graph = kaygraph.Graph(YamlStep("a"), strict=True, max_visits=4)
    again = equal_again(graph)
    assert (again._is_strict, again._visit_limit) == (True, 4)


def test_export_leaves_defaults_out():
    text = kaygraph.graph_to_yaml(kaygraph.Graph(YamlStep("a")))
    assert "arguments" not in text


def test_export_of_every_nesting_round_trips(runner):
    def one(name=None, node="x"):
        return kaygraph.Graph(YamlStep(node), name=name)

    first = one("nested")
    sub = kaygraph.SubGraphNode(one("facts"), input_keys=["actions"])
    maybe = kaygraph.ConditionalSubGraphNode(one(), "deep", 2, "maybe")
    both = kaygraph.ParallelSubGraphNode([one("left"), one(), one()], "both", False)
    unnamed = one()
    first >> sub >> maybe >> both >> unnamed
    again = equal_again(kaygraph.Graph(first, name="main"))
    shared = {}
    runner(again, shared)
    assert list(shared["parallel_results"]) == ["graph_0", "graph_1", "graph_2"]
    assert again.start_node.successors["default"].input_keys == ["actions"]


def test_export_of_repeated_and_unnamed_nodes_round_trips():
    nodes = [
        YamlStep(),
        YamlStep("same"),
        YamlStep("same"),
        YamlStep(),
        YamlStep("a b"),
    ]
    for node, following in itertools.pairwise(nodes):
        node >> following
    equal_again(kaygraph.Graph(nodes[0]))


def test_export_of_other_graphs_and_nodes_round_trips(tmp_path):
    ask = kaygraph.UserInputNode("Say: ")
    ask - "message" >> kaygraph.AsyncParallelBatchNode(
        node_id="many", max_concurrency=2
    )
    again = equal_again(kaygraph.AsyncInteractiveGraph(ask))
    assert type(again) is kaygraph.AsyncInteractiveGraph
    assert again.start_node.prompt == "Say: "
    kept = equal_again(kaygraph.PersistentGraph(YamlStep("a"), tmp_path))
    assert kept.checkpoint_dir == tmp_path


def test_export_of_an_end_that_is_meant_round_trips():
    node = YamlStep("a")
    node - "stop" >> None
    again = equal_again(kaygraph.Graph(node))
    assert again.start_node.successors == {"stop": None}


def test_export_of_an_empty_graph_round_trips():
    equal_again(kaygraph.Graph())


def test_export_names_what_it_cannot_write():
    node = YamlModel(object(), node_id="ask")
    with pytest.raises(GraphError, match=r"ask: arguments model=.*YAML has no object"):
        kaygraph.graph_to_yaml(kaygraph.Graph(node))
    with pytest.raises(
        GraphError, match=r"hidden: YamlHidden takes secret.*self\.secret"
    ):
        kaygraph.graph_to_yaml(kaygraph.Graph(YamlHidden("x", "hidden")))
    outline = kgnb.node(lambda topic: topic, node_id="outline")
    with pytest.raises(
        GraphError, match=r"outline: .* made of a function; write it as"
    ):
        kaygraph.graph_to_yaml(kaygraph.Graph(outline))
    first = YamlStep("a")
    first.next(YamlStep("b"), 1.5)
    with pytest.raises(GraphError, match=r"action 1\.5 \(float\) cannot be written"):
        kaygraph.graph_to_yaml(kaygraph.Graph(first))
    with pytest.raises(GraphError, match=r"got YamlStep: write Graph\(start\)"):
        kaygraph.export_workflow(YamlStep("a"))


def test_export_of_a_graph_in_itself_is_refused():
    outer = kaygraph.Graph(name="outer")
    first = YamlStep("a")
    outer.start(first)
    first >> outer
    with pytest.raises(GraphError, match="outer contains itself"):
        kaygraph.graph_to_yaml(outer)


def test_serializer_gives_plain_data_and_takes_it_back():
    data = WorkflowSerializer().graph_to_workflow_dict(branching())
    json.dumps(data)
    assert list(data) == ["workflows", "domain"]
    again = WorkflowSerializer().workflow_dict_to_graph(data)
    assert describe(again) == describe(branching())


def test_serializer_is_found_where_workflows_are_loaded():
    from kgnb.graph import workflow_loader

    assert workflow_loader.WorkflowSerializer is WorkflowSerializer
