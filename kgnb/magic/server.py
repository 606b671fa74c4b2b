"""The runs of the Jupyter server that started this kernel, over HTTP.

A kernel's link shows it its own runs alone. What others run is the user's to see, by
the token that Jupyter keeps in a file of his; so a server that is not his tells
nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from kgnb.clients.addresses import running
from kgnb.clients.calls import call
from kgnb.errors import Unavailable
from kgnb.magic.rows import Question, RunRow
from kgnb.protocol.view import ENDED
from kgnb.runtime import process
from kgnb.runtime.link import find_address

TIMEOUT = 5.0
"""Seconds that the server has for each call."""
MOST = 200
"""Of its newest runs those that are looked through."""


class Site:
    """A server's calls.

    Args:
        pages: Where its pages are, with a slash at the end.
        token: Of the user.
    """

    def __init__(self, pages: str, token: str) -> None:
        self._pages = pages
        self._token = token

    def runs(self) -> list[RunRow]:
        """Those that are not over, and those that can be resumed; oldest first.

        Raises:
            Unavailable: The server does not answer.
            KgnbError: It does not tell us.
        """
        told = self._call(f"api/runs?limit={MOST}")["runs"]
        return [
            RunRow(
                run_id=run["run_id"],
                workflow=run["workflow"],
                status=run["status"],
                url=f"{self._pages}runs/{run['run_id']}",
                resumable=run["resumable"],
            )
            for run in reversed(told)
            if run["status"] not in ENDED or run["resumable"]
        ]

    def questions(self) -> list[Question]:
        """What is open, the oldest first.

        Raises:
            Unavailable: The server does not answer.
            KgnbError: It does not tell us.
        """
        told = self._call("api/approvals")["approvals"]
        return [self._question(each) for each in told]

    def _question(self, told: dict[str, Any]) -> Question:
        def answer(value: Any, reason: str | None) -> None:
            body = {"value": value, "reason": reason, "args_hash": told["args_hash"]}
            self._call(f"api/approvals/{told['approval_id']}", body)

        return Question(
            approval_id=told["approval_id"],
            workflow=told["workflow"],
            message=told["message"],
            options=told["options"],
            answer=answer,
        )

    def _call(self, path: str, body: Any = None) -> Any:
        reply = call(self._pages, path, self._token, body=body, timeout=TIMEOUT)
        try:
            return msgspec.json.decode(reply)
        except msgspec.DecodeError as error:
            raise Unavailable(f"the server did not answer: {error}") from None


def site() -> Site | None:
    """The server that started this kernel; None where none did, or in CI.

    Raises:
        Unavailable: It is not this user's, or Jupyter's file on it is gone.
    """
    address = find_address()
    if address is None or process.choose_mode(None) != "live":
        return None
    wanted = urlsplit(address.page_url.removesuffix("kgnb/"))
    for server in running():
        found = urlsplit(server.url)
        if (found.port, found.path) == (wanted.port, wanted.path):
            return Site(address.page_url, server.token)
    raise Unavailable(
        "Jupyter left no token of the server for this user; its page kgnb/ has them"
    )
