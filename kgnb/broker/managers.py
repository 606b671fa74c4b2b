"""Orders of kernels' connection managers: each takes effect once, then is answered.

A kernel numbers them and sends again what has no answer after a break. The number of
the last one is stored in the transaction of its message, so a repetition is known
also after the server was killed in between.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kgnb.broker import rows
from kgnb.broker.letters import Letter
from kgnb.broker.mail import Reached
from kgnb.broker.members import GROUP, TOPIC
from kgnb.errors import KgnbError, Unavailable
from kgnb.protocol import link
from kgnb.protocol.mail import check_message, check_name, check_size, check_topic
from kgnb.storage.base import Committed, Put, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kgnb.broker.audience import Audience
    from kgnb.broker.connections import Link
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.mail import Mail
    from kgnb.broker.members import Client
    from kgnb.broker.runs import LinkOf
    from kgnb.storage.base import Outcome, Row

_REMEMBERED = 1_000
"""Answers that are kept for repetitions, per kernel."""


class _Book:
    """The orders of one process."""

    def __init__(self, process_id: str, last_n: int = 0) -> None:
        self.process_id = process_id
        self.last_n = last_n
        self.under_way: set[int] = set()
        self.answers: OrderedDict[int, link.Handled] = OrderedDict()


class _Address(NamedTuple):
    """Where a message goes, and what it says of that."""

    stream: str
    """Empty: to everybody."""
    where: dict[str, str]
    client: Client | None = None


class Managers:
    """Carries out what kernels' managers order."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        audience: Audience,
        mail: Mail,
        link_of: LinkOf,
    ) -> None:
        self._effects = effects
        self._limits = limits
        self._audience = audience
        self._mail = mail
        self._link_of = link_of
        self._books: dict[str, _Book] = {}
        """By kernel."""

    def load(self, found: Iterable[Row], known: Collection[str]) -> None:
        """Take in how far the orders of the ``known`` kernels were carried out."""
        for stored in found:
            row = rows.decode(stored.value, rows.ManagerRow)
            self._books[row.kernel_id] = _Book(row.process_id, row.n)
            if row.kernel_id not in known:
                self.forget(row.kernel_id)

    def forget(self, kernel_id: str) -> None:
        """The kernel is gone."""
        if self._books.pop(kernel_id, None) is not None:
            put = Put(rows.MANAGER + kernel_id, None)
            self._effects.commit(Transaction(puts=(put,)), lambda _outcome, _at: None)

    def receive(self, source: Link, frame: link.Post | link.Enrol, now: float) -> None:
        """Take an order of a kernel that has said hello."""
        book = self._books.get(source.kernel_id)
        if book is None or book.process_id != source.process_id:
            book = self._books[source.kernel_id] = _Book(source.process_id)
        if frame.n <= book.last_n:
            self._repeat(book, frame.n)
            return
        book.last_n = frame.n
        book.under_way.add(frame.n)
        try:
            if isinstance(frame, link.Post):
                self._post(source, book, frame, now)
            else:
                self._enrol(source, book, frame)
        except KgnbError as error:
            self._refuse(book, frame.n, error)

    def _repeat(self, book: _Book, n: int) -> None:
        if n in book.under_way:
            return  # its answer goes to whichever link the process has by then
        # Of one that was carried out before a restart nobody counted the recipients.
        answer = book.answers.get(n, link.Handled(n=n))
        target = self._link_of(book.process_id)
        if target is not None:
            target.reply(answer)

    def _answer(self, book: _Book, answer: link.Handled) -> None:
        book.under_way.discard(answer.n)
        book.answers[answer.n] = answer
        while len(book.answers) > _REMEMBERED:
            book.answers.popitem(last=False)
        target = self._link_of(book.process_id)
        if target is not None:
            target.reply(answer)

    def _refuse(self, book: _Book, n: int, error: KgnbError) -> None:
        self._answer(book, link.Handled(n=n, code=error.code, message=str(error)))

    # Messages

    def _post(self, source: Link, book: _Book, frame: link.Post, now: float) -> None:
        message = self._read(frame)
        to = self._address(source, frame)
        if to is None:
            self._answer(book, link.Handled(n=frame.n))
            return
        is_kept = self._mail.is_kept(to.stream)
        position = self._mail.next_position(now) if is_kept else 0
        letter = Letter.write(message, to.where, position, now)

        def deliver(seq: int | None) -> Reached:
            if frame.to == "all":
                return self._mail.broadcast(letter, frame.exclude, source.kernel_id)
            if to.client is not None and not to.client.is_named:
                return Reached(int(self._mail.send(to.client, letter)))
            return self._mail.deliver(to.stream, letter, seq)

        row = rows.ManagerRow(
            kernel_id=source.kernel_id, process_id=source.process_id, n=frame.n
        )
        put = Put(rows.MANAGER + source.kernel_id, rows.encode(row))
        transaction = self._mail.storing(to.stream, letter, put)
        self._commit(book, frame.n, transaction, deliver)

    def _read(self, frame: link.Post) -> dict[str, Any]:
        raw = bytes(frame.message)
        check_size(len(raw), self._limits.frame.max_size)
        message: dict[str, Any] = msgspec.json.decode(raw)
        check_message(message)
        return message

    def _address(self, source: Link, frame: link.Post) -> _Address | None:
        """Where a message goes; None: to a client that is not known."""
        match frame.to:
            case "all":
                return _Address("", {})
            case "group":
                name = self._checked(frame.name)
                return _Address(GROUP + name, {"group": name})
            case "topic":
                check_topic(frame.name)
                name = self._checked(frame.name)
                return _Address(TOPIC + name, {"topic": name})
            case "client":
                found = self._audience.find(frame.name, frame.user, source.kernel_id)
                return None if found is None else _Address(found.own_stream, {}, found)

    def _checked(self, name: str) -> str:
        check_name(name, self._limits.max_name)
        return name

    def _commit(
        self,
        book: _Book,
        n: int,
        transaction: Transaction,
        deliver: Callable[[int | None], Reached],
    ) -> None:
        """Store, then deliver: also what is not kept waits its turn behind the rest."""

        def done(outcome: Outcome | None, _at: float) -> None:
            if isinstance(outcome, Committed):
                appended = outcome.appended
            elif transaction.appends:
                self._refuse(book, n, Unavailable("the log cannot be written now"))
                return
            else:  # who is there gets what nobody was to find again
                appended = ()
            reached = deliver(appended[0].last_seq if appended else None)
            answer = link.Handled(n=n, count=reached.now, queued=reached.later)
            self._answer(book, answer)

        self._effects.commit(transaction, done)

    # Groups and topics

    def _enrol(self, source: Link, book: _Book, frame: link.Enrol) -> None:
        if frame.kind == "topic":
            check_topic(frame.name)
        kind = GROUP if frame.kind == "group" else TOPIC
        name = kind + self._checked(frame.name)
        client = self._audience.find(frame.client_id, frame.user, source.kernel_id)
        if client is None:
            self._answer(book, link.Handled(n=frame.n))
            return

        def done(is_stored: bool) -> None:  # a callback's only argument
            if is_stored:
                self._answer(book, link.Handled(n=frame.n, count=1))
            else:
                error = Unavailable("the log cannot be written now")
                self._refuse(book, frame.n, error)

        self._audience.enrol(client, [name], done, is_member=frame.is_member)
