"""The AsyncAPI 3 document of the sockets, made of the message structs.

Pure data: nothing here is written twice. A struct that joins one of the unions
(:data:`~kgnb.protocol.commands.AnyCommand` and its like) is in the document.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from kgnb.protocol import commands, events, link, replies, view
from kgnb.protocol.schemas import REFERENCE, Schema, components
from kgnb.version import __version__

if TYPE_CHECKING:
    import msgspec

_MESSAGES = "#/components/messages/"

EXTRA: dict[str, Schema] = {
    "BareMessage": {
        "title": "BareMessage",
        "description": "A `message` without a type, as in `{session_id, message}`.",
        "type": "object",
        "properties": {
            "session_id": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "message": {},
        },
        "required": ["message"],
        "not": {"required": ["type"]},
    },
    "ApplicationMessage": {
        "title": "ApplicationMessage",
        "description": "What a manager sent, flat: it has neither `run_id` nor `seq`.",
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "timestamp": {"type": "string"},
            "group": {"type": "string", "description": "The group it was sent to."},
            "topic": {"type": "string", "description": "The topic it was sent to."},
            "position": {
                "type": "integer",
                "description": "Of a named client: where to go on from.",
            },
            "data": {"description": "In document mode: the message again."},
        },
        "required": ["type", "timestamp"],
        "not": {"anyOf": [{"required": ["run_id"]}, {"required": ["seq"]}]},
    },
}
"""Frames that no struct describes: they have no type, or any."""


class Channel(NamedTuple):
    """A socket: where it is, and which frames go which way."""

    address: str
    summary: str
    receives: tuple[str, ...]
    sends: tuple[str, ...]
    query: tuple[str, ...] = ()


def _names(union: Any, *more: str) -> tuple[str, ...]:
    return (*(member.__name__ for member in get_args(union)), *more)


_IN = _names(commands.AnyCommand, "BareMessage")
_OUT = _names(events.AnyEvent | replies.AnyReply, "ApplicationMessage")
_QUERY = ("client_id", "position", "via", "token")

CHANNELS: dict[str, Channel] = {
    "general": Channel(
        "kgnb/ws", "Start, follow, steer and answer runs.", _IN, _OUT, _QUERY
    ),
    "documents": Channel("kgnb/ws/workflow", "The same.", _IN, _OUT, _QUERY),
    "workflow": Channel(
        "kgnb/ws/{workflow}", "Bound to a published workflow.", _IN, _OUT, _QUERY
    ),
    "workflowWithKey": Channel(
        "kgnb/ws/{workflow}/{key}",
        "The same; the key becomes `params.key` of what is started.",
        _IN,
        _OUT,
        _QUERY,
    ),
    "link": Channel(
        "kgnb/link",
        "A kernel dials in, with a secret of its own.",
        _names(link.KernelFrame),
        _names(link.ServerFrame),
    ),
}

_PARAMETERS = {
    "workflow": "A published name, or `name@` and the beginning of a kernel's id.",
    "key": "What the workflow is about; the workflow says what it means.",
}
_QUERIES: dict[str, Schema] = {
    "client_id": {
        "type": "string",
        "pattern": "^[\\x21-\\x7e]{1,128}$",
        "description": "Names the client, so that its groups wait for its return.",
    },
    "position": {
        "type": "string",
        "pattern": "^[0-9]{1,18}$",
        "description": "Of the last message of an application that it has.",
    },
    "via": {
        "enum": ["panel", "page", "python", "script"],
        "description": "What kind of client it says it is.",
    },
    "token": {
        "type": "string",
        "description": "A credential, where no header can be set.",
    },
}


def message_types() -> dict[str, type[msgspec.Struct]]:
    """Every struct that is a frame, by its name in the documents."""
    unions = (
        events.AnyEvent,
        replies.AnyReply,
        commands.AnyCommand,
        link.KernelFrame,
        link.ServerFrame,
    )
    return {each.__name__: each for union in unions for each in get_args(union)}


def document(*, origin: str = "http://localhost:8888", base_url: str = "/") -> Schema:
    """The whole document.

    Args:
        origin: Of the server, with ``http`` or ``https``.
        base_url: Ends with a slash.
    """
    frames = message_types()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "kgnb",
            "version": __version__,
            "description": "Runs of graphs: followed, steered and answered by"
            " WebSocket, in JSON text frames (`kgnb.v1`). A client that does not"
            " offer that subprotocol is spoken to in document mode.",
            "license": {"name": "BSD-3-Clause"},
        },
        "defaultContentType": "application/json",
        "servers": {"jupyter": _server(origin, base_url)},
        "channels": {name: _channel(each) for name, each in CHANNELS.items()},
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(name) for name in [*frames, *EXTRA]},
            "schemas": components([*frames.values(), view.RunView]) | EXTRA,
            "securitySchemes": {
                "token": {
                    "type": "httpApiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token …` or `Bearer …`; on `kgnb/link`"
                    " `kgnb-link …`, the kernel's own secret.",
                },
                "query": {"type": "httpApiKey", "in": "query", "name": "token"},
            },
        },
    }


def _server(origin: str, base_url: str) -> Schema:
    scheme, _, host = origin.partition("://")
    return {
        "host": host,
        "pathname": base_url,
        "protocol": "wss" if scheme == "https" else "ws",
        "security": [
            {"$ref": "#/components/securitySchemes/token"},
            {"$ref": "#/components/securitySchemes/query"},
        ],
    }


def _channel(channel: Channel) -> Schema:
    found: Schema = {
        "address": channel.address,
        "summary": channel.summary,
        "messages": {
            name: {"$ref": _MESSAGES + name}
            for name in dict.fromkeys(channel.receives + channel.sends)
        },
    }
    parameters = {
        name: {"description": text}
        for name, text in _PARAMETERS.items()
        if f"{{{name}}}" in channel.address
    }
    if parameters:
        found["parameters"] = parameters
    if channel.query:
        properties = {name: _QUERIES[name] for name in channel.query}
        query = {"type": "object", "properties": properties}
        found["bindings"] = {"ws": {"method": "GET", "query": query}}
    return found


def _operations() -> Any:
    """Both directions of each channel, as this server sees them."""
    for name, channel in CHANNELS.items():
        for action, frames in (("receive", channel.receives), ("send", channel.sends)):
            yield (
                f"{name}.{action}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{name}"},
                    "messages": [
                        {"$ref": f"#/channels/{name}/messages/{frame}"}
                        for frame in frames
                    ],
                },
            )


def _message(name: str) -> Schema:
    kind = message_types().get(name)
    tag = kind.__struct_config__.tag if kind is not None else None
    text = kind.__doc__ if kind is not None else EXTRA[name]["description"]
    return {
        "name": tag if isinstance(tag, str) else name,
        "title": name,
        "summary": inspect.cleandoc(text or name).partition("\n")[0],
        "payload": {"$ref": REFERENCE + name},
    }
