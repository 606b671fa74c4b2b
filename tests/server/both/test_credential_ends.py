"""A credential that ends while its holder is connected, on either host."""

import asyncio

import pytest
import websockets
from hosts_harness import FastApiSite
from http_harness import RUN, Events, Kernel, begun
from server_harness import TOKEN, Talk, until
from traitlets.config import Config

from kgnb.server.asgi import User

INTERVAL = 0.1


@pytest.fixture
def jp_server_config():
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"kgnb": True}},
            "IdentityProvider": {"token": TOKEN},
            "KgnbApp": {"recheck_interval": INTERVAL},
        }
    )


class People:
    """The users of an application: may be asked, changed, and out of order."""

    def __init__(self):
        self.known = {TOKEN: User(username="ann"), "other": User(username="ben")}
        self.asked = []
        self.trouble = None

    async def __call__(self, token):
        self.asked.append(token)
        if self.trouble is not None:
            raise self.trouble
        return self.known.get(token)


@pytest.fixture
def people():
    return People()


@pytest.fixture
def fastapi_site(jp_asyncio_loop, people):
    site = FastApiSite(auth=people, config={"recheck_interval": INTERVAL})
    jp_asyncio_loop.run_until_complete(site.start())
    yield site
    jp_asyncio_loop.run_until_complete(site.stop())


@pytest.fixture
def revoke(request, site):
    """Take the token back that everybody came with."""

    def of_jupyter():
        site.serverapp.identity_provider.token = "another-token"

    def of_application():
        request.getfixturevalue("people").known.clear()

    return of_application if isinstance(site, FastApiSite) else of_jupyter


async def closing(socket):
    async with asyncio.timeout(5):
        with pytest.raises(websockets.ConnectionClosed) as caught:
            while True:
                await socket.recv()
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_token_taken_back_closes_its_open_sockets_with_4001(site, revoke):
    kernel = site.link()
    async with site.connect() as one, site.connect("kgnb/ws/workflow") as two:
        async with kernel as link:
            await Kernel(link).greet()
            revoke()
            assert await closing(one) == (4001, "Unauthorized")
            assert await closing(two) == (4001, "Unauthorized")
            await link.ping()  # a kernel's link has a secret of its own
        async with site.connect() as back:
            assert await closing(back) == (4001, "Unauthorized")


async def test_token_taken_back_ends_event_streams(site, revoke):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        async with Events(site, f"kgnb/api/runs/{RUN}/events") as events:
            assert (await events.next())["type"] == "workflow_started"
            revoke()
            assert await events.next() is None
        async with Events(site, f"kgnb/api/runs/{RUN}/events") as events:
            assert events.status == 401


async def test_token_that_holds_keeps_its_sockets_through_many_rounds(
    site, monkeypatch
):
    from kgnb.server.entrance import Guest

    judged, judge = [], Guest.judge_again

    async def judge_again(self):
        judged.append(await judge(self))
        return judged[-1]

    monkeypatch.setattr(Guest, "judge_again", judge_again)
    async with site.connect("kgnb/ws?client_id=c1") as socket:
        talk = Talk(socket)
        await until(lambda: len(judged) >= 3, timeout=5)
        await talk.say(type="ping")
        await talk.hear("pong")
    assert set(judged) == {None}


async def test_share_link_is_not_asked_about_in_rounds(site, call):
    body = {"run_id": RUN, "role": "view"}
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        made = await call("kgnb/api/links", method="POST", body=body)
        token = made.json["token"]
        async with site.connect(
            token=None, headers={"Authorization": f"Bearer {token}"}
        ) as socket:
            await Talk(socket).hear("hello")
            (guest,) = [each.guest for each in site.host.sockets if each.guest]
            assert await guest.judge_again() is None


# ---- what only an application's own auth can do


async def test_each_connection_is_asked_about_once_a_round(fastapi_site, people):
    async with fastapi_site.connect() as socket:
        for _ in range(20):
            await socket.send('{"type": "ping"}')
        await until(lambda: len(people.asked) >= 3, timeout=5)
        assert set(people.asked) == {TOKEN}


async def test_auth_that_fails_leaves_everybody_connected(
    fastapi_site, people, all_logs
):
    async with fastapi_site.connect() as socket:
        people.trouble = ConnectionError("of a database whose password is hunter2")
        asked = len(people.asked)
        await until(lambda: len(people.asked) >= asked + 2, timeout=5)
        people.trouble = None
        talk = Talk(socket)
        await talk.say(type="ping")
        await talk.hear("pong")
    assert "could not be judged again, and stay until they can" in all_logs.text
    assert "hunter2" not in all_logs.text


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (User(username="eve"), 4001),
        (User(username="ann", role="view"), 1012),
        (User(username="ann", may_join=True), 1012),
    ],
    ids=["another user", "another role", "other groups"],
)
async def test_whoever_became_another_is_let_go(fastapi_site, people, now, code):
    async with fastapi_site.connect() as socket:
        people.known[TOKEN] = now
        assert (await closing(socket))[0] == code


async def test_token_in_the_path_is_asked_about_by_itself(fastapi_site, people):
    async with fastapi_site.connect("kgnb/ws/other", token=None) as socket:
        people.known.pop(TOKEN)
        talk = Talk(socket)
        people.asked.clear()
        await until(lambda: len(people.asked) >= 2, timeout=5)
        await talk.say(type="ping")
        await talk.hear("pong")
        people.known.pop("other")
        assert (await closing(socket))[0] == 4001
