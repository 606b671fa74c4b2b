"""Contract checks: what every implementation of an interface must do.

Each is an async function that raises AssertionError. They are public so that
somebody who writes a backend can run them; pytest rewrites no assertion here,
hence the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.storage.base import (
    Append,
    Appended,
    Committed,
    Conflict,
    Fenced,
    Producer,
    Put,
    Record,
    RowIs,
    Transaction,
    Trim,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.storage.base import Log, Outcome
    from kgnb.storage.sessions import Sessions


def _same(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


async def _one(log: Log, transaction: Transaction) -> Outcome:
    (outcome,) = await log.commit([transaction])
    return outcome


async def check_log(factory: Callable[[], Log]) -> None:
    """Hold a log to the contract of :class:`kgnb.storage.base.Log`.

    Args:
        factory: Makes a new, empty log, not yet open.
    """
    for check in (
        check_log_streams,
        check_log_rows,
        check_log_transactions,
        check_log_fence,
        check_log_trim,
        check_log_drop,
        check_log_checkpoints,
    ):
        log = factory()
        await log.open()
        try:
            await check(log)
        finally:
            await log.aclose()
            await log.aclose()


async def check_log_streams(log: Log) -> None:
    """Records are numbered from 1 without a hole, per stream."""
    _same("log_id is a text", bool(log.log_id), expected=True)
    _same("last_seq of nothing", await log.last_seq("run/a"), 0)
    _same("read of nothing", await log.read("run/a", 0, 10), [])
    outcomes = await log.commit(
        [
            Transaction(appends=(Append("run/a", (b"1", b"2")),)),
            Transaction(appends=(Append("run/b", (b"x",)),)),
            Transaction(appends=(Append("run/a", (b"3",)),)),
        ]
    )
    _same(
        "places",
        outcomes,
        [
            Committed((Appended("run/a", 1, 2),)),
            Committed((Appended("run/b", 1, 1),)),
            Committed((Appended("run/a", 3, 3),)),
        ],
    )
    _same(
        "read after 1, two of them",
        await log.read("run/a", 1, 2),
        [Record(2, b"2"), Record(3, b"3")],
    )
    _same("a limited read", await log.read("run/a", 0, 1), [Record(1, b"1")])
    _same("read at the end", await log.read("run/a", 3, 10), [])
    _same(
        "streams by prefix",
        [(s.stream, s.seq) for s in await log.streams("run/")],
        [("run/a", 3), ("run/b", 1)],
    )
    _same("streams of another prefix", await log.streams("runs"), [])


async def check_log_rows(log: Log) -> None:
    """Rows are found by key and prefix; no revision comes twice."""
    _same("get of nothing", await log.get("k/1"), None)
    outcome = await _one(log, Transaction(puts=(Put("k/1", b"a"), Put("k/2", b"b"))))
    if not isinstance(outcome, Committed):
        raise AssertionError(f"put: expected Committed, got {outcome!r}")  # noqa: TRY004  # a failed check
    row = await log.get("k/1")
    _same("value", row and row.value, b"a")
    _same("revision", row and row.revision, outcome.revisions[0])
    _same("scan", [r.key for r in await log.scan("k/")], ["k/1", "k/2"])
    _same("scan of a longer prefix", [r.key for r in await log.scan("k/2")], ["k/2"])
    seen = set(outcome.revisions)
    for value in (b"c", None, b"d"):
        again = await _one(log, Transaction(puts=(Put("k/1", value),)))
        if not isinstance(again, Committed) or seen & set(again.revisions):
            raise AssertionError(f"revision: expected a new one, got {again!r}")
        seen |= set(again.revisions)
    row = await log.get("k/1")
    _same("written again after a delete", row and row.value, b"d")


async def check_log_transactions(log: Log) -> None:
    """A check that fails leaves nothing, and others of the batch alone."""
    first = await _one(
        log, Transaction(checks=(RowIs("a", 0),), puts=(Put("a", b"1"),))
    )
    if not isinstance(first, Committed):
        raise AssertionError(f"absent row: expected Committed, got {first!r}")  # noqa: TRY004  # a failed check
    revision = first.revisions[0]
    decide = Transaction(
        checks=(RowIs("a", revision),),
        puts=(Put("a", b"2"),),
        appends=(Append("run/a", (b"decided",)),),
        durable=True,
    )
    outcomes = await log.commit([decide, decide, decide])
    _same("winners", sum(isinstance(o, Committed) for o in outcomes), 1)
    loser = outcomes[2]
    if not isinstance(loser, Conflict):
        raise AssertionError(f"loser: expected Conflict, got {loser!r}")  # noqa: TRY004  # a failed check
    _same("what the loser sees", loser.row and loser.row.value, b"2")
    _same("records", await log.read("run/a", 0, 10), [Record(1, b"decided")])
    _same(
        "a check of a missing row",
        await _one(log, Transaction(checks=(RowIs("none", 7),))),
        Conflict("none", None),
    )


async def check_log_fence(log: Log) -> None:
    """A producer is taken once, in order, and only in the newest epoch."""

    def frames(epoch: int, after: int, *payloads: bytes) -> Transaction:
        producer = Producer(epoch, after, after + len(payloads))
        return Transaction(
            appends=(Append("run/a", payloads, producer),), puts=(Put("p", b""),)
        )

    outcomes = await log.commit([frames(1, 0, b"1", b"2"), frames(1, 0, b"1", b"2")])
    _same("first", isinstance(outcomes[0], Committed), expected=True)
    repeated = outcomes[1]
    if not isinstance(repeated, Fenced):
        raise AssertionError(f"repeat: expected Fenced, got {repeated!r}")  # noqa: TRY004  # a failed check
    _same("stored position", (repeated.state.epoch, repeated.state.n), (1, 2))
    for transaction, taken in (
        (frames(1, 3, b"4"), False),  # a frame is missing
        (frames(2, 1, b"x"), False),  # a new epoch begins at its first frame
        (frames(2, 0, b"3"), True),
        (frames(1, 2, b"late"), False),
        (frames(2, 1, b"4"), True),
    ):
        outcome = await _one(log, transaction)
        _same(f"taken {transaction.appends}", isinstance(outcome, Committed), taken)
    _same(
        "records",
        [r.payload for r in await log.read("run/a", 0, 10)],
        [b"1", b"2", b"3", b"4"],
    )
    (state,) = await log.streams("run/")
    _same("state", (state.seq, state.epoch, state.n), (4, 2, 2))
    empty = Transaction(appends=(Append("run/a", (), Producer(2, 2, 5)),))
    _same(
        "frames without a record",
        await _one(log, empty),
        Committed((Appended("run/a", 5, 4),)),
    )
    _same("n afterwards", (await log.streams("run/"))[0].n, 5)
    unfenced = Transaction(appends=(Append("run/a", (b"5",)),))
    _same(
        "no producer", isinstance(await _one(log, unfenced), Committed), expected=True
    )
    _same("n is kept", (await log.streams("run/"))[0].n, 5)


async def check_log_trim(log: Log) -> None:
    """Old records go; the others keep their seq, and so does the stream its end."""
    await _one(log, Transaction(appends=(Append("mail/a", (b"1", b"2", b"3")),)))
    both = Transaction(appends=(Append("mail/a", (b"4",)),), trims=(Trim("mail/a", 2),))
    _same("places", await _one(log, both), Committed((Appended("mail/a", 4, 4),)))
    left = [Record(3, b"3"), Record(4, b"4")]
    _same("what is left", await log.read("mail/a", 0, 10), left)
    _same("read after 3", await log.read("mail/a", 3, 10), left[1:])
    await _one(log, Transaction(trims=(Trim("mail/a", 1), Trim("mail/none", 5))))
    _same("trimmed again, less", await log.read("mail/a", 0, 10), left)
    await _one(log, Transaction(trims=(Trim("mail/a", 4),)))
    _same("nothing is left", await log.read("mail/a", 0, 10), [])
    _same("last_seq stays", await log.last_seq("mail/a"), 4)
    await _one(log, Transaction(appends=(Append("mail/a", (b"5",)),)))
    _same("goes on", await log.read("mail/a", 0, 10), [Record(5, b"5")])


async def check_log_drop(log: Log) -> None:
    """A dropped stream is as if never written, and may be written anew."""
    first = Append("run/a", (b"1", b"2"), Producer(3, 0, 2))
    await _one(log, Transaction(appends=(first, Append("run/b", (b"b",)))))
    row = Put("run/a", None)
    outcome = await _one(log, Transaction(puts=(row,), drops=("run/a", "run/none")))
    _same("kind", type(outcome), Committed)
    _same("its records", await log.read("run/a", 0, 10), [])
    _same("last_seq", await log.last_seq("run/a"), 0)
    names = [state.stream for state in await log.streams("run/")]
    _same("the streams left", names, ["run/b"])
    _same("another's records", await log.read("run/b", 0, 10), [Record(1, b"b")])
    anew = Append("run/a", (b"anew",), Producer(1, 0, 1))
    again = await _one(log, Transaction(appends=(anew,)))
    _same("written anew", again, Committed((Appended("run/a", 1, 1),)))
    _same("what it has", await log.read("run/a", 0, 10), [Record(1, b"anew")])
    await _one(log, Transaction(checks=(RowIs("row", 7),), drops=("run/a",)))
    _same("refused, it stays", await log.last_seq("run/a"), 1)


async def check_log_checkpoints(log: Log) -> None:
    """A stream beside another: both are written or none; one goes without the other.

    So a run's checkpoints are kept with the events that made them.
    """

    def step(after: int, *kept: bytes, revision: int) -> Transaction:
        event = Append("run/a", (b"event",), Producer(1, after, after + 1))
        return Transaction(
            checks=(RowIs("run/a", revision),),
            puts=(Put("run/a", b"row"),),
            appends=(event, Append("checkpoint/a", kept)),
            durable=True,
        )

    first = await _one(log, step(0, b"start", revision=0))
    if not isinstance(first, Committed):
        raise AssertionError(f"first: expected Committed, got {first!r}")  # noqa: TRY004  # a failed check
    places = (Appended("run/a", 1, 1), Appended("checkpoint/a", 1, 1))
    _same("places", first.appended, places)
    (revision,) = first.revisions
    outcomes = await log.commit(
        [step(0, b"repeated", revision=revision), step(1, b"raced", revision=0)]
    )
    _same("refused", [type(each) for each in outcomes], [Fenced, Conflict])
    second = await _one(log, step(1, b"item 1", b"item 2", revision=revision))
    _same("second", isinstance(second, Committed), expected=True)
    kept = [Record(1, b"start"), Record(2, b"item 1"), Record(3, b"item 2")]
    _same("checkpoints", await log.read("checkpoint/a", 0, 10), kept)
    _same("behind the first", await log.read("checkpoint/a", 1, 1), kept[1:2])
    _same("the last", await log.last_seq("checkpoint/a"), 3)
    _same("events", await log.last_seq("run/a"), 2)
    compact = Transaction(
        appends=(Append("checkpoint/a", (b"whole",)),), trims=(Trim("checkpoint/a", 3),)
    )
    _same("compacted", isinstance(await _one(log, compact), Committed), expected=True)
    left = [Record(4, b"whole")]
    _same("left", await log.read("checkpoint/a", 0, 10), left)
    await _one(log, Transaction(drops=("checkpoint/a",)))
    _same("dropped", await log.read("checkpoint/a", 0, 10), [])
    _same("events stay", await log.last_seq("run/a"), 2)


async def check_sessions(factory: Callable[[], Sessions]) -> None:
    """Hold a store of sessions to the contract of :class:`kgnb.storage.Sessions`.

    Args:
        factory: Makes one on a new, empty store, not yet open.
    """
    sessions = factory()
    await sessions.open()
    try:
        await _check_session(sessions)
        await _check_expiry(sessions)
    finally:
        await sessions.aclose()
        await sessions.aclose()


async def _check_session(sessions: Sessions) -> None:
    key = "session/a"
    _same("get of nothing", await sessions.get(key), None)
    first = await sessions.put(key, b"1", now=1.5, expected=0)
    if not first:
        raise AssertionError(f"first write: expected a revision, got {first!r}")
    again = await sessions.put(key, b"lost", now=2.0, expected=0)
    _same("a second first write", again, None)
    second = await sessions.put(key, b"2", now=2.5, expected=first)
    _same("another revision", second not in (None, first), expected=True)
    _same(
        "a write of what was read before",
        await sessions.put(key, b"x", now=3.0, expected=first),
        None,
    )
    found = await sessions.get(key)
    _same(
        "what is there",
        found and (found.value, found.at, found.revision),
        (b"2", 2.5, second),
    )
    third = await sessions.put(key, b"", now=4.0)
    _same("an empty one", third is not None and (await sessions.all())[0].value, b"")
    await sessions.delete(key)
    await sessions.delete(key)
    _same("deleted", (await sessions.get(key), await sessions.all()), (None, []))
    anew = await sessions.put(key, b"anew", now=5.0, expected=0)
    _same("a new revision", anew not in (None, first, second, third), expected=True)
    await sessions.delete(key)


async def _check_expiry(sessions: Sessions) -> None:
    for n in range(300):
        await sessions.put(f"session/{n:03}", b"%d" % n, now=float(n))
    await sessions.put("session/000", b"again", now=1000.0)
    gone = await sessions.expire(290.0)
    _same("expired", gone, [f"session/{n:03}" for n in range(1, 290)])
    left = [each.key for each in await sessions.all()]
    kept = ["session/000", *(f"session/{n:03}" for n in range(290, 300))]
    _same("left", left, kept)
    _same("expired again", await sessions.expire(290.0), [])
