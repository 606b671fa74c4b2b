"""The OpenAPI document: valid, and neither more nor less than the table of routes."""

import re

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from kgnb.server.calls import openapi, shapes
from kgnb.server.calls.table import ROUTES

DOCUMENT = openapi.document(ROUTES)
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    (method.upper(), path.removeprefix("/")): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def example_of(template):
    """A path as the template means it."""
    fitting = {"{order}": "pause", "{page}": "", "{name}": "kgnb.js"}
    for name, value in fitting.items():
        template = template.replace(name, value)
    return re.sub(r"{\w+}", "0" * 32, template)


def test_document_obeys_the_schema_of_openapi():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_document_travels_as_json():
    assert msgspec.json.decode(msgspec.json.encode(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.template}")
def test_route_is_in_the_document(route):
    operation = OPERATIONS[route.method, route.template]
    assert operation["summary"] == route.summary
    assert re.fullmatch(route.path, example_of(route.template))
    assert bool(operation["security"]) is (route.needs is not None)


def test_document_has_no_path_that_no_route_is():
    known = {(route.method, route.template) for route in ROUTES}
    aliases = {
        (route.method, openapi.ALIASES[route.template])
        for route in ROUTES
        if route.template in openapi.ALIASES
    }
    assert set(OPERATIONS) == known | aliases


@pytest.mark.parametrize("name", openapi.ALIASES.values())
def test_alias_is_the_same_route(name):
    (template,) = [key for key, value in openapi.ALIASES.items() if value == name]
    (path,) = {route.path for route in ROUTES if route.template == template}
    assert re.fullmatch(path, name)
    assert re.fullmatch(path, template)


def test_contents_describe_no_call_that_no_route_has():
    known = {
        f"{route.call.__module__.rpartition('.')[2]}.{route.call.__name__}"
        for route in ROUTES
    }
    assert set(openapi.CONTENTS) == known


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def structs():
    for content in openapi.CONTENTS.values():
        yield from (each for each in (content.reply, content.body) if each is not None)
    yield shapes.Refusal


@pytest.mark.parametrize("struct", dict.fromkeys(structs()), ids=lambda s: s.__name__)
def test_body_has_the_fields_of_its_struct(struct):
    schema = SCHEMAS[struct.__name__]
    fields = {each.encode_name for each in msgspec.structs.fields(struct)}
    assert set(schema["properties"]) == fields
    is_closed = schema.get("additionalProperties") is False
    assert is_closed is (struct is not shapes.Refusal)
