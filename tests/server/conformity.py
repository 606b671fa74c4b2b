"""Whatever a test gets from an HTTP call has to be as the OpenAPI document says."""

import json
import re
from functools import cache

import jsonschema

from kgnb.server.calls import openapi
from kgnb.server.calls.table import ROUTES


@cache
def _document():
    return openapi.document(ROUTES)


@cache
def _validator(reference):
    components = _document()["components"]
    return jsonschema.Draft202012Validator(
        {"$ref": reference, "components": components}
    )


def check(method, path, answer):
    """Fail where a reply has a status, a kind or a body that the document lacks."""
    plain = path.partition("?")[0]
    for route in ROUTES:
        if route.method == method and re.fullmatch(route.path, plain):
            break
    else:
        return  # no endpoint: HEAD, OPTIONS, or a path that is nobody's
    operation = _document()["paths"][f"/{route.template}"][method.lower()]
    told = operation["responses"]
    response = told.get(str(answer.status))
    if response is None and route.form == "page" and answer.status == 303:
        return  # a host's own way in
    if response is None:
        assert answer.status >= 400, (
            f"{method} {plain}: {answer.status} is undocumented"
        )
        response = told["default"]
        if route.form != "api":
            return  # a person is shown the host's own page
    kinds = response.get("content", {})
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if not kinds or answer.status in (204, 304):
        return
    assert kind in kinds, f"{method} {plain}: {kind} is undocumented"
    schema = kinds[kind].get("schema")
    if schema is not None and answer.raw:
        errors = _validator(schema["$ref"]).iter_errors(json.loads(answer.raw))
        assert [error.message for error in errors] == [], f"{method} {plain}"
