"""kgnb.manager from nodes of a run in a real kernel, to sockets of a real server."""

import asyncio
import json

import pytest
from kernel_shell import Shell
from server_harness import ServerProcess, Site

NODES = """
import kgnb
from kgnb import manager

class Announce(kgnb.Node):
    def exec(self, _):
        manager.broadcast({"type": "note", "text": "all"}, exclude=["phone"])
        reached = manager.broadcast_to_group("admins", {"type": "note", "text": "group"})
        return reached.result()

class Tell(kgnb.AsyncNode):
    async def exec_async(self, _):
        await manager.send_personal_message({"type": "note", "text": "you"}, "phone")
        await manager.publish("news", {"type": "note", "text": "topic"})
        return manager.connection_count()

    async def post_async(self, shared, _, count):
        shared["count"] = count

announce, tell = Announce(), Tell()
announce >> tell
print(kgnb.run(kgnb.AsyncGraph(announce)).result(timeout=30).shared["count"])
"""

AWAY = """
from kgnb import manager
for n in range({first}, {last}):
    reached = manager.broadcast_to_group("admins", {{"type": "note", "text": n}})
print(reached.result(30).queued)
"""


async def new_kernel(server):
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    return made["id"]


async def say(socket, **frame):
    await socket.send(json.dumps(frame))


async def hear(socket, kind):
    async with asyncio.timeout(10):
        while (frame := json.loads(await socket.recv()))["type"] != kind:
            pass
        return frame


async def notes(socket, count):
    """So many notes, and whatever comes before a pong after them."""
    found = [(await hear(socket, "note"))["text"] for _ in range(count)]
    await say(socket, type="ping")
    async with asyncio.timeout(10):
        while (frame := json.loads(await socket.recv()))["type"] != "pong":
            found += [frame["text"]] if frame["type"] == "note" else []
    return found


@pytest.mark.timeout(180)
async def test_nodes_of_a_run_reach_two_sockets_and_one_that_returns(tmp_path):
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()
        site = Site(server.port, secret="")
        kernel = await new_kernel(server)
        phone_path = "kgnb/ws?client_id=phone"
        async with Shell(server, kernel) as shell:
            async with site.connect(phone_path) as phone, site.connect() as desk:
                for socket in (phone, desk):
                    await say(socket, type="join_group", group="admins")
                    await hear(socket, "joined_group")
                await say(phone, type="subscribe", topics=["news"])
                await hear(phone, "subscribed")
                assert await shell.run(NODES) == "2"
                assert await notes(desk, 2) == ["all", "group"]
                assert await notes(phone, 3) == ["group", "you", "topic"]
            assert await shell.run(AWAY.format(first=0, last=3)) == "1"
            # Killed: nothing can be written any more, and the kernel dies with it.
            server.kill()
    with ServerProcess(tmp_path, port=server.port) as server:
        await server.wait_ready()
        site = Site(server.port, secret="")
        async with Shell(server, await new_kernel(server)) as shell:
            assert await shell.run(AWAY.format(first=3, last=5)) == "1"
            async with site.connect(phone_path) as phone:
                assert await notes(phone, 5) == [0, 1, 2, 3, 4]
            async with site.connect(phone_path) as phone:
                assert await notes(phone, 0) == []
