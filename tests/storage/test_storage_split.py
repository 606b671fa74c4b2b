"""A log whose sessions are in another store: whatever dies, none is lost or old."""

import asyncio
import contextlib
import itertools

import pytest

from kgnb.errors import Unavailable
from kgnb.storage import (
    Append,
    Committed,
    Conflict,
    Put,
    RowIs,
    Sessions,
    Transaction,
    open_log,
)
from kgnb.storage import split as split_module
from kgnb.storage.memory import MemoryLog
from kgnb.storage.split import SplitLog

KEY = "session/a"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(split_module, "PAUSE", 0.01)


class Store(MemoryLog):
    """A store that can be away, or fail at one call from now."""

    is_away = False
    dies_after = None

    async def open(self):
        self._check()
        await super().open()

    async def commit(self, batch):
        self._check()
        return await super().commit(batch)

    async def get(self, key):
        self._check()
        return await super().get(key)

    def _check(self):
        if self.dies_after is not None:
            self.dies_after -= 1
            self.is_away = self.is_away or self.dies_after < 0
        if self.is_away:
            raise Unavailable("it is away")


class Place:
    """Two stores that outlive the log on them."""

    def __init__(self):
        self.main, self.other = Store(), Store()
        self.now = 1000.0

    @contextlib.asynccontextmanager
    async def opened(self, ttl=0.0):
        sessions = Sessions(self.other)
        log = SplitLog(self.main, sessions, ttl=ttl, clock=lambda: self.now)
        await log.open()
        try:
            yield log
        finally:
            await log.aclose()

    def held(self):
        """What the log holds of sessions, and their own store: keys."""
        return [
            [key for key in store._tables.rows if key.startswith("session/")]
            for store in (self.main, self.other)
        ]


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def say(revision, value, *, event=b"event"):
    """A transaction of a run that writes its session."""
    return Transaction(
        checks=() if revision is None else (RowIs(KEY, revision),),
        puts=(Put("run/r", b"row"), Put(KEY, value)),
        appends=(Append("run/r", (event,)),),
    )


async def one(log, transaction):
    (outcome,) = await log.commit([transaction])
    return outcome


def test_split_session_moves_to_its_own_store_and_is_read_from_there():
    async def main():
        place = Place()
        async with place.opened() as log:
            assert await log.get(KEY) is None
            outcome = await one(log, say(0, b"1"))
            row = await log.get(KEY)
            assert row.value == b"1"
            assert len(outcome.revisions) == 2
            await until(lambda: place.held() == [[], [KEY]])
            moved = await log.get(KEY)
            assert (moved.value, moved.revision < 0) == (b"1", True)
            assert [each.value for each in await log.scan("session/")] == [b"1"]
            assert await log.last_seq("run/r") == 1

    asyncio.run(main())


def test_split_session_is_written_over_only_as_it_was_read():
    async def main():
        place = Place()
        async with place.opened() as log:
            await one(log, say(None, b"1"))
            pending = await log.get(KEY)
            await until(lambda: place.held() == [[], [KEY]])
            moved = await log.get(KEY)
            both = await log.commit(
                [say(moved.revision, b"2"), say(moved.revision, b"x")]
            )
            assert [type(each) for each in both] == [Committed, Conflict]
            for revision in (0, pending.revision, moved.revision):
                assert isinstance(await one(log, say(revision, b"old")), Conflict)
            assert (await log.get(KEY)).value == b"2"
            await until(lambda: place.held() == [[], [KEY]])
            for revision in (0, pending.revision, moved.revision):
                assert isinstance(await one(log, say(revision, b"old")), Conflict)
            assert (await log.get(KEY)).value == b"2"
            assert await log.last_seq("run/r") == 2

    asyncio.run(main())


def test_split_session_read_slowly_is_not_taken_for_the_latest():
    async def main():
        place = Place()
        async with place.opened() as log:
            await one(log, say(None, b"1"))
            await until(lambda: place.held() == [[], [KEY]])
            row, goes_on = place.other._tables.row(KEY), asyncio.Event()

            async def read_and_wait(key):
                await goes_on.wait()
                return row

            place.other.get = read_and_wait
            reading = asyncio.create_task(log.get(KEY))
            await asyncio.sleep(0)
            await one(log, say(None, b"2"))
            await until(lambda: place.held() == [[], [KEY]])
            await until(lambda: KEY not in log._pending)
            goes_on.set()
            slow = await reading
            del place.other.get
            assert isinstance(await one(log, say(slow.revision, b"old")), Conflict)
            assert (await log.get(KEY)).value == b"2"

    asyncio.run(main())


def test_split_that_cannot_be_opened_leaves_nothing_open():
    async def main():
        place = Place()
        log = SplitLog(place.main, Sessions(place.other))

        async def scan(prefix):
            raise Unavailable("it is away")

        place.main.scan = scan
        with pytest.raises(Unavailable):
            await log.open()
        assert not place.main._is_open

    asyncio.run(main())


def test_split_session_deleted_is_gone_at_once_and_from_both():
    async def main():
        place = Place()
        async with place.opened() as log:
            await one(log, say(None, b"1"))
            await until(lambda: place.held() == [[], [KEY]])
            place.other.is_away = True
            await one(log, Transaction(puts=(Put(KEY, None),)))
            assert await log.get(KEY) is None
            assert await log.scan("run/") != []
            assert isinstance(await one(log, say(0, b"2")), Committed)
            await one(log, Transaction(puts=(Put(KEY, None),)))
            place.other.is_away = False
            await until(lambda: place.held() == [[], []])
            assert await log.get(KEY) is None

    asyncio.run(main())


def test_split_while_the_other_store_is_away_keeps_what_is_said_and_goes_on():
    async def main():
        place = Place()
        place.other.is_away = True
        async with place.opened() as log:
            with pytest.raises(Unavailable):
                await log.get(KEY)
            for value in (b"1", b"2"):
                await one(log, say(None, value))
            assert (await log.get(KEY)).value == b"2"
            place.other.is_away = False
            await until(lambda: place.held() == [[], [KEY]])
            assert (await log.get(KEY)).value == b"2"

    asyncio.run(main())


@pytest.mark.parametrize("store", ["main", "other"])
def test_split_that_dies_at_any_call_has_the_last_word_after_a_restart(store):
    async def main():
        for calls in itertools.count():
            place = Place()
            dying = getattr(place, store)
            said = b""
            async with place.opened() as log:
                dying.dies_after = calls
                for value in (b"1", b"2", b"3"):
                    with contextlib.suppress(Unavailable):
                        await one(log, say(None, value, event=value))
                        said = value
                    await asyncio.sleep(0.001)
                is_over = not dying.is_away
                place.main.is_away = place.other.is_away = True  # as kill -9 leaves it
            for each in (place.main, place.other):
                each.is_away, each.dies_after = False, None
            async with place.opened() as log:
                row = await log.get(KEY)
                assert (row.value if row else b"") == said
                await until(lambda: not log._pending)
                assert place.held() == [[], [KEY] if said else []]
            if is_over:
                return

    asyncio.run(main())


def test_split_sessions_that_nobody_went_on_with_expire():
    async def main():
        place = Place()
        async with place.opened(ttl=100.0) as log:
            await one(log, say(None, b"1"))
            await until(lambda: place.held() == [[], [KEY]])
        place.now += 99
        async with place.opened(ttl=100.0) as log:
            assert (await log.get(KEY)).value == b"1"
        place.now += 2
        async with place.opened(ttl=100.0) as log:
            await until(lambda: place.held() == [[], []])
            assert await log.get(KEY) is None
            assert isinstance(await one(log, say(0, b"2")), Committed)

    asyncio.run(main())


def test_split_goes_on_after_what_is_no_session_among_them(monkeypatch, caplog):
    monkeypatch.setattr(split_module, "TROUBLE_PAUSE", 0.01)

    async def main():
        place = Place()
        await place.other.open()
        await one(place.other, Transaction(puts=(Put("session/odd", b"\xc1"),)))
        async with place.opened(ttl=10.0) as log:
            await one(log, say(None, b"1"))
            await until(lambda: place.held()[0] == [])
            assert (await log.get(KEY)).value == b"1"

    asyncio.run(main())
    assert "sessions wait in the log" in caplog.text


def test_open_log_with_sessions_at_the_same_place_is_one_log():
    assert type(open_log("memory://", session_url="memory://")) is MemoryLog
    assert type(open_log("memory://", session_url="")) is MemoryLog
    with pytest.raises(ValueError, match="expected memory"):
        open_log("memory://", session_url="mysql://x")
