"""``run.share()`` in a real kernel of a real server."""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request

import pytest
import websockets
from kernel_shell import Shell
from server_harness import ServerProcess, Talk

SETUP = """
import json, kgnb

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["yes", "no"]).result()

run = kgnb.run(kgnb.Graph(Review(), name="article"), panel=False)
"""
SHARE = """
link = run.share(role="answer", ttl=600, label="team")
print(json.dumps([link.url, link.ws_url, link.token, link.expires_at, repr(link),
                  link._repr_html_()]))
"""


async def test_run_shared_in_a_cell_is_answered_by_the_link_and_revoked(tmp_path):
    with ServerProcess(
        tmp_path, "--KgnbApp.public_url=https://example.org/x"
    ) as server:
        await server.wait_ready()
        body = {"name": "python3"}
        kernel = server.call("api/kernels", method="POST", body=body)["id"]
        async with Shell(server, kernel) as shell:
            await shell.run(SETUP)
            told = json.loads(await shell.run(SHARE))
            url, ws_url, token, expires_at, text, html = told
            assert url.startswith("https://example.org/x/kgnb/runs/")
            assert url.endswith(f"#token={token}")
            assert ws_url == f"wss://example.org/x/kgnb/ws/{token}"
            assert expires_at.endswith("Z")
            assert text == "<kgnb.ShareLink 'article' answer>"
            assert "<svg" in html
            assert "<script" not in html
            await answer_by(server, token)
            assert await shell.run("print(run.result(timeout=10).status)") == (
                "completed"
            )
            (listed,) = server.call("kgnb/api/links")["links"]
            assert listed["label"] == "team"
            await revoked_by_the_cell(server, shell, token)


def connect(server, token):
    url = f"ws://127.0.0.1:{server.port}/a%40b/kgnb/ws/{token}"
    return websockets.connect(url, subprotocols=["kgnb.v1"], proxy=None)


async def answer_by(server, token):
    async with connect(server, token) as socket:
        client = Talk(socket)
        await client.say(type="subscribe")
        asked = (await client.hear("approval_request"))["data"]
        named = {name: asked[name] for name in ("approval_id", "args_hash")}
        await client.say(type="answer", value="yes", **named)
        resolved = (await client.hear("approval_resolved"))["data"]
        assert resolved["by"]["user"] == "link: team"


async def revoked_by_the_cell(server, shell, token):
    async with connect(server, token) as socket:
        await Talk(socket).hear("hello")
        await shell.run("link.revoke(); link.revoke()")
        async with asyncio.timeout(5):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await socket.recv()
        assert (socket.close_code, socket.close_reason) == (4001, "Unauthorized")
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/a%40b/kgnb/api/runs",
        headers={"Authorization": f"Bearer {token}"},
    )
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
