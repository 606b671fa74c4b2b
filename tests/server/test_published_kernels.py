"""Published workflows over the lives of kernels, servers, and several people."""

import asyncio
import json
from pathlib import Path

import pytest
import websockets
from kernel_shell import Shell
from server_harness import BASE, ServerProcess, Site

COUNT = """
import kgnb
class Count(kgnb.Node):
    def prep(self, shared):
        return len(shared["messages"])
    def exec(self, count):
        return f"{NAME} has heard {count}"
kgnb.publish("count", kgnb.Graph(Count()), input="messages")
"""


async def publish(server, name):
    """A kernel of the server that publishes; its id."""
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    async with Shell(server, made["id"]) as shell:
        await shell.run(f"NAME = {name!r}\n{COUNT}")
    return made["id"]


async def hear(socket, *kinds):
    async with asyncio.timeout(20):
        while (frame := json.loads(await socket.recv()))["type"] not in kinds:
            pass
        return frame


async def ask(site, workflow="count", **frame):
    """Say something to a workflow; what it answers."""
    async with site.connect("kgnb/ws") as socket:
        frame = frame or {"type": "start_workflow", "workflow": workflow}
        await socket.send(json.dumps(frame))
        ended = await hear(socket, "workflow_completed", "error")
        return ended.get("data", ended.get("code"))


async def until_answer(site, expected, **frame):
    async with asyncio.timeout(15):
        while (found := await ask(site, **frame)) != expected:
            assert found in ("unavailable", "no_such_workflow", expected)
            await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_two_kernels_publish_one_name_and_the_last_one_owns_it(tmp_path):
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()
        site = Site(server.port, secret="")
        ada = await publish(server, "ada")
        assert await ask(site) == "ada has heard 0"
        bob = await publish(server, "bob")
        assert await ask(site) == "bob has heard 0"
        assert await ask(site, f"count@{ada[:8]}") == "ada has heard 0"
        delete = f"api/kernels/{bob}"
        await asyncio.to_thread(server.call, delete, method="DELETE")
        await until_answer(site, "ada has heard 0")
        assert await ask(site, f"count@{bob[:8]}") == "no_such_workflow"
        async with site.connect(f"kgnb/ws/count@{bob[:8]}") as socket:
            await socket.wait_closed()
            assert socket.close_code == 4004
        restart = f"api/kernels/{ada}/restart"
        await asyncio.to_thread(server.call, restart, method="POST")
        await until_answer(site, "no_such_workflow")


@pytest.mark.timeout(120)
async def test_session_and_idempotency_survive_a_restart_of_the_server(tmp_path):
    said = {"session_id": "s", "message": "hi"}
    once = {"type": "message", "session_id": "s", "content": "x", "id": "once"}
    log = f"--KgnbApp.log_url=sqlite:///{tmp_path}/log.sqlite"
    with ServerProcess(tmp_path, log) as server:
        await server.wait_ready()
        site = Site(server.port, secret="")
        await publish(server, "ada")
        assert await ask(site, **said) == "ada has heard 1"
        assert await ask(site, **once) == "ada has heard 2"
    with ServerProcess(tmp_path, log, port=server.port) as server:
        await server.wait_ready()
        site = Site(server.port, secret="")
        await publish(server, "bob")
        assert await ask(site, **once) == "ada has heard 2", "it was said once"
        assert await ask(site, **said) == "bob has heard 3"


@pytest.mark.timeout(120)
async def test_guessed_session_id_of_another_identity_sees_nothing(tmp_path):
    folder = str(Path(__file__).parent)
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_server_config.py").write_text(
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "c.ServerApp.identity_provider_class = 'people_provider.PeopleProvider'\n"
    )
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()
        await publish(server, "ada")
        url = f"ws://127.0.0.1:{server.port}{BASE}kgnb/ws"

        def socket_of(name):
            headers = {"X-Test-User": name, "Origin": f"http://127.0.0.1:{server.port}"}
            return websockets.connect(url, additional_headers=headers, proxy=None)

        async with socket_of("grace") as grace, socket_of("mallory") as mallory:
            for count in (1, 2):
                await grace.send(json.dumps({"session_id": "g", "message": "a secret"}))
                ended = await hear(grace, "workflow_completed")
                assert ended["data"] == f"ada has heard {count}"
            await mallory.send(json.dumps({"session_id": "g", "message": "what?"}))
            heard = [
                await hear(mallory, "workflow_started", "step", "workflow_completed")
            ]
            while heard[-1]["type"] != "workflow_completed":
                heard.append(json.loads(await mallory.recv()))
            assert heard[-1]["data"] == "ada has heard 1"
            assert "a secret" not in json.dumps(heard)
            assert len({frame["run_id"] for frame in heard}) == 1
