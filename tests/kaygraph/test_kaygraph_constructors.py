"""Constructors by position and keyword, and the attributes they leave."""

import asyncio
import copy
import inspect
import logging
import pickle

import pytest

import kgnb.graph as kaygraph

RETRYING = [
    kaygraph.Node,
    kaygraph.BatchNode,
    kaygraph.AsyncNode,
    kaygraph.AsyncBatchNode,
    kaygraph.AsyncParallelBatchNode,
    kaygraph.ValidatedNode,
]
FIRST = {
    kaygraph.ParallelBatchNode: "max_workers",
    kaygraph.MetricsNode: "collect_metrics",
}
GRAPHS = [
    kaygraph.Graph,
    kaygraph.BatchGraph,
    kaygraph.AsyncGraph,
    kaygraph.AsyncBatchGraph,
    kaygraph.AsyncParallelBatchGraph,
]
NODES = [kaygraph.BaseNode, *RETRYING, *FIRST]
ALL = NODES + GRAPHS


def test_base_node_takes_id_and_config():
    config = kaygraph.Config(k=1)
    node = kaygraph.BaseNode("n", config)
    assert (node.node_id, node.config) == ("n", config)


@pytest.mark.parametrize("cls", RETRYING)
def test_node_takes_retries_wait_id_and_config(cls):
    config = kaygraph.Config(k=1)
    node = cls(3, 0.5, "n", config)
    assert (node.max_retries, node.wait, node.node_id) == (3, 0.5, "n")
    assert node.config is config
    named = cls(max_retries=3, wait=0.5, node_id="n", config=config)
    assert (named.max_retries, named.wait, named.node_id) == (3, 0.5, "n")


@pytest.mark.parametrize("cls", RETRYING)
def test_node_defaults_are_one_attempt_and_no_wait(cls):
    node = cls()
    assert (node.max_retries, node.wait, node.cur_retry) == (1, 0, 0)


def test_parallel_batch_node_takes_workers_first():
    node = kaygraph.ParallelBatchNode(8, 3, 0.5, "n")
    assert (node.max_workers, node.max_retries) == (8, 3)
    assert (node.wait, node.node_id) == (0.5, "n")
    assert kaygraph.ParallelBatchNode().max_workers is None


def test_metrics_node_takes_collect_metrics_first():
    node = kaygraph.MetricsNode(False, 3, 0.5, "n")
    assert (node.collect_metrics, node.max_retries) == (False, 3)
    assert (node.wait, node.node_id) == (0.5, "n")
    assert kaygraph.MetricsNode().collect_metrics is True


@pytest.mark.parametrize("cls", GRAPHS)
def test_graph_takes_start_and_config(cls):
    start, config = kaygraph.Node(), kaygraph.Config(k=1)
    graph = cls(start, config)
    assert graph.start_node is start
    assert graph.config is config
    assert cls().start_node is None


@pytest.mark.parametrize("cls", GRAPHS)
def test_graph_id_is_not_a_keyword(cls):
    with pytest.raises(TypeError, match="graph_id"):
        cls(graph_id="g")


@pytest.mark.parametrize("cls", GRAPHS)
def test_graph_takes_name_and_id_by_keyword_only(cls):
    graph = cls(name="article", node_id="g")
    assert (graph.name, graph.node_id) == ("article", "g")
    with pytest.raises(TypeError):
        cls(kaygraph.Node(), None, "article")


@pytest.mark.parametrize("cls", NODES)
def test_str_first_is_the_id_and_the_node_runs(cls):
    node = cls("my_id")
    assert node.node_id == "my_id"
    if issubclass(cls, kaygraph.AsyncNode):
        asyncio.run(node.run_async({}))
    else:
        node.run({})


@pytest.mark.parametrize("cls", [*RETRYING, *FIRST])
def test_two_ids_are_a_type_error_that_names_both(cls):
    with pytest.raises(TypeError, match="two ids: 'a' and node_id='b'"):
        cls("a", node_id="b")


@pytest.mark.parametrize("cls", [*RETRYING, *FIRST])
def test_class_attributes_set_retries_and_wait(cls):
    class Mine(cls):
        max_retries = 3
        wait = 0.25

    assert (Mine().max_retries, Mine().wait) == (3, 0.25)
    assert (Mine(max_retries=2).max_retries, Mine(wait=0).wait) == (2, 0)


@pytest.mark.parametrize("cls", ALL)
def test_unnamed_node_has_an_id_of_class_and_identity(cls):
    node = cls()
    assert node.node_id == f"{cls.__name__}_{id(node)}"


@pytest.mark.parametrize("cls", ALL)
def test_attributes_of_every_node(cls):
    node = cls()
    assert node.params == {}
    assert node.successors == {}
    assert node._execution_context == {}
    assert isinstance(node.config, kaygraph.Config)
    assert not node.config


def test_logger_is_named_after_the_class_and_shared_by_its_namesakes():
    class Mine(kaygraph.Node):
        pass

    assert Mine().logger is Mine().logger is logging.getLogger("Mine")


@pytest.mark.parametrize("cls", ALL)
def test_methods_that_users_override_return_none(cls):
    node = cls()
    assert node.before_prep({}) is None
    assert node.prep({}) is None
    assert node.exec(1) is None
    assert node.after_exec({}, 1, 2) is None
    assert node.setup_resources() is None
    assert node.cleanup_resources() is None
    assert node.on_error({}, ValueError()) is False


@pytest.mark.parametrize("cls", NODES)
def test_post_of_a_node_returns_none(cls):
    assert cls().post({}, 1, 2) is None


@pytest.mark.parametrize("cls", [*RETRYING, *FIRST])
def test_fallback_raises_the_error_by_default(cls):
    error = ValueError("mine")
    with pytest.raises(ValueError) as caught:
        cls().exec_fallback(1, error)
    assert caught.value is error


def test_async_methods_return_none_and_the_fallback_raises():
    node, error = kaygraph.AsyncNode(), ValueError("mine")
    assert asyncio.run(node.prep_async({})) is None
    assert asyncio.run(node.exec_async(1)) is None
    assert asyncio.run(node.post_async({}, 1, 2)) is None
    with pytest.raises(ValueError) as caught:
        asyncio.run(node.exec_fallback_async(1, error))
    assert caught.value is error


@pytest.mark.parametrize("cls", ALL)
def test_set_params_copies_and_takes_only_a_dict(cls):
    node, given = cls(), {"k": [1]}
    node.set_params(given)
    assert node.params == given
    assert node.params is not given
    assert node.params["k"] is given["k"]
    with pytest.raises(TypeError, match="params must be a dict, got list"):
        node.set_params([("k", 1)])


@pytest.mark.parametrize("cls", ALL)
def test_context_notes_are_kept(cls):
    node = cls()
    assert node.get_context("k") is None
    assert node.get_context("k", 5) == 5
    node.set_context("k", 1)
    assert node.get_context("k", 5) == 1
    assert node._execution_context == {"k": 1}


@pytest.mark.parametrize("cls", ALL)
def test_shared_is_required(cls):
    run = cls().run_async if hasattr(cls, "run_async") else cls().run
    with pytest.raises(TypeError, match="shared"):
        run()


@pytest.mark.parametrize("cls", ALL)
def test_node_can_be_copied_and_pickled(cls):
    node = cls(node_id="n")
    assert copy.deepcopy(node).node_id == "n"
    assert pickle.loads(pickle.dumps(node)).node_id == "n"


@pytest.mark.parametrize(
    "cls", [kaygraph.AsyncParallelBatchNode, kaygraph.AsyncParallelBatchGraph]
)
def test_concurrency_limit_is_by_keyword_only(cls):
    assert cls(max_concurrency=3).max_concurrency == 3
    assert cls().max_concurrency is None
    kind = inspect.signature(cls).parameters["max_concurrency"].kind
    assert kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("cls", ALL)
def test_unknown_keyword_is_a_type_error(cls):
    with pytest.raises(TypeError, match="max_retry"):
        cls(max_retry=3)


@pytest.mark.parametrize("value", [3, None, kaygraph.Node()])
def test_metrics_node_refuses_what_is_no_bool(value):
    with pytest.raises(TypeError, match="collect_metrics must be True or False"):
        kaygraph.MetricsNode(value)


# Config


def test_config_gets_sets_and_updates():
    config = kaygraph.Config(a=1)
    config.set("b", 2)
    config.update(c=3, a=4)
    assert (config.get("a"), config.get("b"), config.get("c")) == (4, 2, 3)
    assert config.get("d") is None
    assert config.get("d", 5) == 5


def test_config_merge_makes_a_new_one_in_which_the_other_wins():
    one, other = kaygraph.Config(a=1, b=1), kaygraph.Config(b=2)
    merged = one.merge(other)
    assert isinstance(merged, kaygraph.Config)
    assert merged.to_dict() == {"a": 1, "b": 2}
    assert (one.to_dict(), other.to_dict()) == ({"a": 1, "b": 1}, {"b": 2})


def test_config_is_falsy_while_empty():
    config = kaygraph.Config()
    assert not config
    config.set("a", None)
    assert config


def test_config_to_dict_is_a_copy():
    config = kaygraph.Config(a=1)
    config.to_dict()["a"] = 2
    assert config.get("a") == 1
