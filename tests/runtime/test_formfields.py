"""The documents' form fields, as a JSON Schema."""

import pytest

from kgnb.errors import InvalidValue
from kgnb.runtime.formfields import schema_of_fields


def test_fields_become_required_properties_with_their_labels():
    fields = [
        {"name": "email", "type": "email", "label": "E-mail"},
        {"name": "copies", "type": "integer", "default": 1, "required": False},
        {"name": "size", "type": "select", "options": ["A4", "A5"], "value": "A4"},
        {"name": "note"},
    ]
    assert schema_of_fields(fields) == {
        "type": "object",
        "properties": {
            "email": {"title": "E-mail", "type": "string", "format": "email"},
            "copies": {"title": "copies", "type": "integer", "default": 1},
            "size": {"title": "size", "default": "A4", "enum": ["A4", "A5"]},
            "note": {"title": "note", "type": "string"},
        },
        "required": ["email", "size", "note"],
    }


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([], "expected 'fields' as a list"),
        ("name", "expected 'fields' as a list"),
        ([{"label": "x"}], "expected a field such as"),
        ([{"name": "a"}, {"name": "a"}], "two fields are named 'a'"),
        ([{"name": "a", "type": "colour"}], "field 'a': type='colour': expected"),
        ([{"name": "a", "type": "select"}], "field 'a': a select has 'options'"),
    ],
)
def test_fields_that_make_no_form_are_refused(fields, why):
    with pytest.raises(InvalidValue, match=why):
        schema_of_fields(fields)
