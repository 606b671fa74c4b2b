"""Sessions in a store of their own, as an application's clients know them."""

import contextlib
import json

import pytest
from hosts_harness import FastApiSite
from link_harness import HELLO
from server_harness import Talk

from kgnb.storage import Sessions, open_log

SAY = {"type": "message", "session_id": "s", "workflow": "chat"}


@contextlib.asynccontextmanager
async def served(tmp_path, sessions):
    site = FastApiSite(
        log_url=f"sqlite://{tmp_path}/log.db", config={"session_url": sessions}
    )
    await site.start()
    try:
        yield site
    finally:
        await site.stop()


class Kernel(Talk):
    """Publishes a chat, and says that it begins and ends what it is told to."""

    def __init__(self, socket):
        super().__init__(socket)
        self.n = 0

    async def publish(self, process):
        await self.say(**HELLO | {"process_id": process})
        await self.hear("welcome")
        flow = {"name": "chat", "published_at": 1.0, "input": "messages"}
        flow["is_default"] = True
        await self.say(type="publish", n=1, workflows=[flow])
        await self.hear("published")

    async def reply(self):
        """Answer a message; what had been said until then."""
        order = await self.hear("start")
        run = {"run_id": order["run_id"], "workflow": "chat", "session_id": "s"}
        said = [*order["messages"], {"role": "assistant", "content": "aha"}]
        step = {"messages": said, "state": {}, "next": None, "next_nodes": []}
        events = [
            {**run, "type": "workflow_started"},
            {**run, "type": "step", **step},
            {**run, "type": "workflow_completed", "data": None},
        ]
        await self.say(
            type="append", run_id=order["run_id"], epoch=1, n=1, events=events
        )
        await self.say(type="started", run_id=order["run_id"])
        while (await self.hear("appended"))["n"] < len(events):
            pass
        return order["messages"]


@pytest.mark.parametrize("kind", ["sqlite", "redis", "postgres"])
async def test_session_in_another_store_goes_on_after_a_restart(
    tmp_path, kind, request
):
    url = f"sqlite://{tmp_path}/sessions.db"
    if kind == "redis":
        url = request.getfixturevalue("redis").new_url()
    elif kind == "postgres":
        url = request.getfixturevalue("postgres").new_database()
    heard = []
    for n in (1, 2):
        async with (
            served(tmp_path, url) as site,
            site.link() as link,
            site.connect() as socket,
        ):
            kernel = Kernel(link)
            await kernel.publish(f"p{n}")
            await socket.send(json.dumps({**SAY, "content": f"hi {n}"}))
            heard.append([said["content"] for said in await kernel.reply()])
    assert heard == [["hi 1"], ["hi 1", "aha", "hi 2"]]
    sessions = Sessions(open_log(url))
    await sessions.open()
    (session,) = await sessions.all()
    await sessions.aclose()
    assert b"hi 2" in session.value
    log = open_log(f"sqlite://{tmp_path}/log.db")
    await log.open()
    assert await log.scan("session/") == []
    await log.aclose()
