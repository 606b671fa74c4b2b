"""``@node``: functions as nodes, with no run around."""

import asyncio
import copy
import pickle

import pytest

from kgnb.errors import InvalidValue, MissingKey
from kgnb.graph import AsyncGraph, AsyncNode, BatchGraph, Graph, Node, node
from kgnb.graph.policies import Policy


@node
def outline(topic):
    """Three points."""
    return f"three points about {topic}"


@node(max_retries=3, timeout=30)
async def draft(outline, tone="calm"):
    return f"{tone}: {outline}"


@node(routes=True)
def review(draft):
    return "again" if draft.startswith("calm") else "done"


def values_of(made, **shared):
    if isinstance(made, AsyncNode):
        asyncio.run(made.run_async(shared))
    else:
        made.run(shared)
    return shared


def test_function_is_a_node_named_like_it():
    assert isinstance(outline, Node)
    assert isinstance(draft, AsyncNode)
    assert (outline.node_id, outline.__doc__) == ("outline", "Three points.")


def test_function_can_still_be_called():
    assert outline("tides") == outline(topic="tides") == "three points about tides"
    assert asyncio.run(draft("x", tone="shrill")) == "shrill: x"


def test_functions_make_a_graph():
    first, second, third = node(outline), node(draft), node(review)

    @node
    def louder(shared):
        shared["tone"] = "loud"

    first >> second >> third
    third - "again" >> louder >> second
    third - "done" >> node(lambda draft: draft.upper(), node_id="shout")
    shared = {"topic": "tides"}
    action = asyncio.run(AsyncGraph(first).run_async(shared))
    assert action is None
    assert shared == {
        "topic": "tides",
        "outline": "three points about tides",
        "tone": "loud",
        "draft": "loud: three points about tides",
        "<lambda>": "LOUD: THREE POINTS ABOUT TIDES",
    }


def test_policies_and_retries_are_keywords():
    assert (draft.max_retries, draft._policy) == (3, Policy(timeout=30))


def test_misspelt_keyword_is_named():
    with pytest.raises(TypeError, match=r"'max_retry'; did you mean 'max_retries'\?"):

        @node(max_retry=3)
        def anything():
            pass


# Arguments.


def test_default_stands_in_for_a_missing_key():
    assert values_of(draft, outline="x")["draft"] == "calm: x"
    assert values_of(draft, outline="x", tone="dry")["draft"] == "dry: x"


def test_missing_key_names_node_key_and_near_miss():
    with pytest.raises(
        MissingKey, match=r"outline takes 'topic', .*; did you mean 'topics'\?"
    ) as caught:
        values_of(outline, topics="x", other=1)
    assert (caught.value.node, caught.value.key) == ("outline", "topic")


def test_missing_key_without_a_near_one_says_what_there_is():
    with pytest.raises(MissingKey, match=r"not in shared \('n' is\)"):
        values_of(outline, n="x")


def test_parameter_called_shared_gets_the_whole_by_reference():
    seen = []

    @node
    def whole(shared, topic):
        seen.append((shared, topic))

    shared = {"topic": 1}
    whole.run(shared)
    assert seen[0][0] is shared
    assert shared == {"topic": 1}  # None is not written under its name


def test_keyword_only_parameters_are_taken():
    @node
    def keyed(*, a, b=2):
        return a + b

    assert values_of(keyed, a=1)["keyed"] == 3


def test_params_of_a_pass_come_before_shared():
    @node
    def add(n, shared):
        shared["sum"] = shared.get("sum", 0) + n

    class Passes(BatchGraph):
        def prep(self, shared):
            return [{"n": 1}, {"n": 2}]

    shared = {"n": 100}
    Passes(add).run(shared)
    assert shared["sum"] == 3


@pytest.mark.parametrize("make", [lambda *args: 0, lambda **kw: 0, lambda a, /: 0])
def test_parameters_without_a_name_to_go_by_are_refused(make):
    with pytest.raises(TypeError, match="read from shared by name"):
        node(make)


@pytest.mark.parametrize("thing", [3, int, "f"])
def test_what_is_no_function_is_refused(thing):
    with pytest.raises(TypeError, match="goes before a function"):
        node(thing)


# Values.


def test_writes_names_the_key():
    @node(writes="text")
    def write(topic):
        return topic.upper()

    assert values_of(write, topic="a") == {"topic": "a", "text": "A"}


def test_writes_named_writes_none_too():
    @node(writes="found")
    def find():
        return None

    assert values_of(find) == {"found": None}


def test_writes_none_writes_nothing():
    @node(writes=None)
    def look():
        return 3

    assert values_of(look) == {}


def test_writes_several_takes_a_tuple_apart():
    @node(writes=("low", "high"))
    def bounds(values):
        return min(values), max(values)

    assert values_of(bounds, values=[3, 1, 2])["high"] == 3


@pytest.mark.parametrize("value", [1, (1,), (1, 2, 3), "ab"])
def test_writes_several_of_another_value_is_explained(value):
    @node(writes=("low", "high"))
    def bounds():
        return value

    with pytest.raises(InvalidValue, match="bounds writes low, high, so it must"):
        values_of(bounds)


def test_returned_str_is_no_action_unless_asked():
    @node
    def say():
        return "elsewhere"

    assert say.run({}) is None


def test_routes_returns_the_action_and_writes_only_where_told():
    shared = {}

    @node(routes=True, writes="verdict")
    def judge():
        return "approve"

    assert judge.run(shared) == "approve"
    assert shared == {"verdict": "approve"}
    shared = {"draft": "x"}
    assert review.run(shared) == "done"
    assert shared == {"draft": "x"}


def test_routes_with_another_value_is_explained():
    @node(routes=True)
    def judge():
        return 3

    with pytest.raises(InvalidValue, match=r"judge routes, .* got 3 \(int\)"):
        judge.run({})


# Generators.


def test_generator_gives_its_joined_text():
    @node
    def words(topic):
        yield "about "
        yield topic

    assert values_of(words, topic="tides")["words"] == "about tides"
    assert list(words("tides")) == ["about ", "tides"]


def test_async_generator_gives_its_joined_text():
    @node
    async def words(topic):
        yield "about "
        yield topic

    assert values_of(words, topic="tides")["words"] == "about tides"


def test_generator_of_other_chunks_outside_a_run_is_explained():
    @node
    def chunks():
        yield {"delta": "x"}

    with pytest.raises(TypeError, match=r"chunks yielded a dict; outside kgnb\.run"):
        chunks.run({})


# Copies.


def test_node_of_a_node_is_another_one():
    other = node(outline, node_id="again")
    assert (other.node_id, other.function) == ("again", outline.function)
    assert other.successors is not outline.successors


def test_node_is_pickled_by_its_name_with_its_own_state():
    named = node(outline, node_id="again", writes="x")
    there = pickle.loads(pickle.dumps(named))
    assert there("tides") == "three points about tides"
    assert (there.node_id, there.writes) == ("again", ("x",))
    assert there.__wrapped__ is outline.function


def test_graph_of_functions_leaves_the_nodes_as_they_were():
    before = copy.copy(vars(outline))
    Graph(outline).run({"topic": "x"})
    assert vars(outline) == before
