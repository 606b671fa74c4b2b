"""One call of a server's HTTP API, for what needs no connection that stays."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any

import msgspec

from kgnb.errors import KgnbError, Unavailable, from_code


def call(
    pages: str,
    path: str,
    token: str,
    *,
    body: Any = None,
    timeout: float,
    is_local: bool = True,
) -> bytes:
    """What the server replies.

    Args:
        pages: Where its pages are, with a slash at the end.
        path: Below that, such as ``api/runs``.
        token: Of the user; empty for none.
        body: JSON's types to post; None gets.
        timeout: Seconds for each step of it.
        is_local: Whether it is on this machine, to which no proxy leads.

    Raises:
        Unavailable: The server does not answer.
        KgnbError: What it said against it, as the error of that code.
    """
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"token {token}"
    data = None if body is None else msgspec.json.encode(body)
    request = urllib.request.Request(pages + path, data=data, headers=headers)  # noqa: S310  # the user's server
    try:
        with opener(is_local=is_local).open(request, timeout=timeout) as reply:
            return bytes(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, error.read()) from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"the server did not answer: {error}") from None


def opener(*, is_local: bool) -> urllib.request.OpenerDirector:
    """It follows no redirection: the token is for the server that was named.

    Args:
        is_local: Whether that is on this machine, to which no proxy leads.
    """
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_local else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        made.add_handler(handler)
    return made


def _refusal(status: int, body: bytes) -> KgnbError:
    """What the server said against it, in kgnb's words where they are."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
        return from_code(str(told["code"]), str(told["message"]))
    except (msgspec.DecodeError, KeyError):
        return Unavailable(f"the server refused it with {status}")
