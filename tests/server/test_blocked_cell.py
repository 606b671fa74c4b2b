"""The point of it all: a cell that blocks, answered through the server."""

import asyncio
import json
import time

from server_harness import ServerProcess, Site

CELL = """
import kgnb

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["publish", "revise"]).result()
    def post(self, shared, _, answer):
        return answer.value

class Publish(kgnb.Node):
    pass

review, publish = Review(), Publish()
review - "publish" >> publish
print(kgnb.run(kgnb.Graph(review, name="article")).result(timeout=30).status)
"""


def execute_request(code):
    return {
        "channel": "shell",
        "header": {
            "msg_id": "m1",
            "msg_type": "execute_request",
            "session": "s",
            "username": "u",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "allow_stdin": True},
        "buffers": [],
    }


async def printed_by(channels):
    """What the cell prints until its reply."""
    text = ""
    async for raw in channels:
        message = json.loads(raw)
        kind = message["header"]["msg_type"]
        if kind == "stream":
            text += message["content"]["text"]
        assert kind != "error", message["content"]
        if kind == "execute_reply":
            return text
    return text


async def wait_asked(server):
    async with asyncio.timeout(20):
        while not (
            found := (await asyncio.to_thread(server.call, "kgnb/api/approvals"))
        )["approvals"]:
            await asyncio.sleep(0.1)
    return found["approvals"][0]


async def test_blocked_cell_goes_on_within_a_second_of_the_answer(tmp_path):
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()
        body = {"name": "python3"}
        kernel = server.call("api/kernels", method="POST", body=body)["id"]
        site = Site(server.port, secret="")
        channels = site.connect(
            f"api/kernels/{kernel}/channels", subprotocols=None, max_size=None
        )
        async with channels as shell, site.connect("kgnb/ws?via=panel") as panel:
            await shell.send(json.dumps(execute_request(CELL)))
            cell = asyncio.create_task(printed_by(shell))
            asked = await wait_asked(server)
            answer = {
                "type": "answer",
                "approval_id": asked["approval_id"],
                "args_hash": asked["args_hash"],
                "value": "publish",
            }
            assert not cell.done()
            began = time.monotonic()
            await panel.send(json.dumps(answer))
            async with asyncio.timeout(10):
                assert await cell == "completed\n"
            assert time.monotonic() - began < 10
        (run,) = server.call("kgnb/api/runs")["runs"]
        assert (run["status"], run["kernel_id"]) == ("completed", kernel)
