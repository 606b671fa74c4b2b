"""How a host gets its broker: at once, in memory, or when its store is there."""

import asyncio
import urllib.error

import pytest
from server_harness import ServerProcess, until

from kgnb.errors import Unavailable
from kgnb.server import beginning
from kgnb.server.beginning import MEMORY, Beginning
from kgnb.server.host import Host, Settings
from kgnb.server.logs import Claim

REMOTE, LOCAL = "redis://nowhere/0", "sqlite:///nowhere.sqlite"


class Logs:
    """Makes drivers whose logs refuse so many times to be opened."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.asked = []
        self.open = []

    def driver(self, url, session_url):
        return Driver(self, url, session_url)


class Driver:
    def __init__(self, logs, url, session_url):
        self.logs = logs
        self.urls = (url, session_url)

    async def start(self):
        self.logs.asked.append(self.urls)
        if self.urls[0] != MEMORY and self.logs.refusals:
            self.logs.refusals -= 1
            raise Unavailable("the store is away")
        self.logs.open.append(self)

    async def aclose(self):
        self.logs.open.remove(self)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(beginning, "PAUSE", 0.001)


async def begun(url, logs, session_url="", **further):
    host = Host(Settings())
    starting = Beginning(
        host,
        lambda: Claim(url),
        logs.driver,
        what="log_url",
        session_url=session_url,
        **further,
    )
    await starting.start()
    return host, starting


@pytest.mark.parametrize(("url", "session"), [(REMOTE, ""), (LOCAL, REMOTE)])
async def test_store_on_the_network_that_is_away_is_tried_until_it_is_there(
    url, session
):
    logs, told, prepared = Logs(refusals=3), [], []

    async def prepare(driver):
        prepared.append((driver.urls, host.doors))

    host, starting = await begun(
        url, logs, session, opened=prepare, changed=told.append
    )
    assert host.doors is None
    await until(lambda: host.doors is not None)
    assert logs.asked == [(url, session)] * 4
    assert prepared == [((url, session), None)]
    assert host.trouble is None
    await starting.aclose()
    assert host.doors is None
    assert logs.open == []
    assert [doors is None for doors in told] == [False, True]


async def test_server_that_stops_tries_no_more():
    logs = Logs(refusals=10**9)
    _, starting = await begun(REMOTE, logs)
    await until(lambda: len(logs.asked) > 2)
    await starting.aclose()
    tried = len(logs.asked)
    await asyncio.sleep(0.01)
    assert len(logs.asked) == tried


async def test_file_that_cannot_be_written_makes_way_for_memory(caplog):
    logs = Logs(refusals=1)
    host, starting = await begun(LOCAL, logs, session_url="sqlite:///other.sqlite")
    assert logs.asked == [(LOCAL, "sqlite:///other.sqlite"), (MEMORY, "")]
    assert host.trouble == "the store is away"
    assert "lost when this server stops; set log_url to a file" in caplog.text
    await starting.aclose()


async def test_url_that_names_no_store_makes_way_for_memory():
    logs = Logs(refusals=0)

    def make(url, session_url):
        if url != MEMORY:
            raise ValueError("log url: expected …")
        return logs.driver(url, session_url)

    host = Host(Settings())
    starting = Beginning(host, lambda: Claim("odd://"), make, what="log_url")
    await starting.start()
    assert host.trouble == "log url: expected …"
    await starting.aclose()


async def test_server_whose_store_comes_later_keeps_runs_in_it(tmp_path, redis):
    url = redis.new_url()
    redis.kill()
    with ServerProcess(tmp_path, f"--KgnbApp.log_url={url}") as server:

        async def answer(path):
            try:
                return await asyncio.to_thread(server.call, path)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        async with asyncio.timeout(30):
            while "It is tried until it is there" not in server.log:
                await asyncio.sleep(0.1)
        try:
            assert await answer("kgnb/health") == 503
            assert await answer("kgnb/api/runs") == 503
        finally:
            redis.start()
        await server.wait_ready()
        assert (await answer("kgnb/api/runs"))["runs"] == []
        assert (await answer("kgnb/health"))["status"] == "healthy"
        assert "memory only" not in server.log
