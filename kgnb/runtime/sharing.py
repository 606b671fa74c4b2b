"""``run.share()``: a link that lets others in to one run until it is over."""

from __future__ import annotations

import concurrent.futures
import itertools
import math
from html import escape
from typing import TYPE_CHECKING

from kgnb.drawing.qr import qr_svg
from kgnb.errors import InvalidValue, KgnbError, Unavailable, from_code
from kgnb.protocol import link
from kgnb.runtime.waiting import wait_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.execution import Execution

REPLY_WAIT = 10.0
"""Seconds that the server has to answer."""


class Sharing:
    """What a kernel asked its broker about share links. Of the link's thread."""

    def __init__(self, send: Callable[[link.KernelFrame], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, concurrent.futures.Future[link.Shared]] = {}

    def ask(
        self, frame: Callable[[int], link.Share | link.Unshare]
    ) -> concurrent.futures.Future[link.Shared]:
        """Send an order, made with its number; the future gets the answer."""
        n = next(self._numbers)
        answer: concurrent.futures.Future[link.Shared] = concurrent.futures.Future()
        self._waiting[n] = answer
        self._send(frame(n))
        return answer

    def answered(self, frame: link.Shared) -> None:
        """What became of an order."""
        answer = self._waiting.pop(frame.n, None)
        if answer is None or answer.done():
            return
        if frame.code is not None:
            answer.set_exception(from_code(frame.code, frame.message))
        else:
            answer.set_result(frame)

    def disconnected(self) -> None:
        """The link was cut; whether an order was carried out is not known."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(
                    Unavailable("the kernel's link was cut; try again")
                )


class ShareLink:
    """A link to a run. Made by ``run.share()``; any thread may use it.

    Whoever has the address may do what its role says, so its text form does not show
    it. Shown as a cell's output it is a QR code and stands in the saved notebook.
    """

    def __init__(
        self, execution: Execution, role: str, page: str, shared: link.Shared
    ) -> None:
        self._execution = execution
        self._page = page
        self.role = role
        self.link_id = shared.link_id
        self.token = shared.token
        self.expires_at = shared.expires_at
        """RFC 3339, UTC."""

    @property
    def url(self) -> str:
        """For a browser; the token stands behind the #, where no server logs it."""
        return f"{self._page}runs/{self._execution.id}#token={self.token}"

    @property
    def ws_url(self) -> str:
        """For a WebSocket client that can say nothing but an address."""
        return f"{self._page.replace('http', 'ws', 1)}ws/{self.token}"

    def revoke(self) -> None:
        """End it now, with all who came by it. Safe to call twice before it expires.

        Raises:
            Unavailable: The server cannot be reached, or cannot write its log.
            NoSuchLink: It has expired.
        """
        _ask(self._execution, lambda n: link.Unshare(n=n, link_id=self.link_id))

    def _repr_html_(self) -> str:
        address = escape(self.url)
        return (
            f"<div>{qr_svg(self.url)}<br>"
            f'<a href="{address}" target="_blank" rel="noopener noreferrer">'
            f"{escape(self._execution.options.workflow)}</a>: {escape(self.role)}, "
            f"until {escape(self.expires_at)}</div>"
        )

    def __repr__(self) -> str:
        name = self._execution.options.workflow
        return f"<kgnb.ShareLink {name!r} {self.role}>"


def share(execution: Execution, role: str, ttl: float | None, label: str) -> ShareLink:
    """See ``Run.share``."""
    _check(role, ttl, label)
    shared = _ask(
        execution,
        lambda n: link.Share(n=n, run_id=execution.id, role=role, ttl=ttl, label=label),
    )
    page = execution.port.page_url
    if shared.public_url is not None:
        page = f"{shared.public_url}kgnb/"
    if page is None:  # the one broker that has no pages shares nothing
        raise Unavailable("share: the server does not know its own address yet")
    return ShareLink(execution, role, page, shared)


def _check(role: str, ttl: float | None, label: str) -> None:
    """Refuse what no frame can hold: the server would cut the kernel's link."""
    if not isinstance(role, str):
        raise InvalidValue(f"share(role={role!r:.80}): expected a text")
    is_number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if ttl is not None and not (is_number and math.isfinite(ttl)):
        raise InvalidValue(f"share(ttl={ttl!r:.80}): expected seconds, or None")
    if not isinstance(label, str):
        raise InvalidValue(f"share(label={label!r:.80}): expected a text")


def _ask(
    execution: Execution, frame: Callable[[int], link.Share | link.Unshare]
) -> link.Shared:
    """Ask the broker and block until it answers."""
    conversation = execution.port.conversation

    def ask() -> concurrent.futures.Future[link.Shared]:
        if not conversation.is_up:
            raise Unavailable("share: the server cannot be reached now; try again")
        return conversation.sharing.ask(frame)

    try:
        return wait_blocking(execution.home.on_link(ask), REPLY_WAIT)
    except TimeoutError as error:
        if isinstance(error, KgnbError):
            raise
        raise Unavailable("share: the server did not answer in time") from None
