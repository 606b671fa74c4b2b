"""What was said in a session, for whoever goes on with it on another device."""

import json

import pytest
from http_harness import Kernel, completed
from server_harness import Talk


class Chat:
    """A kernel that publishes a chat, and plays what becomes of its messages."""

    def __init__(self, kernel, call):
        self.kernel = kernel
        self.call = call

    async def say(self, socket, session_id, text):
        """Have a run begin with a message; what its kernel was told."""
        said = {"type": "message", "session_id": session_id, "content": text}
        await Talk(socket).say(**said)
        start = await self.kernel.hear("start")
        begun = {"type": "workflow_started", "session_id": start["session_id"]}
        await self.kernel.append(begun, run_id=start["run_id"])
        await self.kernel.say(type="started", run_id=start["run_id"])
        return start

    async def reply(self, start, text):
        """End the run with a reply."""
        said = [*start["messages"], {"role": "assistant", "content": text}]
        step = {"type": "step", "messages": said, "state": {}}
        step |= {"next": None, "next_nodes": []}
        await self.kernel.append(step, completed(), run_id=start["run_id"])

    async def read(self, name="s", **kwargs):
        return await self.call(f"kgnb/api/sessions/{name}", **kwargs)

    async def said(self, name="s", **kwargs):
        read = (await self.read(name, **kwargs)).json
        return [message["content"] for message in read["messages"]]


@pytest.fixture
def chat(site, call, jp_asyncio_loop):
    async def greet():
        link = await site.link()
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter", "input": "messages"})
        return Chat(kernel, call)

    chat = jp_asyncio_loop.run_until_complete(greet())
    yield chat
    jp_asyncio_loop.run_until_complete(chat.kernel.socket.close())


async def link_of(call, **wish):
    """A share link; as a credential it is ``bearer`` of it."""
    body = {"role": "start", **wish} if "workflow" in wish else wish
    return (await call("kgnb/api/links", method="POST", body=body)).json


def bearer(link):
    return {"token": None, "headers": {"Authorization": f"Bearer {link['token']}"}}


async def test_session_in_which_nothing_was_said_is_empty(chat):
    answer = await chat.read("s%20one")
    assert answer.json == {
        "session_id": "s one",
        "messages": [],
        "changed_at": None,
        "runs": [],
    }


async def test_session_tells_its_messages_and_its_run_under_way(chat, site):
    async with site.connect("kgnb/ws/letter") as socket:
        start = await chat.say(socket, "s", "hi")
        read = (await chat.read()).json
        assert read["messages"] == [{"role": "user", "content": "hi"}]
        assert read["changed_at"].endswith("Z")
        (run,) = read["runs"]
        told = run["run_id"], run["workflow"], run["status"]
        assert told == (start["run_id"], "letter", "running")
        await chat.reply(start, "hello")
        read = (await chat.read()).json
        assert read["messages"][1:] == [{"role": "assistant", "content": "hello"}]
        assert read["runs"] == []


async def test_session_of_any_name_is_found(chat, site):
    async with site.connect("kgnb/ws/letter") as socket:
        start = await chat.say(socket, "a/b ü?", "hi")
        await chat.reply(start, "hello")
    assert await chat.said("a%2Fb%20%C3%BC%3F") == ["hi", "hello"]


async def test_session_of_another_identity_is_another_session(chat, site, call):
    shared = await link_of(call, workflow="letter")
    guest = bearer(shared)
    async with site.connect("kgnb/ws/letter") as socket:
        await chat.reply(await chat.say(socket, "s", "a secret"), "kept")
    assert await chat.said(**guest) == []
    async with site.connect("kgnb/ws/letter", **guest) as socket:
        await chat.reply(await chat.say(socket, "s", "mine"), "yours")
    assert await chat.said(**guest) == ["mine", "yours"]
    assert await chat.said() == ["a secret", "kept"]


async def test_session_is_read_by_the_token_of_whoever_shares_it(chat, site, call):
    async with site.connect("kgnb/ws/letter") as socket:
        await chat.reply(await chat.say(socket, "s", "hi"), "hello")
    guest = bearer(await link_of(call, workflow="letter"))
    made = await link_of(call, session_id="s")
    token = made["session_token"]
    answer = await chat.read(token, **guest)
    assert [m["content"] for m in answer.json["messages"]] == ["hi", "hello"]
    assert answer.json["session_id"] == token  # how its maker calls it is not told
    await call(f"kgnb/api/links/{made['link_id']}", method="DELETE")
    assert (await chat.read(token, **guest)).status == 401
    assert (await chat.read("kgnb.session.x", **guest)).status == 401
    assert (await chat.read(token, token=token)).status == 401


async def test_link_to_one_run_shows_no_run_of_the_session(chat, site, call):
    async with site.connect("kgnb/ws/letter") as socket:
        first = await chat.say(socket, "s", "hi")
        other = await chat.say(socket, "other", "hi")
        made = await link_of(call, session_id="s")
        link = await link_of(call, run_id=other["run_id"])
        answer = await chat.read(made["session_token"], **bearer(link))
        assert answer.json["runs"] == []
        assert first["run_id"] not in json.dumps(answer.json)
