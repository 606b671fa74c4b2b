"""The documents for machines, as a server gives them."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from kgnb.protocol import asyncapi
from kgnb.server import closecodes


async def test_openapi_names_this_server(site, call):
    document = (await call("kgnb/openapi.json")).json
    OpenAPIV31SpecValidator(document).validate()
    (server,) = document["servers"]
    assert server["url"] == site.url("", "http").rstrip("/")


async def test_asyncapi_names_this_server_and_its_close_codes(site, call):
    document = (await call("kgnb/asyncapi.json")).json
    server = document["servers"]["jupyter"]
    address = f"{server['protocol']}://{server['host']}{server['pathname']}"
    assert address == site.url("", "ws")
    assert set(document["x-close-codes"]) == {str(code) for code in closecodes.BY_CODE}
    assert set(document["channels"]) == set(asyncapi.CHANNELS)


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_document_is_for_whoever_may_view(call, name):
    assert (await call(f"kgnb/{name}.json", token=None)).status == 401
