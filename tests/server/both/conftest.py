"""Every test of this folder runs over both hosts: ``site`` is one, then the other."""

import logging
from dataclasses import replace

import pytest
from hosts_harness import FastApiSite, JupyterSite
from http_harness import Caller
from server_harness import AllLogs, RecordingDriver


@pytest.fixture
def jupyter_site(no_watch, started, jp_serverapp, jp_http_port):
    return JupyterSite(started, jp_serverapp, jp_http_port)


@pytest.fixture
def fastapi_site(jp_asyncio_loop):
    site = FastApiSite()
    jp_asyncio_loop.run_until_complete(site.start())
    yield site
    jp_asyncio_loop.run_until_complete(site.stop())


@pytest.fixture(params=["jupyter", "fastapi"])
def site(request):
    return request.getfixturevalue(f"{request.param}_site")


@pytest.fixture
def host(site):
    return site.host


@pytest.fixture
def call(site):
    return Caller(site)


@pytest.fixture
def driver(site):
    """A recording driver in the broker's place."""
    broker, site.host.driver = site.host.driver, RecordingDriver()
    yield site.host.driver
    site.host.driver = broker


@pytest.fixture
def settings(host):
    """Change settings of a server that runs."""

    def change(**values):
        host.settings = replace(host.settings, **values)

    return change


@pytest.fixture
def all_logs():
    """Every logger at DEBUG, into one list."""
    handler = AllLogs()
    names = (None, "tornado.access", "tornado.application", "tornado.general")
    names += ("asyncio", "kgnb", "uvicorn", "uvicorn.access", "uvicorn.error")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    yield handler
    for logger, level in before:
        logger.setLevel(level)
        logger.removeHandler(handler)
