"""kgnb.manager from nodes of a run in a real kernel, to sockets of a real server."""

import asyncio
import json

import pytest
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


class Shell:
    """Executes code in a kernel."""

    def __init__(self, server, kernel_id):
        site = Site(server.port, secret="")
        path = f"api/kernels/{kernel_id}/channels"
        self._channels = site.connect(path, subprotocols=None, max_size=None)
        self._number = 0

    async def __aenter__(self):
        self._socket = await self._channels.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._channels.__aexit__(*error)

    async def run(self, code):
        """What it prints."""
        self._number += 1
        header = {
            "msg_id": f"m{self._number}", "msg_type": "execute_request",
            "session": "s", "username": "u", "version": "5.3",
        }  # fmt: skip
        request = {
            "channel": "shell", "header": header, "parent_header": {}, "metadata": {},
            "content": {"code": code, "silent": False, "allow_stdin": True},
            "buffers": [],
        }  # fmt: skip
        await self._socket.send(json.dumps(request))
        text = ""
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await self._socket.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                content, kind = message["content"], message["header"]["msg_type"]
                assert kind != "error", content
                text += content.get("text", "") if kind == "stream" else ""
                if kind == "execute_reply":
                    return text.strip()


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
