"""Frames of every kind that the protocol has, and what they become when they rot.

Whoever rolls the dice is handed in as a ``random.Random``: a seeded one, hypothesis',
which shrinks what it finds, or atheris', which follows the branches taken.
"""

import json
from typing import get_args

import msgspec
from msgspec import inspect

from kgnb.protocol import commands, events, link

CLIENTS = tuple(inspect.type_info(each) for each in get_args(commands.AnyCommand))
KERNELS = tuple(inspect.type_info(each) for each in get_args(link.KernelFrame))
EVENTS = tuple(inspect.type_info(each) for each in get_args(events.KnownEvent))

WORDS = (
    "r1", "r2", "a1", "a2", "w", "s1", "g1", "c1", "k1", "A", "B", "A:1", "A:1.1/1",
    "yes", "no", "all", "tokens", "app", "alice", "default", "2026-01-01T00:00:00Z",
    "choice", "text", "start_workflow", "node_update", "view", "x",
)  # fmt: skip
"""What is there, so that a frame gets further than the first look-up."""
ODD = (
    "", " ", "\0", "\n", "\x1b[2J", "*", "../..", "%s{}", "'; DROP TABLE runs; --",
    "__proto__", "\u202e", "\ud800", "\udfff", "\ufeff", "\uffff", "é", "e\u0301",
    "\N{GRINNING FACE}", "x" * 200, "x" * 201, "\N{BLACK STAR}" * 100, "NaN", "null",
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 3, -1, 63, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63),
    -(2**64), 10**30, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"),
    float("-inf"),
)  # fmt: skip
RAW = (
    b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\0", b"1e400", b"NaN",
    b"-", b"[", b"{", b'"', b"\\", b"\\ud800", b",", b":", b"]", b"}", b"\n", b"9" * 5000,
    b"[" * 70 + b"]" * 70, b'{"a":' * 70 + b"1" + b"}" * 70, b"/**/",
)  # fmt: skip


def made(chance, kinds, aimed=None):
    """One frame, most often a sound one with one thing or two that are not.

    ``aimed`` may change the sound one, so that it gets further.
    """
    kind = chance.choice(kinds)
    tree = struct(chance, kind)
    if aimed is not None:
        aimed(chance, kind, tree)
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        tree = _rotten(chance, tree)
    raw = _encoded(chance, tree)
    if chance.random() < 0.15:
        raw = _torn(chance, raw)
    return raw if chance.random() < 0.7 else raw.decode(errors="surrogateescape")


# ---- sound


def struct(chance, kind):
    """A sound object of a kind of message, some of its optional fields left out."""
    tree = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
    for field in kind.fields:
        if field.required or chance.random() < 0.4:
            tree[field.encode_name] = _value(chance, field.type)
    return tree


def _word(chance):
    return chance.choice(WORDS if chance.random() < 0.95 else ODD)


SIMPLE = {
    inspect.NoneType: lambda _: None,
    inspect.BoolType: lambda chance: chance.random() < 0.5,
    inspect.IntType: lambda chance: chance.choice((1, 1, 2, 3, chance.choice(NUMBERS))),
    inspect.FloatType: lambda chance: chance.choice((0, 1, 50, chance.choice(NUMBERS))),
    inspect.StrType: _word,
}


def _value(chance, kind):
    match kind:
        case inspect.StructType():
            return struct(chance, kind)
        case inspect.UnionType(types=types):
            return _value(chance, chance.choice(types))
        case inspect.LiteralType(values=values):
            return chance.choice(values)
        case inspect.ListType(item_type=item):
            return [_value(chance, item) for _ in range(chance.randrange(3))]
        case inspect.DictType():
            return {
                _word(chance): _anything(chance) for _ in range(chance.randrange(3))
            }
        case _:
            return SIMPLE.get(type(kind), _anything)(chance)


def _anything(chance, depth=3):
    match chance.randrange(8 if depth else 5):
        case 0:
            return chance.choice((None, True, False))
        case 1:
            return chance.choice(NUMBERS)
        case 2:
            return chance.choice(ODD)
        case 3 | 4:
            return _word(chance)
        case 5 | 6:
            inner = range(chance.randrange(4))
            return {_word(chance): _anything(chance, depth - 1) for _ in inner}
        case _:
            return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]


# ---- rotten


def _rotten(chance, tree):
    """The same with one field dropped, renamed, retyped, added or far too deep."""
    places = [holder for holder in _holders(tree) if holder]
    if not places:
        return tree
    place = chance.choice(places)
    name = chance.choice(list(place))
    match chance.randrange(6):
        case 0:
            del place[name]
        case 1:
            place[_word(chance)] = place.pop(name)
        case 2 | 3:
            place[name] = _anything(chance)
        case 4:
            place[_word(chance)] = _anything(chance)
        case _:
            for _ in range(chance.choice((2, 60, 64, 100))):
                place[name] = chance.choice(([place[name]], {"a": place[name]}))
    return tree


def _holders(tree):
    """The objects in it, itself first."""
    if isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _holders(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _holders(each)


def _encoded(chance, tree):
    text = json.dumps(tree, ensure_ascii=chance.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _torn(chance, raw):
    """Bytes changed, cut, doubled or put in; names given twice."""
    at = chance.randrange(len(raw) + 1)
    end = min(len(raw), at + chance.choice((1, 2, 8, 64)))
    match chance.randrange(6):
        case 0:
            return raw[:at]
        case 1:
            return raw[:at] + raw[end:]
        case 2:
            return raw[:end] + raw[at:]
        case 3:
            return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
        case 4:
            return raw[:at] + chance.choice(RAW) + raw[at:]
        case _:
            again = msgspec.json.encode({chance.choice(("type", "id", "data")): "ping"})
            return again[:-1] + b"," + raw[1:]
