"""What is kept of a dict, key by key, and what comes back of it."""

import datetime as dt
import enum
import math
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgnb.errors import InvalidValue
from kgnb.graph import keeping
from kgnb.graph.checkpoint_values import read
from kgnb.graph.keeping import Keeper


class Colour(enum.Enum):
    RED = 1


@dataclass
class Point:
    x: int
    y: tuple[int, ...]


def kept(shared, transient=()):
    keeper = Keeper(shared, frozenset(transient))
    keeper.capture()
    return keeper


def again(keeper):
    """What another process makes of what is kept."""
    shared = {}
    Keeper(shared, frozenset()).restore(keeper.everything())
    return shared


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        2**80,
        [1, (2, 3), {4}],
        {"a": {1: "b"}},
        {"__kgnb__": "a user's own"},
        b"bytes",
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        Decimal("0.10"),
        Path("/tmp/x"),
        Colour.RED,
        Point(1, (2, 3)),
        math.inf,
        [],
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_was(value):
    assert again(kept({"key": value})) == {"key": value}
    assert type(again(kept({"key": value}))["key"]) is type(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
)


@given(st.dictionaries(st.text(), plain))
def test_any_plain_data_comes_back_or_is_refused(shared):
    try:
        keeper = kept(shared)
    except InvalidValue as error:
        # Lone surrogates, which no JSON can hold.
        assert "cannot be stored" in str(error)  # noqa: PT017 - the other way counts
        return
    assert repr(again(keeper)) == repr(shared)


def test_only_what_changed_is_news():
    shared = {"a": [1], "b": "same", "c": Point(1, ())}
    keeper = kept(shared)
    assert set(keeper.news()[0]) == {"a", "b", "c"}
    keeper.capture()
    assert keeper.news() == ({}, [])
    shared["a"].append(2)
    shared["c"].x = 2
    del shared["b"]
    keeper.capture()
    new, gone = keeper.news()
    assert {key: read(msgspec.json.decode(raw)) for key, raw in new.items()} == {
        "a": [1, 2],
        "c": Point(2, ()),
    }
    assert gone == ["b"]


def test_a_value_that_becomes_another_equal_one_is_news_only_by_its_type():
    shared = {"n": 1}
    keeper = kept(shared)
    keeper.news()
    shared["n"] = True
    keeper.capture()
    assert set(keeper.news()[0]) == {"n"}


def test_transient_keys_are_left_out_and_left_alone():
    client = object()
    keeper = kept({"client": client, "n": 1}, ["client"])
    assert set(keeper.everything()) == {"n"}
    shared = {"client": client, "old": 2}
    Keeper(shared, frozenset(["client"])).restore(keeper.everything())
    assert shared == {"client": client, "n": 1}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (object(), "shared['key'] (builtins:object)"),
        ({"deep": [print]}, "shared['key']['deep'][0]"),
        (OrderedDict(a=1), "shared['key'] (collections:OrderedDict)"),
        ({1, frozenset([print])}, "one of one of shared['key']"),
    ],
)
def test_what_would_not_come_back_is_named_by_its_place(value, place):
    with pytest.raises(InvalidValue) as caught:
        kept({"key": value})
    assert place in str(caught.value)
    assert "transient=('key',)" in str(caught.value)
    assert caught.value.key == "key"


def test_what_contains_itself_is_refused():
    around = []
    around.append(around)
    with pytest.raises(InvalidValue, match="contains itself"):
        kept({"key": around})


def test_what_is_nested_too_deeply_is_refused():
    value = []
    for _ in range(1500):  # which marshal still takes, and msgspec does not
        value = [value]
    with pytest.raises(InvalidValue, match="nested too deeply"):
        kept({"deep": value})


def test_a_key_that_is_no_text_is_refused():
    with pytest.raises(InvalidValue, match=r"shared\[3\]: .*keys that are text"):
        kept({3: "x"})


def test_more_than_a_checkpoint_holds_is_refused_by_its_largest_key(monkeypatch):
    monkeypatch.setattr(keeping, "LARGEST", 100)
    keeper = kept({"small": "x", "large": "y" * 80})
    keeper.news()
    keeper.shared["small"] = "z"
    keeper.capture()  # what did not change does not count
    keeper.shared["large"] = "y" * 101
    with pytest.raises(InvalidValue, match=r"shared\['large'\] has 103"):
        keeper.capture()
