"""Executes code in a real kernel of a server, by its channels."""

import asyncio
import json

from server_harness import Site


class Shell:
    """One kernel's shell; use with ``async with``."""

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
        text, waits_for = "", {"execute_reply", "idle"}
        async with asyncio.timeout(60):
            while waits_for:
                message = json.loads(await self._socket.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                content, kind = message["content"], message["header"]["msg_type"]
                assert kind != "error", content
                text += content.get("text", "") if kind == "stream" else ""
                # The reply and the output come by two ways, in no order.
                waits_for.discard(kind)
                waits_for.discard(content.get("execution_state"))
        return text.strip()
