"""A log in Redis: Streams for the records, hashes for the rest, one MULTI a batch.

Streams are numbered as the log numbers them: record 7 is entry ``7-0``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from redis import asyncio as redis
from redis import exceptions as errors
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from kgnb.errors import Unavailable
from kgnb.storage.base import Record, Row, StreamState, Trim
from kgnb.storage.staged import Drop, Placed, Staged, touched
from kgnb.storage.unanswered import Disconnected, is_stored, taken_over
from kgnb.storage.urls import shown, without_prefix
from kgnb.storage.versions import newer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from kgnb.storage.base import Outcome, Transaction

    Client = Any
    """A ``redis.Redis``, whose annotations do not know what its options make of it."""

logger = logging.getLogger("kgnb.storage")

VERSION = 1
TIMEOUT = 5.0
"""Seconds that Redis gets to answer."""


class Step(Protocol):
    """The way from one version of the keys to the next."""

    async def read(self, client: Any, key: Callable[[str], str]) -> Any:
        """What is needed of the old ones."""

    def write(self, commands: Any, key: Callable[[str], str], found: Any) -> None:
        """Queue what makes the new ones of it."""


_STEPS: dict[int, Step] = {}
"""By the version that each leads to; the first needs none."""
_REFUSAL = errors.ResponseError
"""With this Redis says that nothing was done: it has no memory, or no disk. What is
called a WatchError may as well be a connection that broke after the EXEC."""
_Pair = tuple[int, bytes]
_State = tuple[int, int, int]
_pair = msgspec.msgpack.Decoder(_Pair)
_state = msgspec.msgpack.Decoder(_State)
_encode = msgspec.msgpack.encode


class RedisLog:
    """A :class:`kgnb.storage.base.Log` in Redis 6.2 or newer.

    What Redis itself keeps over its own restart is Redis's setting: ``appendonly yes``,
    and ``appendfsync always`` for power cuts. The newest to open the log owns it, as in
    PostgreSQL; a commit whose answer is lost is looked up likewise.

    Args:
        url: As redis-py takes it: ``redis://``, ``rediss://`` with TLS, ``unix://``;
            with ``prefix=`` for several logs in one database.
    """

    def __init__(self, url: str) -> None:
        self._url, prefix = without_prefix(url)
        self._name = shown(url)
        # The braces keep all keys of a log on one node of a cluster.
        self._prefix = f"{{{prefix}}}:"
        self._redis: Client | None = None
        self._owner = b""
        self._log_id = ""
        self._writing = asyncio.Lock()

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _stream(self, name: str) -> str:
        return f"{self._prefix}stream:{name}"

    @property
    def log_id(self) -> str:
        """Names this log; known once it is open, kept in Redis."""
        return self._log_id

    async def open(self) -> None:
        """Connect, and take the log over."""
        if self._redis is not None:
            return
        try:
            self._redis = redis.from_url(
                self._url,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                # A commit must not be sent twice by itself: whether it was carried
                # out is looked up first.
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError):
            # Their text may quote the address, and with it the password.
            text = f"{self._name}: expected an address that redis-py can read"
            raise Unavailable(text) from None
        try:
            async with self._connected() as client:
                await self._take_over(client)
                await self._warn_of_loss(client)
        except BaseException:
            await self.aclose()
            raise

    async def _take_over(self, client: Client) -> None:
        self._owner = uuid.uuid4().hex.encode()
        log = self._key("log")
        async with client.pipeline(transaction=True) as commands:
            commands.hsetnx(log, "log_id", uuid.uuid4().hex)
            commands.hsetnx(log, "version", VERSION)
            commands.hget(log, "log_id")
            *_, log_id = await commands.execute()
        while not await self._migrate(client):
            pass  # somebody else wrote meanwhile
        self._log_id = log_id.decode()

    async def _migrate(self, client: Client) -> bool:
        """Bring the keys to ``VERSION`` and own them, in one MULTI; or do nothing."""
        log = self._key("log")
        async with client.pipeline(transaction=True) as commands:
            await commands.watch(log)
            version = int(await commands.hget(log, "version"))
            if version > VERSION:
                raise newer(self._name, VERSION, version)
            steps = [_STEPS[number] for number in range(version + 1, VERSION + 1)]
            found = [await step.read(commands, self._key) for step in steps]
            commands.multi()
            for step, each in zip(steps, found, strict=True):
                step.write(commands, self._key, each)
            commands.hset(log, mapping={"version": VERSION, "owner": self._owner})
            try:
                await commands.execute()
            except errors.WatchError:
                return False
        return True

    async def _warn_of_loss(self, client: Client) -> None:
        try:
            found = await client.config_get("appendonly")
        except errors.ResponseError:  # a hosted Redis may not say
            return
        if found.get("appendonly") == "no":
            logger.warning(
                "%s: this Redis has appendonly off: what it was told since its last "
                "snapshot is lost when it restarts",
                self._name,
            )

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        if self._redis is None:
            raise Unavailable(f"{self._name}: expected the log to be open")
        try:
            yield self._redis
        except (errors.ConnectionError, OSError) as error:
            raise Disconnected(f"{self._name}: {_said(error)}") from error
        except errors.RedisError as error:
            raise Unavailable(f"{self._name}: {_said(error)}") from error

    async def commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        """Carry out ``batch`` in order, in one MULTI."""
        async with self._writing:
            try:
                return await self._commit(batch)
            except Disconnected:
                return await self._commit(batch)

    async def _commit(self, batch: Sequence[Transaction]) -> list[Outcome]:
        mark = uuid.uuid4().hex
        outcomes: list[Outcome] | None = None
        try:
            async with (
                self._connected() as client,
                client.pipeline(transaction=True) as commands,
            ):
                await commands.watch(self._key("log"))
                staged = await self._fetch(commands, batch)
                outcomes = staged.carry_out(batch)
                if not staged.is_empty:
                    commands.multi()
                    self._write(commands, staged, mark)
                    await commands.execute()
        except Unavailable as error:
            if outcomes is None or isinstance(error.__cause__, _REFUSAL):
                raise
            if not await self._is_stored(mark):
                raise
        return outcomes

    async def _fetch(self, commands: Any, batch: Sequence[Transaction]) -> Staged:
        """Read what the batch needs; the commands go out one by one until MULTI."""
        wanted = touched(batch)
        owner, revision = await commands.hmget(self._key("log"), "owner", "revision")
        if owner is None:
            raise Unavailable(f"{self._name}: this Redis has lost the log's data")
        if owner != self._owner:
            raise taken_over(self._name)
        rows = {
            key: Row(key, *_pair.decode(value))
            for key, value in await self._known(commands, "rows", wanted.keys)
        }
        states = {
            name: StreamState(name, *_state.decode(value))
            for name, value in await self._known(commands, "streams", wanted.streams)
        }
        return Staged(rows, states, int(revision or 0))

    async def _known(
        self, client: Client, table: str, names: Sequence[Any]
    ) -> list[tuple[Any, bytes]]:
        """Those fields of a hash that it has, in the order of ``names``."""
        found = await client.hmget(self._key(table), names) if names else []
        return [pair for pair in zip(names, found, strict=True) if pair[1] is not None]

    def _write(self, commands: Any, staged: Staged, mark: str) -> None:
        log = {"revision": staged.revision, "mark": mark}
        commands.hset(self._key("log"), mapping=log)
        for key, row in staged.rows.items():
            value = None if row is None else _encode((row.revision, row.value))
            self._write_entry(commands, "rows", key, value)
        for name, state in staged.states.items():
            value = None
            if state is not None:
                value = _encode((state.seq, state.epoch, state.n))
            self._write_entry(commands, "streams", name, value)
        for step in staged.steps:
            match step:
                case Placed(stream, first_seq, payloads):
                    key = self._stream(stream)
                    for seq, payload in enumerate(payloads, first_seq):
                        commands.xadd(key, {b"p": payload}, id=f"{seq}-0")
                case Trim(stream, through):
                    key = self._stream(stream)
                    commands.xtrim(key, minid=f"{through + 1}-0", approximate=False)
                case Drop(stream):
                    commands.unlink(self._stream(stream))

    def _write_entry(
        self, commands: Any, table: str, name: str, value: bytes | None
    ) -> None:
        """One field of a hash, and its place in the order of the names."""
        order = self._key(f"{table}:order")
        if value is None:
            commands.hdel(self._key(table), name)
            commands.zrem(order, name)
        else:
            commands.hset(self._key(table), name, value)
            commands.zadd(order, {name: 0})

    async def _is_stored(self, mark: str) -> bool:
        """Whether a transaction was carried out whose answer was lost."""
        return await is_stored(
            mark, self._mark, name=self._name, is_open=lambda: self._redis is not None
        )

    async def _mark(self) -> str:
        """The mark of the last transaction, after which none of before is carried out.

        One that Redis has not read yet watches the key that is written here.
        """
        log = self._key("log")
        async with (
            self._connected() as client,
            client.pipeline(transaction=True) as commands,
        ):
            commands.hincrby(log, "asked", 1)
            commands.hget(log, "mark")
            _, found = await commands.execute()
        return "" if found is None else str(found.decode())

    async def read(self, stream: str, after: int, limit: int) -> list[Record]:
        """Records above ``after``."""
        key, first = self._stream(stream), f"{after + 1}-0"
        found = await self._ask(
            lambda client: client.xrange(key, min=first, count=limit)
        )
        return [
            Record(int(entry.partition(b"-")[0]), fields[b"p"])
            for entry, fields in found
        ]

    async def last_seq(self, stream: str) -> int:
        """The seq of the last record."""
        key = self._key("streams")
        found = await self._ask(lambda client: client.hget(key, stream))
        return 0 if found is None else _state.decode(found)[0]

    async def streams(self, prefix: str) -> list[StreamState]:
        """States of streams by prefix."""
        found = await self._entries("streams", prefix)
        return [StreamState(name, *_state.decode(value)) for name, value in found]

    async def get(self, key: str) -> Row | None:
        """The row under ``key``."""
        table = self._key("rows")
        found = await self._ask(lambda client: client.hget(table, key))
        return None if found is None else Row(key, *_pair.decode(found))

    async def scan(self, prefix: str) -> list[Row]:
        """Rows by prefix, ordered."""
        found = await self._entries("rows", prefix)
        return [Row(name, *_pair.decode(value)) for name, value in found]

    async def _entries(self, table: str, prefix: str) -> list[tuple[str, bytes]]:
        """Fields of a hash whose names begin with ``prefix``, ordered by name."""
        start = prefix.encode()

        async def ask(client: Client) -> list[tuple[bytes, bytes]]:
            names = await client.zrangebylex(
                self._key(f"{table}:order"), b"[" + start, b"[" + start + b"\xff"
            )
            # What is deleted between the two questions is left out.
            return await self._known(client, table, names)

        return [(name.decode(), value) for name, value in await self._ask(ask)]

    async def _ask(self, question: Callable[[Client], Awaitable[Any]]) -> Any:
        """The answer to a question, put once more if its connection was dead."""
        try:
            async with self._connected() as client:
                return await question(client)
        except Disconnected:
            async with self._connected() as client:
                return await question(client)

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._redis = self._redis, None
        if client is not None:
            with contextlib.suppress(errors.RedisError, OSError):
                await client.aclose()


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
