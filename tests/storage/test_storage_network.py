"""Logs in Redis and PostgreSQL: what can happen to a store that is a network away."""

import asyncio
import contextlib
import re
import sys

import psycopg
import pytest
import redis
from redis import asyncio as asyncio_redis
from redis.exceptions import WatchError

from kgnb.errors import Unavailable
from kgnb.storage import Append, Transaction, open_log
from kgnb.testing.proxy import FaultProxy

END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
"""Ends everybody's connections but one's own."""


class Place:
    """Where one test's log is, how it is reached through a proxy, and its server."""

    def __init__(self, server, url, make_newer):
        self.server = server
        self.url = url
        self.make_newer = make_newer

    def through(self, port):
        return self.url.replace(f":{self.server.port}/", f":{port}/", 1)


def make_newer_in_redis(url):
    address, prefix = url.split("?prefix=")
    with redis.from_url(address) as client:
        client.hset(f"{{{prefix}}}:log", "version", 99)


def make_newer_in_postgres(url):
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE kgnb_log SET version = 99")


@pytest.fixture(params=["redis", "postgres"])
def place(request):
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        return Place(server, server.new_url(), make_newer_in_redis)
    server = request.getfixturevalue("postgres")
    return Place(server, server.new_database(), make_newer_in_postgres)


def is_redis(place):
    return place.url.startswith("redis")


def client_of(server, **options):
    return redis.Redis(port=server.port, **options)


def end_connections(place):
    """Have the store end every connection, as an administrator would."""
    if is_redis(place):
        with client_of(place.server) as client:
            client.client_kill_filter(_type="normal", skipme=True)
    else:
        with psycopg.connect(place.server.url("postgres"), autocommit=True) as client:
            client.execute(END)


def lock_out(place):
    """Have the store ask for a password that the log does not have."""
    if is_redis(place):
        with client_of(place.server) as client:
            client.config_set("requirepass", "canary")
            client.client_kill_filter(_type="normal", skipme=True)
    else:
        with psycopg.connect(place.server.url("postgres"), autocommit=True) as client:
            place.server.ask_for("scram-sha-256")
            client.execute(END)


def let_in(place):
    if is_redis(place):
        with client_of(place.server, password="canary") as client:
            client.config_set("requirepass", "")
    else:
        place.server.ask_for("trust")


@contextlib.asynccontextmanager
async def opened(url):
    log = open_log(url)
    await log.open()
    try:
        yield log
    finally:
        await log.aclose()


def note(text):
    return Transaction(appends=(Append("s", (text,)),))


async def texts(log):
    return [record.payload for record in await log.read("s", 0, 10_000)]


def test_network_log_newest_opener_owns_it(place):
    async def main():
        async with opened(place.url) as old:
            await old.commit([note(b"1")])
            async with opened(place.url) as new:
                assert new.log_id == old.log_id
                with pytest.raises(Unavailable, match="taken this log over"):
                    await old.commit([note(b"lost")])
                await new.commit([note(b"2")])
                assert await texts(new) == [b"1", b"2"]

    asyncio.run(main())


def test_network_log_commit_whose_answer_is_lost_is_looked_up(place):
    """The connection dies at each place of a commit in turn: before it, within it and
    after it. What the log says it has done is what it has."""

    async def main():
        said = []
        for after in range(0, 6_000, 131):
            async with FaultProxy("127.0.0.1", place.server.port) as proxy:
                log = open_log(place.through(proxy.port))
                await log.open()
                proxy.break_after(after)
                number = f"{after}".encode()
                try:
                    await log.commit([note(number)])
                except Unavailable:
                    said.append((number, False))
                else:
                    said.append((number, True))
                await log.aclose()
        async with opened(place.url) as log:
            kept = await texts(log)
        assert [number for number, done in said if done] == kept
        assert kept

    asyncio.run(main())


def test_redis_commit_that_was_asked_for_is_not_carried_out_later(redis):
    """Redis may read a transaction after the question whether it was carried out."""

    async def main():
        url = redis.new_url()
        address, prefix = url.split("?prefix=")
        key = f"{{{prefix}}}:log"
        late = asyncio_redis.from_url(address)
        async with opened(url) as log, late.pipeline(transaction=True) as commands:
            await log.commit([note(b"1")])
            await commands.watch(key)
            commands.multi()
            commands.hset(key, "mark", "late")
            assert not await log._is_stored("late")
            with pytest.raises(WatchError):
                await commands.execute()
            await log.commit([note(b"2")])
            assert await texts(log) == [b"1", b"2"]
        await late.aclose()

    asyncio.run(main())


def test_redis_log_that_has_no_memory_left_is_refused_at_once(redis):
    async def main():
        async with opened(redis.new_url()) as log:
            await log.commit([note(b"1")])
            with client_of(redis) as client:
                client.config_set("maxmemory", 1)
                with pytest.raises(Unavailable, match="maxmemory"):
                    await asyncio.wait_for(log.commit([note(b"2")]), 5)
                client.config_set("maxmemory", 0)
            await log.commit([note(b"3")])
            assert await texts(log) == [b"1", b"3"]

    asyncio.run(main())


def test_postgres_log_that_is_read_only_is_refused_at_once_and_read(postgres):
    async def main():
        url = postgres.new_database()
        place = Place(postgres, url, None)
        rule = f"ALTER DATABASE {url.rpartition('/')[2]} SET"

        def make_read_only(is_so):
            with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
                admin.execute(f"{rule} default_transaction_read_only = {is_so}")
            end_connections(place)

        async with opened(url) as log:
            await log.commit([note(b"1")])
            await asyncio.to_thread(make_read_only, is_so=True)
            with pytest.raises(Unavailable, match="read-only"):
                await asyncio.wait_for(log.commit([note(b"2")]), 5)
            assert await texts(log) == [b"1"]
            await asyncio.to_thread(make_read_only, is_so=False)
            await log.commit([note(b"3")])
            assert await texts(log) == [b"1", b"3"]

    asyncio.run(main())


def test_network_log_whose_password_changes_heals_with_it(place):
    """A store that comes back with another password, and then with the old one."""

    async def main():
        async with opened(place.url) as log:
            await log.commit([note(b"1")])
            lock_out(place)
            try:
                with pytest.raises(Unavailable) as refused:
                    await asyncio.wait_for(log.commit([note(b"2")]), 5)
                assert "canary" not in str(refused.value)
                with pytest.raises(Unavailable) as refused:
                    await open_log(place.url).open()
                assert "canary" not in str(refused.value)
                assert re.search("(?i)auth|password", str(refused.value))
            finally:
                let_in(place)
            async with asyncio.timeout(10):
                while True:
                    with contextlib.suppress(Unavailable):
                        await log.commit([note(b"3")])
                        break
            assert await texts(log) == [b"1", b"3"]

    asyncio.run(main())


def test_network_log_store_that_dies_under_load_loses_nothing_said_done(place):
    """The store is killed and started again while commits go on."""

    async def main():
        done = []
        is_over = False

        async def write(log):
            for n in range(1_000_000):
                if is_over:
                    return
                try:
                    await log.commit([note(b"%d" % n)])
                except Unavailable:
                    await asyncio.sleep(0.02)
                else:
                    done.append(b"%d" % n)

        async with opened(place.url) as log:
            writing = asyncio.create_task(write(log))
            for _ in range(3):
                before = len(done)
                while len(done) < before + 20:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(place.server.kill)
                await asyncio.to_thread(place.server.start)
            before = len(done)
            while len(done) < before + 20:
                await asyncio.sleep(0.01)
            is_over = True
            await writing
            assert await texts(log) == done

    asyncio.run(main())


def test_network_log_without_its_store_is_unavailable_at_once(place):
    async def main():
        async with opened(place.url) as log:
            await log.commit([note(b"1")])
            place.server.kill()
            try:
                for attempt in (log.commit([note(b"2")]), log.read("s", 0, 1)):
                    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
                        await asyncio.wait_for(attempt, 5)
            finally:
                place.server.start()
            await log.commit([note(b"3")])
            assert await texts(log) == [b"1", b"3"]

    asyncio.run(main())


def test_network_log_whose_connections_were_ended_goes_on_at_once(place):
    async def main():
        async with opened(place.url) as log:
            await asyncio.gather(*(log.read("s", 0, 1) for _ in range(4)))
            for n in range(5):
                await log.commit([note(b"%d" % n)])
                await asyncio.to_thread(end_connections, place)
            assert await texts(log) == [b"0", b"1", b"2", b"3", b"4"]

    asyncio.run(main())


def test_network_log_of_a_newer_kgnb_is_refused(place):
    async def main():
        async with opened(place.url):
            pass
        place.make_newer(place.url)
        with pytest.raises(Unavailable, match="newer version of kgnb"):
            await open_log(place.url).open()

    asyncio.run(main())


def test_network_log_names_no_password(place):
    url = place.url.replace("://", "://somebody:canary@", 1)
    assert "canary" not in repr(open_log(url)) + open_log(url)._name


def test_network_log_without_its_library_says_what_to_install(monkeypatch, place):
    kind = type(open_log(place.url)).__module__
    library = {"kgnb.storage.redis": "redis", "kgnb.storage.postgres": "psycopg"}[kind]
    for name in [each for each in sys.modules if each.startswith(kind)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Unavailable, match=r"pip install 'kgnb\[(redis|postgres)\]'"):
        open_log(place.url)
