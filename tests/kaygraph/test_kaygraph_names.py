"""The names that a program finds, what they inherit, and what is not there."""

import inspect
import subprocess
import sys

import pytest

import kgnb
import kgnb.graph as kaygraph
from kgnb.runtime import run

NAMES = [
    "Config",
    "BaseNode",
    "Node",
    "BatchNode",
    "ParallelBatchNode",
    "AsyncNode",
    "AsyncBatchNode",
    "AsyncParallelBatchNode",
    "ValidatedNode",
    "MetricsNode",
    "Graph",
    "BatchGraph",
    "AsyncGraph",
    "AsyncBatchGraph",
    "AsyncParallelBatchGraph",
    "PersistentGraph",
    "InteractiveGraph",
    "AsyncInteractiveGraph",
    "InteractiveNode",
    "UserInputNode",
    "SubGraphNode",
    "ConditionalSubGraphNode",
    "ParallelSubGraphNode",
    "compose_graphs",
    "load_workflow",
    "export_workflow",
    "validate_workflow",
    "graph_to_yaml",
    "yaml_to_graph",
    "T_Shared",
    "T_Params",
    "T_Action",
    "T_PrepRes",
    "T_ExecRes",
]

BASES = {
    "Node": ["BaseNode"],
    "BatchNode": ["Node"],
    "ValidatedNode": ["Node"],
    "MetricsNode": ["Node"],
    "AsyncNode": ["Node"],
    "ParallelBatchNode": ["BatchNode"],
    "AsyncBatchNode": ["AsyncNode", "BatchNode"],
    "Graph": ["BaseNode"],
    "BatchGraph": ["Graph"],
    "AsyncGraph": ["Graph", "AsyncNode"],
    "AsyncBatchGraph": ["AsyncGraph", "BatchGraph"],
    "AsyncParallelBatchGraph": ["AsyncGraph", "BatchGraph"],
}


@pytest.mark.parametrize("name", NAMES)
def test_name_is_there(name):
    assert hasattr(kaygraph, name)


@pytest.mark.parametrize(("name", "bases"), BASES.items())
def test_class_has_the_bases_in_their_order(name, bases):
    found = [base.__name__ for base in getattr(kaygraph, name).__bases__]
    assert found == bases


def test_async_parallel_batch_node_is_an_async_and_a_batch_node():
    cls = kaygraph.AsyncParallelBatchNode
    assert issubclass(cls, kaygraph.AsyncNode)
    assert issubclass(cls, kaygraph.BatchNode)


def test_graph_is_no_node_but_a_base_node():
    assert not issubclass(kaygraph.Graph, kaygraph.Node)
    assert issubclass(kaygraph.Graph, kaygraph.BaseNode)


def test_star_import_brings_every_name():
    assert set(NAMES) <= set(kaygraph.__all__)


@pytest.mark.parametrize("name", NAMES[:15])
def test_core_name_is_the_same_in_the_package_itself(name):
    assert getattr(kgnb, name) is getattr(kaygraph, name)


def test_type_aliases_annotate_a_node():
    class Typed(kaygraph.Node):
        def prep(self, shared: kaygraph.T_Shared) -> kaygraph.T_PrepRes:
            return shared["n"]

        def exec(self, prep_res: kaygraph.T_PrepRes) -> kaygraph.T_ExecRes:
            return prep_res + 1

        def post(
            self,
            shared: kaygraph.T_Shared,
            prep_res: kaygraph.T_PrepRes,
            exec_res: kaygraph.T_ExecRes,
        ) -> kaygraph.T_Action:
            shared["n"] = exec_res
            return "done"

    shared = {"n": 1}
    assert Typed().run(shared) == "done"
    assert shared == {"n": 2}


@pytest.mark.parametrize("name", ["StreamNode", "ValidationError", "__version__"])
def test_name_that_only_documents_know_is_not_there(name):
    assert not hasattr(kaygraph, name)


@pytest.mark.parametrize("name", ["add", "set_start"])
def test_graph_method_that_only_documents_know_is_not_there(name):
    assert not hasattr(kaygraph.Graph, name)


def test_import_of_kgnb_does_not_import_kaygraph():
    code = "import sys, kgnb.graph, kgnb.runtime; print('kaygraph' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_run_takes_its_extras_by_keyword_only():
    assert list(inspect.signature(kaygraph.Graph.run).parameters) == ["self", "shared"]
    first, second, *extras = inspect.signature(run).parameters.values()
    assert (first.name, second.name) == ("graph", "shared")
    assert {extra.kind for extra in extras} == {inspect.Parameter.KEYWORD_ONLY}
