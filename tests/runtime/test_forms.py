"""Forms, edits and files: what is asked for is what comes back."""

import base64
import dataclasses
import datetime as dt
import enum
from typing import Annotated, Literal, TypedDict

import msgspec
import pydantic
import pytest

import kgnb
from kgnb.errors import ApprovalTimeout, InvalidValue
from kgnb.runtime import Answer, ask, run
from kgnb.runtime.files import LARGEST_FILE, File


@dataclasses.dataclass
class Trip:
    city: str
    nights: Annotated[int, msgspec.Meta(ge=1)] = 1
    leaves: dt.datetime | None = None

    def __post_init__(self):
        if self.city == "Atlantis":
            raise ValueError("there is no such place")


class Point(msgspec.Struct):
    x: float
    tags: set[str] = set()


class Person(TypedDict):
    name: str


class Stay(pydantic.BaseModel):
    first: dt.date = pydantic.Field(alias="from")
    last: dt.date
    room: Literal["blue", "red"] = "blue"

    @pydantic.field_validator("room")
    @classmethod
    def free(cls, value):
        if value == "red":
            raise ValueError("the red room is taken")
        return value


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


STAY = {"from": "2026-12-24", "last": "2026-12-26"}


def asks(kept=None, **wanted):
    """A run's function that asks once; the answer is put into ``kept``."""

    def question():
        answer = ask("Tell us", **wanted).result()
        if kept is not None:
            kept.append(answer)

    return question


def answered(value, **wanted):
    """The Answer to a question that a script answers by ``value``."""
    kept = []
    run(asks(kept, **wanted), answers=[value]).result(10)
    return kept[0]


def opened(handle, eventually, count=1):
    def found():
        approvals = [a for a in handle.approvals if a.state == "open"]
        return approvals if len(approvals) == count else None

    return eventually(found)


@pytest.mark.parametrize(
    ("schema", "plain", "expected"),
    [
        (Trip, {"city": "Oslo"}, Trip("Oslo")),
        (Point, {"x": 1, "tags": ["a"]}, Point(1.0, {"a"})),
        (Person, {"name": "Ada"}, {"name": "Ada"}),
        (Stay, STAY, Stay.model_validate(STAY)),
        (pydantic.TypeAdapter(list[Stay]), [STAY], [Stay.model_validate(STAY)]),
        (list[Stay], [STAY], [Stay.model_validate(STAY)]),
        (list[int], [1], [1]),
        (Colour, "red", Colour.RED),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
        (int | None, None, None),
    ],
)
def test_form_gives_an_instance_of_its_type(schema, plain, expected):
    assert answered(plain, schema=schema).value == expected


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Trip, Trip("Oslo", leaves=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))),
        (Point, Point(2.5, {"a"})),
        (Stay, Stay.model_validate(STAY)),
    ],
)
def test_script_may_give_the_instance_itself(schema, value):
    assert answered(value, schema=schema).value == value


def test_wire_carries_the_types_json_schema(eventually):
    handle = run(asks(schema=Trip))
    (approval,) = opened(handle, eventually)
    assert approval.kind == "form"
    leaves = approval.schema["$defs"]["Trip"]["properties"]["leaves"]
    assert leaves["anyOf"][0] == {"type": "string", "format": "date-time"}
    handle.cancel()


def test_value_off_the_schema_is_refused_by_its_field(eventually):
    handle = run(asks(schema={"required": ["n"]}))
    (approval,) = opened(handle, eventually)
    with pytest.raises(InvalidValue, match="at n: is required") as caught:
        handle.answer(approval.approval_id, {})
    assert caught.value.problems == [{"path": ["n"], "message": "is required"}]
    handle.answer(approval.approval_id, {"n": 1})
    handle.result(10)


@pytest.mark.parametrize(
    ("schema", "value", "match"),
    [
        (Trip, {"city": "Atlantis"}, "no such place"),
        (Stay, {**STAY, "room": "red"}, "room: the red room is taken"),
        (Stay, {"last": "2026-01-01"}, "from: Field required"),
    ],
)
def test_value_off_the_types_validators_is_refused_at_once_in_python(
    schema, value, match, eventually
):
    with pytest.raises(InvalidValue, match=rf"answers=.*{match}"):
        run(asks(schema=schema), answers=[value]).result(10)
    handle = run(asks(schema=schema))
    (approval,) = opened(handle, eventually)
    with pytest.raises(InvalidValue, match=match):
        handle.answer(approval.approval_id, value)
    assert [each.state for each in handle.approvals] == ["open"]
    handle.cancel()


def send_from_afar(handle, approval, value, **besides):
    """Answer as a browser does, which knows the JSON Schema and not the type."""
    frames = []
    channel = handle.open_channel(via="panel", receive=frames.extend)
    channel.send(
        {
            "type": "answer",
            "approval_id": approval.approval_id,
            "value": value,
            "id": "1",
            **besides,
        }
    )
    return channel, frames


def test_answer_that_only_the_type_refuses_opens_the_question_again(eventually):
    kept = []
    handle = run(asks(kept, schema=Stay, timeout=60))
    (first,) = opened(handle, eventually)
    channel, _ = send_from_afar(handle, first, {**STAY, "room": "red"})
    (second,) = eventually(
        lambda: [a for a in handle.approvals if a.approval_id != first.approval_id]
    )
    shown = next(a for a in handle.view.approvals if a.state == "open")
    assert shown.correction.value == {**STAY, "room": "red"}
    (problem,) = shown.correction.problems
    assert (problem.path, problem.message) == (["room"], "the red room is taken")
    assert second.expires_at == first.expires_at
    assert handle.view.nodes["question"].status == "waiting"
    handle.answer(second.approval_id, STAY)
    handle.result(10)
    channel.close()
    assert kept[0].value == Stay.model_validate(STAY)


def test_async_node_waits_for_the_question_asked_again(eventually):
    async def question(shared):
        shared["stay"] = (await ask("?", schema=Stay)).value

    handle = run(question)
    (first,) = opened(handle, eventually)
    channel, _ = send_from_afar(handle, first, {**STAY, "room": "red"})
    eventually(lambda: len(handle.approvals) == 2)
    handle.answer(handle.approvals[1].approval_id, STAY)
    handle.result(10)
    channel.close()
    assert handle.shared["stay"].room == "blue"


def test_retry_finds_the_question_that_was_asked_again(eventually):
    tries = []

    class Retries(kgnb.Node):
        def exec(self, _):
            tries.append(ask("?", schema=Stay).result().value)
            if len(tries) < 2:
                raise OSError

    handle = run(Retries(max_retries=2))
    (first,) = opened(handle, eventually)
    channel, _ = send_from_afar(handle, first, {**STAY, "room": "red"})
    eventually(lambda: len(handle.approvals) == 2)
    handle.answer(handle.approvals[1].approval_id, STAY)
    handle.result(10)
    channel.close()
    assert len(tries) == 2
    assert len(handle.approvals) == 2


def test_on_timeout_is_the_very_object():
    trip = Trip("Rome")
    kept = []
    run(asks(kept, schema=Trip, timeout=0.05, on_timeout=trip)).result(10)
    assert (kept[0].value is trip, kept[0].outcome) == (True, "timed_out")


def test_form_without_on_timeout_raises_at_the_deadline():
    with pytest.raises(ApprovalTimeout):
        run(asks(schema=Trip, timeout=0.05)).result(10)


def test_option_comes_back_as_it_was_given():
    assert answered("blue", options=list(Colour)).value is Colour.BLUE
    assert answered(Colour.RED, options=list(Colour)).value is Colour.RED


def test_edit_gives_what_became_of_the_payload():
    answer = answered("b", kind="edit", payload="a")
    assert (answer.value, answer.payload, answer.edited) == ("b", "b", True)
    answer = answered("a", kind="edit", payload="a")
    assert (answer.value, answer.edited) == ("a", False)


def test_edit_of_an_object_gives_an_instance_of_its_type():
    answer = answered({"city": "Rome", "nights": 2}, kind="edit", payload=Trip("Oslo"))
    assert answer.value == Trip("Rome", 2)


def test_edit_with_options_gives_option_and_payload(eventually):
    wanted = {"kind": "edit", "payload": "draft", "options": ["send", "reject"]}
    answer = answered("reject", **wanted)
    assert (answer.value, answer.payload, answer.edited) == ("reject", "draft", False)
    scripted = Answer("send", payload="better", reason="typo")
    answer = answered(scripted, **wanted)
    assert (answer.value, answer.payload, answer.edited) == ("send", "better", True)
    assert answer.reason == "typo"
    kept = []
    handle = run(asks(kept, **wanted))
    (approval,) = opened(handle, eventually)
    handle.answer(approval.approval_id, "send", payload="best")
    result = handle.result(10)
    assert kept[0].payload == "best"
    assert result.approvals[0].edited_payload == "best"


def test_file_has_name_type_size_and_content(tmp_path):
    path = tmp_path / "tide.csv"
    path.write_bytes(b"1,2\n")
    file = answered(path, kind="file").value
    assert isinstance(file, kgnb.File)
    assert (file.name, file.type, file.size) == ("tide.csv", "text/csv", 4)
    assert (file.content, bytes(file), file.text()) == (b"1,2\n", b"1,2\n", "1,2\n")
    assert file.save(tmp_path / "copy").read_bytes() == b"1,2\n"


@pytest.mark.parametrize("value", [b"hi", File("note.txt", b"hi", "text/plain")])
def test_script_gives_a_file_as_bytes_or_as_one(value):
    assert answered(value, kind="file").value.content == b"hi"


def test_view_and_result_hold_no_files_content():
    def question():
        return ask("A file?", kind="file").result()

    result = run(question, answers=[b"secret"]).result(10)
    shown = {"name": "file", "type": "application/octet-stream", "size": 6}
    assert result.approvals[0].value == shown
    assert result.value == shown


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("/no/such/file", "No such file"),
        (3, "expected a path, bytes, kgnb.File"),
        (b"x" * (LARGEST_FILE + 1), "at most 700000 bytes"),
        (File("a.exe", b"x"), r"expected a file of \.csv"),
    ],
)
def test_file_that_cannot_be_taken_says_why(value, match):
    with pytest.raises(InvalidValue, match=match):
        answered(value, accept=[".csv"])


def test_file_is_judged_wherever_it_comes_from(eventually):
    handle = run(asks(accept=".csv"))
    (approval,) = opened(handle, eventually)
    content = base64.b64encode(b"x" * (LARGEST_FILE + 1)).decode()
    for value, told in (
        ({"name": "../a.csv", "content": "AA=="}, "form"),
        ({"name": "a.csv", "content": "?"}, "base64"),
        ({"name": "a.csv", "content": content}, "at most 700000 bytes"),
        ("a.csv", "an object"),
    ):
        channel, frames = send_from_afar(handle, approval, value)
        error = eventually(lambda f=frames: [x for x in f if x["type"] == "error"])[0]
        assert told in error["message"]
        channel.close()
    handle.cancel()


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"options": ["a"], "schema": Trip}, "options= are buttons and schema= is a"),
        ({"kind": "form"}, "wants schema="),
        ({"kind": "edit"}, "wants payload="),
        ({"kind": "choice"}, "wants options="),
        ({"kind": "file", "options": ["a"]}, "has no use for options="),
        ({"kind": "text", "accept": ".csv"}, "has no use for accept="),
        ({"kind": "confirm", "schema": Trip}, "has no use for schema="),
        ({"accept": "csv"}, "endings such as"),
        ({"schema": {"type": "str"}}, "type='str': JSON Schema knows array"),
        ({"schema": {"$ref": "https://x.org/s"}}, "nothing is fetched"),
        (
            {"schema": {"properties": {"a": {"items": 3}}}},
            r"schema\.properties\.a\.items",
        ),
        ({"schema": "Trip"}, "expected a JSON Schema as a dict, a pydantic model"),
        ({"schema": Trip("Oslo")}, "is an instance; give its type, Trip"),
        ({"kind": "edit", "payload": object()}, "what JSON can carry"),
        ({"options": [object()]}, "what JSON can carry"),
        ({"timeout": 0}, "seconds above 0"),
        ({"timeout": "5"}, "expected seconds"),
        ({"on_timeout": 1}, "without timeout="),
        ({"options": 3}, "expected a list"),
    ],
)
def test_question_that_makes_no_sense_says_so(wanted, match):
    with pytest.raises(InvalidValue, match=match) as caught:
        run(asks(**wanted)).result(10)
    assert str(caught.value).startswith("ask('Tell us'): ")


def test_forms_are_answered_by_scripts_in_ci_mode():
    kept = []
    handle = run(asks(kept, schema=Trip), mode="ci", answers={"Tell us": Trip("Oslo")})
    handle.result(0)
    assert kept[0].value == Trip("Oslo")
