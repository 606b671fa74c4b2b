"""``Graph(state=...)``: shared is held against a type at the borders of each node."""

import asyncio
import dataclasses
import subprocess
import sys
from collections import UserDict
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgnb.errors import StateError
from kgnb.graph import AsyncGraph, AsyncNode, Graph, Node
from kgnb.graph.state import check_state, state_of


class Author(msgspec.Struct):
    name: str


class Colour(Enum):
    RED = "red"


class AsStruct(msgspec.Struct):
    topic: str
    draft: str | None = None
    words: Annotated[int, msgspec.Meta(ge=0)] = 0


@dataclasses.dataclass
class AsDataclass:
    topic: str
    draft: str | None = None
    words: Annotated[int, msgspec.Meta(ge=0)] = 0


class AsTypedDict(TypedDict):
    topic: str
    draft: NotRequired[str | None]
    words: NotRequired[Annotated[int, msgspec.Meta(ge=0)]]


class AsModel(pydantic.BaseModel):
    topic: str
    draft: str | None = None
    words: Annotated[int, pydantic.Field(ge=0)] = 0


every = pytest.mark.parametrize(
    "state", [AsStruct, AsDataclass, AsTypedDict, AsModel], ids=lambda cls: cls.__name__
)


class Puts(Node):
    def __init__(self, **values):
        super().__init__(node_id="puts")
        self.values = values

    def post(self, shared, prep_res, exec_res):
        shared.update(self.values)


class PutsAsync(AsyncNode, Puts):
    async def post_async(self, shared, prep_res, exec_res):
        return self.post(shared, prep_res, exec_res)


@every
def test_state_that_fits_is_left_alone(state):
    shared = {"topic": "tides", "_own": object()}
    before = dict(shared)
    Graph(Puts(draft="text", words=1), state=state).run(shared)
    assert shared == before | {"draft": "text", "words": 1}


@every
def test_state_names_node_key_expected_and_got(state):
    shared = {"topic": "tides"}
    with pytest.raises(StateError) as caught:
        Graph(Puts(draft=42), state=state).run(shared)
    error = caught.value
    assert (error.node, error.key) == ("puts", "draft")
    assert error.got == "42 (int)"
    assert "str" in error.expected
    assert str(error).startswith(
        f"node 'puts' left shared['draft'] that does not fit {state.__name__}: expected"
    )
    assert shared["draft"] == 42  # nothing is lost, nor set back


@every
def test_state_is_checked_before_the_first_node(state):
    ran = []
    node = Puts()
    node.prep = ran.append
    with pytest.raises(
        StateError,
        match=r"graph 'g' begins with no shared\['topic'\], which As\w+ requires: "
        r"expected str; there is 'topik', perhaps misspelt$",
    ) as caught:
        Graph(node, state=state, name="g").run({"topik": "tides"})
    assert (caught.value.node, ran) == (None, [])


@every
def test_state_holds_to_constraints(state):
    with pytest.raises(StateError) as caught:
        Graph(Puts(words=-1), state=state).run({"topic": "tides"})
    assert caught.value.key == "words"


@every
def test_state_that_a_node_takes_away_is_missed(state):
    class Takes(Node):
        def post(self, shared, prep_res, exec_res):
            del shared["topic"]

    with pytest.raises(StateError, match=r"node 'Takes' left no shared\['topic'\]"):
        Graph(Takes(), state=state).run({"topic": "x"})


def test_state_is_checked_after_async_nodes_too():
    with pytest.raises(StateError, match="node 'puts' left"):
        asyncio.run(
            AsyncGraph(PutsAsync(draft=1), state=AsStruct).run_async({"topic": "x"})
        )


def test_state_takes_any_mapping_and_nothing_else():
    Graph(Puts(), state=AsStruct).run(UserDict(topic="x"))
    with pytest.raises(StateError, match="expected a mapping, got list"):
        Graph(Puts(), state=AsStruct).run([])


def test_state_of_a_nested_graph_is_its_own():
    inner = Graph(Puts(draft=1), state=AsStruct, name="inner")
    with pytest.raises(StateError, match="node 'puts' left"):
        Graph(inner).run({"topic": "x"})
    outer = Graph(Graph(Puts(draft=1), name="inner"), state=AsStruct)
    with pytest.raises(StateError, match="node 'inner' left"):
        outer.run({"topic": "x"})


# What fits.


def faults(hint, value):
    state = state_of(msgspec.defstruct("S", [("x", hint)]))
    return [fault.got for fault in state.faults({"x": value})]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Any, object()),
        (int, 3),
        (float, 3),
        (float, float("nan")),
        (list[float], [float("nan"), 1]),
        (str | None, None),
        (Author, Author("Ann")),
        (list[Author], [Author("Ann")]),
        (dict[str, list[int]], {"a": [1]}),
        (tuple[int, ...], (1, 2)),
        (Colour, Colour.RED),
        (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
        (np.ndarray, np.zeros(3)),
        (list[np.ndarray], [np.zeros(3)]),
        (range, range(3)),
    ],
)
def test_value_fits(hint, value):
    assert faults(hint, value) == []


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, "3"),
        (int, True),
        (str, None),
        (Author, {"name": "Ann"}),
        (list[Author], [{"name": "Ann"}]),
        (list[int], (1, 2)),
        (Colour, "red"),
        (datetime, "2026-01-01T00:00:00"),
        (np.ndarray, [0, 0]),
        (dict[str, int], {"a": "b"}),
    ],
)
def test_value_that_would_have_to_be_converted_does_not_fit(hint, value):
    (got,) = faults(hint, value)
    assert type(value).__name__ in got


def test_value_inside_a_list_is_told_where():
    (got,) = faults(list[int], [1, "x"])
    assert "$[1]" in got


@given(st.dictionaries(st.text(), st.lists(st.integers() | st.text() | st.none())))
def test_value_is_never_changed_by_the_check(value):
    before = repr(value)
    faults(dict[str, list[int]], value)
    assert repr(value) == before


def test_model_refuses_a_dict_for_a_model():
    class Inner(pydantic.BaseModel):
        name: str

    class Outer(pydantic.BaseModel):
        inner: Inner

    state = state_of(Outer)
    assert not list(state.faults({"inner": Inner(name="a")}))
    assert list(state.faults({"inner": {"name": "a"}}))


@pytest.mark.parametrize(
    "state",
    [
        msgspec.defstruct("Closed", [("a", int, 0)], forbid_unknown_fields=True),
        pydantic.create_model(
            "Closed", a=(int, 0), __config__=pydantic.ConfigDict(extra="forbid")
        ),
    ],
)
def test_type_that_forbids_other_keys_is_honoured(state):
    with pytest.raises(StateError) as caught:
        check_state(state_of(state), {"aa": 1}, graph="g")
    assert caught.value.key == "aa"


@pytest.mark.parametrize("given", [3, dict, int, "S", AsStruct("x"), list[int]])
def test_what_is_no_state_is_refused(given):
    with pytest.raises(TypeError, match="state= takes a msgspec Struct"):
        Graph(state=given)


def test_field_that_cannot_be_checked_is_refused_when_the_graph_is_made():
    class Two(TypedDict):
        x: Author | AsStruct

    with pytest.raises(TypeError, match="state=Two: field 'x' cannot be checked"):
        Graph(state=Two)


def test_state_loads_no_pydantic():
    code = (
        "import sys, msgspec, kgnb.graph as g\n"
        "S = msgspec.defstruct('S', [('a', int, 0)])\n"
        "g.Graph(g.Node(), state=S).run({})\n"
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
