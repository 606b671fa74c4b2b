"""Starting and stopping the extension in a real Jupyter server."""

import logging
import os
import sqlite3

import pytest
from server_harness import BASE, TOKEN, body_of, until

from kgnb.server import access, logs
from kgnb.server.app import PID, SECRET, URL, KgnbApp

VARIABLES = (URL, SECRET, PID)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start(app, jp_serverapp, http_server):
    async def start_it():
        await app._start_jupyter_server_extension(jp_serverapp)
        return app

    start_it.app = app
    return start_it


def test_extension_is_what_the_package_points_to():
    import json
    from pathlib import Path

    import kgnb
    import kgnb.server

    for package in (kgnb, kgnb.server):
        (point,) = package._jupyter_server_extension_points()
        assert point["app"] is KgnbApp
    config = Path(kgnb.__file__).parents[1] / "jupyter-config/jupyter_server_config.d"
    enabled = json.loads((config / "kgnb.json").read_text())
    assert enabled == {"ServerApp": {"jpserver_extensions": {"kgnb": True}}}


def test_every_trait_has_a_help_text_and_the_contracts_default():
    traits = KgnbApp.class_own_traits(config=True)
    assert all(trait.help for trait in traits.values())
    defaults = {name: trait.default() for name, trait in traits.items()}
    assert defaults == {
        "max_connections": 1000,
        "max_connections_per_identity": 100,
        "ping_interval": 30,
        "ping_timeout": 10,
        "recheck_interval": 30,
        "max_message_size": 1_048_576,
        "compression": "deflate",
        "link_secret": "",
        "public_url": "",
        "share_link_max_ttl": 86_400,
        "memory_limit": None,
        "allow_origins": [],
        "rate_limit_messages": 100,
        "rate_limit_window": 60,
        "groups_open": [],
        "offline_queue": 1000,
        "offline_ttl": 86_400,
        "retention_days": 30,
        "log_url": "",
        "session_url": "",
        "backplane_url": "",
    }


async def test_start_tells_kernels_where_to_dial_and_stop_takes_it_back(
    start, jp_http_port
):
    app = await start()
    assert os.environ[URL] == f"ws://127.0.0.1:{jp_http_port}{BASE}kgnb/link"
    assert os.environ[PID] == str(os.getpid())
    secret = os.environ[SECRET]
    root = access.derive_root(app.serverapp.cookie_secret)
    assert secret == access.derive_link_secret(root)
    assert root not in os.environ.values()
    assert TOKEN not in secret
    await app.stop_extension()
    assert not any(name in os.environ for name in VARIABLES)


async def test_stop_leaves_the_variables_of_another_server(start):
    app = await start()
    os.environ[URL] = "ws://127.0.0.1:1/kgnb/link"
    await app.stop_extension()
    assert os.environ[URL] == "ws://127.0.0.1:1/kgnb/link"


async def test_environment_is_set_before_the_log_is_opened(start, app, monkeypatch):
    seen = []

    def opening():
        seen.append(URL in os.environ)
        raise LookupError

    monkeypatch.setattr(app, "_claim_log", opening)
    with pytest.raises(LookupError):
        await start()
    assert seen == [True]


async def test_log_is_a_file_of_the_owner_under_jupyters_data(start, jp_data_dir):
    app = await start()
    path = jp_data_dir / "kgnb" / "log.sqlite"
    assert path.stat().st_mode & 0o077 == 0
    assert app.host.trouble is None
    await app.stop_extension()
    assert sqlite3.connect(path).execute("pragma integrity_check").fetchone() == ("ok",)


async def test_second_server_of_the_same_user_takes_a_file_of_its_own(
    start, jp_data_dir
):
    claim = logs.claim_in(jp_data_dir / "kgnb")
    app = await start()
    assert (jp_data_dir / "kgnb" / "log-2.sqlite").exists()
    assert app.host.trouble is None
    claim.release()


@pytest.mark.parametrize("trouble", ["not writable", "taken", "nonsense", "corrupt"])
async def test_log_that_cannot_be_opened_is_said_and_replaced_by_memory(
    start, tmp_path, trouble, caplog, jp_fetch
):
    app = start.app
    claim = None
    path = tmp_path / "mine.sqlite"
    app.log_url = f"sqlite://{path}"
    if trouble == "not writable":
        (tmp_path / "file").touch()
        app.log_url = f"sqlite://{tmp_path}/file/mine.sqlite"
    elif trouble == "taken":
        claim = logs.claim_url(app.log_url)
    elif trouble == "nonsense":
        app.log_url = "nonsense://x"
    else:
        path.write_bytes(b"this is no database" * 1000)
    await start()
    said = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert len(said) == 1
    assert "in memory only" in said[0].getMessage()
    assert "KgnbApp.log_url" in said[0].getMessage()
    assert body_of(await jp_fetch("kgnb", "health"))["status"] == "degraded"
    if claim is not None:
        claim.release()


async def test_stop_lets_every_socket_go_with_1012(start, site):
    app = await start()
    async with site.connect() as socket:
        await until(lambda: app.host.sockets)
        await app.stop_extension()
        await socket.wait_closed()
        assert socket.close_code == 1012


async def test_stop_without_start_and_twice_does_nothing(app):
    await app.stop_extension()
    await app.stop_extension()


async def test_stop_that_fails_is_logged_and_raises_nothing(start, caplog, monkeypatch):
    app = await start()
    driver = app.host.driver
    with monkeypatch.context() as patch:

        async def broken():
            raise RuntimeError("no")

        patch.setattr(app._watcher, "aclose", broken)
        await app.stop_extension()
    assert "stopping failed" in caplog.text
    await app._watcher.aclose()
    await driver.aclose()


async def test_stop_that_hangs_is_bounded(start, caplog, monkeypatch):
    import asyncio

    from kgnb.server import app as module

    app = await start()
    driver = app.host.driver
    monkeypatch.setattr(module, "_STOP_TIMEOUT", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(driver, "aclose", asyncio.Event().wait)
        await app.stop_extension()
    assert "stopping took over" in caplog.text
    await driver.aclose()


async def test_unix_socket_server_tells_kernels_nothing(start, jp_serverapp, caplog):
    jp_serverapp.sock = "/tmp/kgnb-test.sock"
    app = await start()
    assert URL not in os.environ
    jp_serverapp.sock = ""
    await app.stop_extension()
