"""JSON Schemas of the message structs, for the documents made of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from kgnb.errors import CODES
from kgnb.protocol.topics import TOPICS

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"


def components(structs: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of some structs and of all that is in them, by their names.

    What a type cannot say is added: the known codes and topics, and that a
    snapshot's view is one.
    """
    _, found = msgspec.json.schema_components(
        structs, ref_template=REFERENCE + "{name}"
    )
    for schema in found.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    for name, field, told in (
        ("ErrorReply", "code", {"examples": sorted(CODES)}),
        ("Refusal", "code", {"examples": sorted(CODES)}),
        ("Subscribe", "topics", {"examples": [sorted(TOPICS)]}),
        ("Snapshot", "view", {"$ref": REFERENCE + "RunView"}),
    ):
        if name in found:
            found[name]["properties"][field] |= told
    if "Snapshot" in found:
        del found["Snapshot"]["properties"]["view"]["type"]
    return found
