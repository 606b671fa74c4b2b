"""The AsyncAPI document: valid, and neither more nor less than the messages."""

import json
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest

from kgnb.errors import CODES
from kgnb.protocol import asyncapi, codec, commands, events, link, replies

TESTS = Path(__file__).parent.parent
OFFICIAL = TESTS / "tools/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
DOCUMENT = asyncapi.document()
GOLDEN = sorted(TESTS.glob("wire/fold-*.json"))


def payload_errors(frame, name):
    """What the document says against a frame of that message."""
    schema = {
        "$ref": f"#/components/schemas/{name}",
        "components": DOCUMENT["components"],
    }
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(frame)]


def by_tag(union):
    """The names of a union's messages, by the type on the wire."""
    members = {each.__struct_config__.tag: each.__name__ for each in get_args(union)}
    return {tag: name for tag, name in members.items() if isinstance(tag, str)}


def test_document_obeys_the_schema_of_asyncapi():
    assert OFFICIAL.exists(), "missing: run npm ci in tests/tools, as scripts/test does"
    official = json.loads(OFFICIAL.read_text())
    jsonschema.Draft7Validator(official).validate(DOCUMENT)


def test_document_travels_as_json():
    assert msgspec.json.decode(msgspec.json.encode(DOCUMENT)) == DOCUMENT


def test_document_refers_to_nothing_that_is_not_there():
    def references(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in set(references(DOCUMENT)):
        target = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


@pytest.mark.parametrize("module", [events, replies, commands, link])
def test_every_message_struct_is_in_the_document(module):
    """Also one that somebody forgot to put into its union."""
    tagged = {
        cls.__name__
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, msgspec.Struct)
        and cls.__module__ == module.__name__
        and isinstance(cls.__struct_config__.tag, str)
        # The roots, which msgspec names after themselves, are no frames.
        and cls.__struct_config__.tag != cls.__name__
    }
    assert tagged <= set(DOCUMENT["components"]["messages"])


def test_document_has_no_message_that_no_struct_is():
    known = {*asyncapi.message_types(), *asyncapi.EXTRA}
    assert set(DOCUMENT["components"]["messages"]) == known
    sent = {
        reference["$ref"].rsplit("/", 1)[-1]
        for operation in DOCUMENT["operations"].values()
        for reference in operation["messages"]
    }
    assert sent == known


@pytest.mark.parametrize("name", asyncapi.message_types())
def test_message_has_the_fields_of_its_struct(name):
    struct = asyncapi.message_types()[name]
    schema = DOCUMENT["components"]["schemas"][name]
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag
    assert set(schema["properties"]) == fields | {"type"}
    required = {f.encode_name for f in msgspec.structs.fields(struct) if f.required}
    assert set(schema["required"]) == required | {"type"}
    if isinstance(tag, str):
        assert schema["properties"]["type"] == {"enum": [tag]}
        assert DOCUMENT["components"]["messages"][name]["name"] == tag


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_event_fits_its_schema(path):
    names = by_tag(events.KnownEvent)
    for event in json.loads(path.read_text())["events"]:
        name = names.get(event["type"], "Custom")
        assert payload_errors(event, name) == [], event


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_view_fits_the_schema_of_a_snapshot(path):
    view = json.loads(path.read_text())["view"]
    snapshot = replies.Snapshot(run_id="r1", view=view, reason="gap")
    assert payload_errors(json.loads(codec.encode(snapshot)), "Snapshot") == []


def test_golden_events_are_of_every_type():
    told = {
        event["type"]
        for path in GOLDEN
        for event in json.loads(path.read_text())["events"]
    }
    # A step is for one reader, and no part of a view.
    assert set(by_tag(events.KnownEvent)) - told <= {"step"}


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ({"type": "token", "run_id": "r", "node_id": "A", "data": 1}, "Token"),
        ({"type": "subscribe", "topics": "all"}, "Subscribe"),
        ({"type": "answer"}, "AnswerApproval"),
        ({"type": "message", "message": "Hi"}, "BareMessage"),
        ({"type": "system_alert", "seq": 1, "timestamp": "t"}, "ApplicationMessage"),
    ],
)
def test_frame_that_the_code_refuses_does_not_fit(frame, name):
    assert payload_errors(frame, name)


def test_documents_bare_frame_fits():
    frame = {"session_id": "s", "message": "Hi"}
    codec.decode_command(json.dumps(frame))
    assert payload_errors(frame, "BareMessage") == []


def test_error_codes_are_those_of_the_errors():
    told = DOCUMENT["components"]["schemas"]["ErrorReply"]["properties"]["code"]
    assert set(told["examples"]) == CODES
