"""A durable run's checkpoints, read back from the log."""

from __future__ import annotations

import concurrent.futures
import itertools
from typing import TYPE_CHECKING

import msgspec

from kgnb.errors import Unavailable, from_code
from kgnb.protocol import link
from kgnb.runtime.reader import settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.protocol.ids import RunId


class Recollection(msgspec.Struct, frozen=True):
    """What the log has of a run."""

    run: link.Recalled
    """How it stands; its first page. Without a ``run_id`` no lost run has the key."""
    records: list[tuple[int, bytes]]
    """All its checkpoints, each with its seq, in order."""


class Recalling:
    """What a kernel asked its broker about durable runs. Of the link's thread.

    Args:
        send: Sends a frame to the broker.
    """

    def __init__(self, send: Callable[[link.KernelFrame], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Question] = {}

    def ask(
        self, *, run_id: RunId | None = None, key: str | None = None
    ) -> concurrent.futures.Future[Recollection]:
        """Ask for the run of an id, or for the newest lost one of a key.

        Returns:
            All its checkpoints; or ``NoSuchRun``, or ``Unavailable`` where the link was
            cut meanwhile.
        """
        n = next(self._numbers)
        question = self._waiting[n] = _Question()
        self._send(link.Recall(n=n, run_id=run_id, key=key))
        return question.answer

    def answered(self, page: link.Recalled) -> None:
        """A page has come."""
        question = self._waiting.get(page.n)
        if question is None:
            return
        if page.code is not None:
            del self._waiting[page.n]
            settle(question.answer, error=from_code(page.code, page.message))
            return
        question.add(page)
        if page.more and page.records:
            after = page.records[-1].seq
            self._send(link.Recall(n=page.n, run_id=page.run_id, after=after))
            return
        del self._waiting[page.n]
        question.settle()

    def disconnected(self) -> None:
        """The link was cut: what was asked is to be asked again."""
        waiting, self._waiting = self._waiting, {}
        for question in waiting.values():
            error = Unavailable("the kernel's link was cut; try again")
            settle(question.answer, error=error)


class _Question:
    """A run that is asked for, and the pages so far."""

    def __init__(self) -> None:
        self.answer: concurrent.futures.Future[Recollection] = (
            concurrent.futures.Future()
        )
        self._first: link.Recalled | None = None
        self._records: list[tuple[int, bytes]] = []

    def add(self, page: link.Recalled) -> None:
        self._first = self._first or page
        self._records += [(each.seq, bytes(each.record)) for each in page.records]

    def settle(self) -> None:
        if self._first is not None:
            settle(self.answer, value=Recollection(self._first, self._records))
