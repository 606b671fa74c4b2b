"""The protocol for machines: ``kgnb/asyncapi.json`` and ``kgnb/openapi.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.protocol import asyncapi as sockets
from kgnb.server import closecodes
from kgnb.server.calls import openapi as http
from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from kgnb.server.calls.call import Call


async def asyncapi(call: Call) -> Reply:
    """The sockets, their messages and close codes, as AsyncAPI 3."""
    document = sockets.document(origin=call.origin, base_url=call.base_url)
    document["x-close-codes"] = {
        str(close.code): close.reason for close in closecodes.BY_CODE.values()
    }
    return Reply.json(document)


async def openapi(call: Call) -> Reply:
    """The HTTP calls, as OpenAPI 3.1."""
    from kgnb.server.calls.table import ROUTES  # noqa: PLC0415  # which names this call

    document = http.document(ROUTES, origin=call.origin, base_url=call.base_url)
    return Reply.json(document)
