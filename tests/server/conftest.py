"""A real Jupyter server with the extension, its base URL /a%40b/.

pytest-jupyter's fixtures are imported, not named in ``pytest_plugins``: their
autouse fixtures and hooks then hold for this directory only.
"""

import logging
import sys
from pathlib import Path

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403
from traitlets.config import Config

sys.path.insert(0, str(Path(__file__).parent))

from server_harness import (
    TOKEN,
    AllLogs,
    RawClient,
    RecordingDriver,
    Site,
)


@pytest.fixture
def jp_server_config():
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"kgnb": True}},
            "IdentityProvider": {"token": TOKEN},
        }
    )


@pytest.fixture
def app(jp_serverapp):
    """The extension, loaded and not started."""
    return jp_serverapp.extension_manager.extension_points["kgnb"].app


@pytest.fixture
def host(app, http_server):
    return app.host


@pytest.fixture
def driver(host):
    """A recording driver in the broker's place."""
    host.driver = RecordingDriver()
    return host.driver


@pytest.fixture
def started(app, http_server, jp_serverapp, jp_asyncio_loop):
    """The extension as Jupyter starts it, with the real broker."""
    jp_asyncio_loop.run_until_complete(
        app._start_jupyter_server_extension(jp_serverapp)
    )
    return app


@pytest.fixture
def site(host, jp_http_port):
    return Site(jp_http_port, host.settings.link_secret)


@pytest.fixture
def raw(site, jp_asyncio_loop):
    """Opens raw clients, and closes them all."""
    opened = []

    async def open_one(*args, **kwargs):
        client = await RawClient.open(site.port, *args, **kwargs)
        opened.append(client)
        return client

    open_one.port = site.port
    yield open_one

    async def close_all():
        for client in opened:
            await client.aclose()

    jp_asyncio_loop.run_until_complete(close_all())


@pytest.fixture
def all_logs(app):
    """Every logger at DEBUG, into one list."""
    handler = AllLogs()
    loggers = [logging.getLogger(), app.log]
    loggers += [logging.getLogger(n) for n in ("tornado.access", "tornado.application")]
    loggers += [logging.getLogger(n) for n in ("tornado.general", "asyncio", "kgnb")]
    loggers += [app.serverapp.log]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    yield handler
    for logger, level in before:
        logger.setLevel(level)
        logger.removeHandler(handler)


@pytest.fixture
def no_watch(monkeypatch):
    """The kernels of these tests are unknown to Jupyter: nobody must look."""
    from kgnb.server.kernels import KernelWatcher

    async def look(self):
        pass

    monkeypatch.setattr(KernelWatcher, "look", look)
