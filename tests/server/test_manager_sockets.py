"""Clients of the connection manager on real sockets; the kernel is made of frames."""

import asyncio
import urllib.request

import pytest
from mail_clients import PHONE, Client, greet, texts
from server_harness import TOKEN

pytestmark = pytest.mark.usefixtures("no_watch")


async def test_restart_of_the_server_keeps_groups_and_queue(
    started, site, jp_serverapp
):
    async with site.link() as link:
        kernel = await greet(link)
        async with site.connect(PHONE) as socket:
            phone = Client(socket)
            await phone.join("admins")
            await kernel.group("admins", "had")
            assert await texts(phone, 1) == ["had"]
            # Still connected when the server stops: what it had is written then.
            await started.stop_extension()
            await socket.wait_closed()
    await started._start_jupyter_server_extension(jp_serverapp)
    async with site.link() as link:
        kernel = await greet(link, process_id="p2")
        await kernel.group("admins", "missed")
        async with site.connect(PHONE) as socket:
            assert await texts(Client(socket), 1) == ["missed"]


async def test_foreign_identity_with_the_same_client_id_gets_its_own(started, site):
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    url = site.url(f"api/status?token={TOKEN}", "http")
    reply = await asyncio.to_thread(opener.open, url)
    cookies = [
        value.split(";")[0]
        for key, value in reply.headers.items()
        if key.lower() == "set-cookie"
    ]
    headers = {"Cookie": "; ".join(cookies), "Origin": site.origin}
    async with site.link() as link:
        kernel = await greet(link)
        async with site.connect(PHONE) as socket:
            await Client(socket).join("admins")
        await kernel.group("admins", "secret")
        async with site.connect(PHONE, token=None, headers=headers) as socket:
            other = Client(socket)
            hello = await other.hear("hello")
            assert hello["identity"]["kind"] == "anonymous"
            assert await texts(other, 0) == []
            answer = await kernel.order(
                type="post", to="client", name="phone", message={"type": "note"}
            )
            assert answer["code"] == "conflict"
        async with site.connect(PHONE) as socket:
            assert await texts(Client(socket), 1) == ["secret"]


async def test_group_is_joined_by_right_or_where_it_is_open(
    started, site, jp_serverapp
):
    class NoGroups:
        def is_authorized(self, handler, user, action, resource):
            return resource != "kgnb:groups"

    jp_serverapp.web_app.settings["authorizer"] = NoGroups()
    async with site.connect() as socket:
        client = Client(socket)
        await client.say(type="join_group", group="admins", id=1)
        assert (await client.hear("error"))["code"] == "forbidden"
