import asyncio
import itertools

import pytest

from kgnb.errors import Unavailable
from kgnb.storage import Append, Put, Record, Sessions, Transaction, open_log
from kgnb.testing.checks import check_log, check_sessions


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def url_of(request, tmp_path):
    """Gives the same URL for the same number."""
    make = {
        "memory": lambda: "memory://",
        "sqlite": lambda: f"sqlite://{tmp_path}/log-{len(known)}.db",
        "redis": lambda: request.getfixturevalue("redis").new_url(),
        "postgres": lambda: request.getfixturevalue("postgres").new_database(),
    }[request.param]
    known = {}
    return lambda number: known.get(number) or known.setdefault(number, make())


def test_log_any_backend_keeps_the_contract(url_of):
    numbers = itertools.count()
    asyncio.run(check_log(lambda: open_log(url_of(next(numbers)))))


def test_sessions_on_any_backend_keep_the_contract(url_of):
    asyncio.run(check_sessions(lambda: Sessions(open_log(url_of(0)))))


def test_log_with_sessions_elsewhere_keeps_the_contract(tmp_path):
    numbers = itertools.count()

    def factory():
        places = [f"sqlite://{tmp_path}/{kind}{next(numbers)}.db" for kind in "ab"]
        return open_log(places[0], session_url=places[1])

    asyncio.run(check_log(factory))


def test_log_opened_again_has_everything_and_the_same_id(url_of):
    async def main():
        log = open_log(url_of(0))
        await log.open()
        log_id = log.log_id
        await log.commit(
            [Transaction(puts=(Put("k", b"v"),), appends=(Append("s", (b"1",)),))]
        )
        await log.aclose()
        if url_of(0) != "memory://":
            log = open_log(url_of(0))
        await log.open()
        try:
            row = await log.get("k")
            assert (log.log_id, row.value) == (log_id, b"v")
            assert await log.read("s", 0, 9) == [Record(1, b"1")]
            (again,) = await log.commit([Transaction(puts=(Put("k", b"w"),))])
            assert again.revisions[0] > row.revision
        finally:
            await log.aclose()

    asyncio.run(main())


def test_log_used_while_closed_says_so(url_of):
    async def main():
        log = open_log(url_of(0))
        with pytest.raises(Unavailable, match="open"):
            await log.read("s", 0, 1)
        await log.open()
        await log.aclose()
        with pytest.raises(Unavailable, match="open"):
            await log.commit([])

    asyncio.run(main())


@pytest.mark.parametrize(
    "url", ["mysql://x", "memory", "", "sqlite://relative.db", "sqlite:relative.db"]
)
def test_open_log_unknown_url_is_refused(url):
    with pytest.raises(ValueError, match="log url: expected"):
        open_log(url)
