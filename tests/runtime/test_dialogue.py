"""A question as lines of a terminal."""

import dataclasses
from typing import Literal

import pydantic
import pytest

from kgnb.runtime.asking import Wanted, terms_of
from kgnb.runtime.dialogue import dialogue


class Room(pydantic.BaseModel):
    name: str


@dataclasses.dataclass
class Trip:
    city: str
    nights: int = 2
    board: Literal["half", "full"] = "half"
    stops: list[str] = dataclasses.field(default_factory=list)


class Stay(pydantic.BaseModel):
    room: Room
    pets: bool | None = None


def talk(lines, **wanted):
    """What was shown, and the answer to these lines."""
    asked = dialogue(terms_of(Wanted(message="Well?", **wanted)).data)
    shown = next(asked)
    for line in lines:
        try:
            shown += asked.send(line)
        except StopIteration as done:
            return shown, done.value
    pytest.fail(f"it asks for more: {shown}")


@pytest.mark.parametrize(
    ("wanted", "lines", "value"),
    [
        ({"options": ["a", "b"]}, ["2"], "b"),
        ({"options": ["a", "b"]}, ["a"], "a"),
        ({"options": [10, 20]}, ["20"], 20),
        ({}, ["some text"], "some text"),
        ({"kind": "confirm"}, ["maybe", "Yes"], True),
        ({"kind": "confirm"}, ["n"], False),
        ({"kind": "file"}, ["data.csv"], "data.csv"),
        ({"kind": "edit", "payload": "as it was"}, [""], "as it was"),
        ({"kind": "edit", "payload": "as it was"}, ["anew"], "anew"),
        ({"kind": "edit", "payload": {"a": 1}}, ["{", '{"a": 2}'], {"a": 2}),
        (
            {"schema": Trip},
            ["Oslo", "three", "3", "full", ""],
            {"city": "Oslo", "nights": 3, "board": "full"},
        ),
        (
            {"schema": Trip},
            ["", "Oslo", "", "", '["Bergen"]'],
            {"city": "Oslo", "nights": 2, "board": "half", "stops": ["Bergen"]},
        ),
        ({"schema": Stay}, ["Blue", "y"], {"room": {"name": "Blue"}, "pets": True}),
        ({"schema": list[int]}, ["[1, 2]"], [1, 2]),
        ({"schema": str}, ["text"], "text"),
    ],
)
def test_lines_give_the_answer(wanted, lines, value):
    assert talk(lines, **wanted)[1].value == value


def test_edit_with_options_asks_for_both():
    wanted = {"kind": "edit", "payload": "draft", "options": ["send", "reject"]}
    shown, answer = talk(["better", "1"], **wanted)
    assert (answer.value, answer.payload) == ("send", "better")
    assert shown.index("draft") < shown.index("1  send")


def test_edit_takes_the_text_of_a_file(tmp_path):
    (tmp_path / "new.txt").write_text("from a file")
    lines = ["@/no/such/file", f"@{tmp_path / 'new.txt'}"]
    shown, answer = talk(lines, kind="edit", payload="old")
    assert answer.value == "from a file"
    assert "cannot be taken" in shown


def test_form_names_its_fields_and_what_they_expect():
    shown, _ = talk(["Oslo", "x", "3", "full", ""], schema=Trip, payload={"why": "fun"})
    assert '"why": "fun"' in shown
    assert "  nights (integer, Enter for 2): " in shown
    assert "    expected integer, Enter for 2: " in shown
    assert "  board (one of full, half, Enter for half): " in shown
