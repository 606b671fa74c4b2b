"""A Jupyter server in a process of its own: its port, its kernels, its death."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time

import psutil
import pytest
from server_harness import BASE, TOKEN, ServerProcess, Site

RUN = "feedfacefeedfacefeedfacefeedface"


@pytest.fixture
def folder(tmp_path):
    """Somewhere for a server to live."""
    return tmp_path


def environment_of(pid):
    return psutil.Process(pid).environ()


def start_kernel(server):
    """A kernel's id and pid."""
    children = psutil.Process(server.process.pid).children
    before = {child.pid for child in children()}
    kernel = server.call("api/kernels", method="POST", body={"name": "python3"})
    (pid,) = {child.pid for child in children()} - before
    return kernel["id"], pid


async def say(link, **message):
    await link.send(json.dumps(message))


async def hear(link, kind):
    async with asyncio.timeout(10):
        while (message := json.loads(await link.recv()))["type"] != kind:
            pass
    return message


async def begin_run(link, kernel_id, pid, process_id="p1"):
    """Say hello as a kernel and start a run that does not end."""
    hello = {"kernel_id": kernel_id, "process_id": process_id, "pid": pid}
    await say(link, type="hello", **hello)
    await hear(link, "welcome")
    started = {"type": "workflow_started", "run_id": RUN, "workflow": "w"}
    await say(link, type="append", run_id=RUN, epoch=1, n=1, events=[started])
    await hear(link, "appended")


def link_of(server, pid):
    """A link with what the kernel of ``pid`` has in its environment."""
    secret = environment_of(pid)["KGNB_LINK_SECRET"]
    return Site(server.port, secret).link()


async def wait_lost(server, within):
    """Seconds until the run is lost; its reason."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while True:
            (run,) = server.call("kgnb/api/runs")["runs"]
            if run["status"] == "lost":
                return time.monotonic() - began
            await asyncio.sleep(0.1)


async def test_kernels_inherit_the_real_address_when_the_port_was_taken(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with ServerProcess(folder, "--ServerApp.ip=0.0.0.0", port=port) as server:
            await server.wait_ready()
            assert server.port != port
            _, pid = start_kernel(server)
            found = environment_of(pid)
            url = f"ws://127.0.0.1:{server.port}{BASE}kgnb/link"
            assert found["KGNB_LINK_URL"] == url
            assert found["KGNB_LINK_PID"] == str(server.process.pid)
            assert TOKEN not in "".join(
                f"{name}={value}" for name, value in found.items() if "KGNB" in name
            )
            async with link_of(server, pid) as link:
                await begin_run(link, "k", pid)


async def test_killed_kernel_is_lost_within_two_seconds(folder):
    with ServerProcess(folder) as server:
        await server.wait_ready()
        kernel_id, pid = start_kernel(server)
        async with link_of(server, pid) as link:
            await begin_run(link, kernel_id, pid)
            await asyncio.sleep(1.5)  # the watcher has looked once
            os.kill(pid, signal.SIGKILL)
            assert await wait_lost(server, 5) < 2.5


@pytest.mark.parametrize("how", ["restart", "shutdown"])
async def test_kernel_that_a_person_ends_is_lost_within_two_seconds(folder, how):
    with ServerProcess(folder) as server:
        await server.wait_ready()
        kernel_id, pid = start_kernel(server)
        async with link_of(server, pid) as link:
            await begin_run(link, kernel_id, pid)
            await asyncio.sleep(1.5)
            if how == "restart":
                await asyncio.to_thread(
                    server.call, f"api/kernels/{kernel_id}/restart", method="POST"
                )
            else:
                await asyncio.to_thread(
                    server.call, f"api/kernels/{kernel_id}", method="DELETE"
                )
            assert await wait_lost(server, 5) < 2.5


async def test_kernel_that_lives_keeps_its_runs(folder):
    with ServerProcess(folder) as server:
        await server.wait_ready()
        kernel_id, pid = start_kernel(server)
        async with link_of(server, pid) as link:
            await begin_run(link, kernel_id, pid)
            await asyncio.sleep(3.5)
            (run,) = server.call("kgnb/api/runs")["runs"]
            assert run["status"] == "running"


async def test_killed_server_has_every_event_when_it_is_back(folder):
    with ServerProcess(folder) as server:
        await server.wait_ready()
        kernel_id, pid = start_kernel(server)
        async with link_of(server, pid) as link:
            await begin_run(link, kernel_id, pid)
            server.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with ServerProcess(folder) as server:
        await server.wait_ready()
        # Its kernel is not this server's: the run cannot go on.
        assert await wait_lost(server, 5) < 2.5
        assert "in memory only" not in server.log


async def test_two_servers_of_one_user_keep_two_logs(folder):
    with ServerProcess(folder) as first, ServerProcess(folder) as second:
        await first.wait_ready()
        await second.wait_ready()
        kernel_id, pid = start_kernel(first)
        async with link_of(first, pid) as link:
            await begin_run(link, kernel_id, pid)
            await asyncio.sleep(2.5)
            (run,) = first.call("kgnb/api/runs")["runs"]
            assert run["status"] == "running"
            assert second.call("kgnb/api/runs")["runs"] == []
    data = folder / "data" / "kgnb"
    assert {path.name for path in data.glob("*.sqlite")} == {
        "log.sqlite",
        "log-2.sqlite",
    }


async def test_stop_by_a_signal_is_clean_and_quick(folder):
    with ServerProcess(folder) as server:
        await server.wait_ready()
        began = time.monotonic()
        server.process.terminate()
        server.process.wait(20)
        assert time.monotonic() - began < 15
    assert "Traceback" not in server.log
    assert "stopping failed" not in server.log


async def test_server_boots_with_a_log_that_cannot_be_opened(folder):
    url = "--KgnbApp.log_url=sqlite:///proc/no/such/place.sqlite"
    with ServerProcess(folder, url) as server:
        await server.wait_ready()
        assert server.call("kgnb/health")["status"] == "degraded"
        assert "Runs are kept in memory only" in server.log
