"""Whether a value may answer an approval, told field by field."""

import base64

import pytest

from kgnb.broker.fitting import problems_of
from kgnb.broker.values import check_value
from kgnb.errors import InvalidValue
from kgnb.protocol.events import ApprovalData


def asked(**data):
    return ApprovalData(approval_id="a", args_hash="h", message="?", **data)


def file(content=b"1,2", **parts):
    encoded = base64.b64encode(content).decode()
    return {"name": "a.csv", "type": "text/csv", "content": encoded, **parts}


PERSON = {
    "type": "object",
    "required": ["name", "age"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "born": {"type": "string", "format": "date"},
        "seen": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
        "home": {"anyOf": [{"$ref": "#/$defs/Home"}, {"type": "null"}]},
    },
    "$defs": {
        "Home": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}},
        }
    },
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, [(["name"], "is required"), (["age"], "is required")]),
        ({"name": "A", "age": 18}, [(["name"], "expected at least 2 characters")]),
        ({"name": "Al", "age": 3}, [(["age"], "expected at least 18")]),
        (
            {"name": "Al", "age": "x"},
            [(["age"], "expected a whole number, got 'x'")],
        ),
        (
            {"name": "Al", "age": 20, "born": "2024-02-31"},
            [(["born"], "expected a valid date, got '2024-02-31'")],
        ),
        (
            {"name": "Al", "age": 20, "tags": ["a", "c"]},
            [(["tags", 1], "expected one of 'a', 'b', got 'c'")],
        ),
        (
            {"name": "Al", "age": 20, "tags": ["a", "a"]},
            [(["tags"], "expected no entry twice")],
        ),
        ({"name": "Al", "age": 20, "home": {}}, [(["home", "city"], "is required")]),
    ],
)
def test_problem_is_told_at_its_field(value, expected):
    found = [(each.path, each.message) for each in problems_of(PERSON, value)]
    assert found == expected


@pytest.mark.parametrize("seen", ["2026-01-01T10:00:00", "2026-01-01T10:00:00+01:00"])
def test_time_without_a_zone_fits_as_one_with_a_zone(seen):
    assert problems_of(PERSON, {"name": "Al", "age": 20, "seen": seen}) == []


def test_refusal_carries_its_problems_for_the_form():
    with pytest.raises(InvalidValue, match="at age: expected at least 18") as caught:
        check_value(asked(kind="form", schema=PERSON), {"name": "Al", "age": 3})
    assert caught.value.problems == [
        {"path": ["age"], "message": "expected at least 18"}
    ]


@pytest.mark.parametrize(
    ("data", "answer", "match"),
    [
        ({"kind": "text"}, (3,), "expected text"),
        ({"kind": "confirm"}, ("yes",), "true or false"),
        ({"kind": "choice", "options": [1]}, (True,), "expected one of 1"),
        ({"kind": "choice", "options": ["a"]}, ("a", "text"), "no payload to edit"),
        ({"kind": "edit", "payload": "text"}, ({"a": 1},), "expected text, as it was"),
        ({"kind": "edit", "payload": {"a": 1}}, ("x",), "expected an object"),
        ({"kind": "edit", "payload": [1]}, ({},), "expected a list"),
        ({"kind": "edit", "payload": "x"}, ("y", "z"), "leave out the other"),
        ({"kind": "edit", "payload": "x", "options": ["go"]}, ("y",), "one of 'go'"),
        (
            {"kind": "edit", "payload": "x", "options": ["go"]},
            ("go", 3),
            "expected text, as it was",
        ),
        (
            {"kind": "edit", "payload": {"n": 1}, "schema": {"required": ["n"]}},
            ({},),
            "at n: is required",
        ),
    ],
)
def test_answer_of_a_wrong_shape_is_refused(data, answer, match):
    with pytest.raises(InvalidValue, match=match):
        check_value(asked(**data), *answer)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"kind": "edit", "payload": "x"}, ("y",)),
        ({"kind": "edit", "payload": "x", "options": ["go"]}, ("go",)),
        ({"kind": "edit", "payload": "x", "options": ["go"]}, ("go", "y")),
        ({"kind": "edit", "payload": {"n": 1}, "schema": PERSON, "options": [0]}, (0,)),
        ({"kind": "input"}, ({"any": "thing"},)),
    ],
)
def test_answer_of_the_right_shape_is_taken(data, answer):
    check_value(asked(**data), *answer)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("path.csv", "expected a file"),
        ({"name": "a"}, "expected a file"),
        (file(content=b"") | {"content": "?"}, "base64"),
        (file(size=99), "has 3 bytes, and not 99"),
        (file(name="a.exe", type=""), "expected a file of .csv, image/*"),
    ],
)
def test_file_that_is_none_or_of_another_type_is_refused(value, match):
    question = asked(kind="file", schema={"accept": [".csv", "image/*"]})
    with pytest.raises(InvalidValue, match=match):
        check_value(question, value)


@pytest.mark.parametrize(
    "value", [file(), file(name="A.CSV", type=""), file(name="b", type="image/png")]
)
def test_file_is_taken_by_ending_or_by_type(value):
    check_value(asked(kind="file", schema={"accept": [".csv", "image/*"]}), value)
