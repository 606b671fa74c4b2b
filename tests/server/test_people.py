"""Votes on a real Jupyter server whose users have names."""

import asyncio
import json
import os

import pytest
import websockets
from hosts_harness import FastApiSite
from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider
from jupyter_server.auth.identity import LegacyIdentityProvider
from jupyter_server.auth.login import LoginFormHandler
from people_provider import PeopleProvider
from server_harness import BASE, Talk
from tornado.httpclient import AsyncHTTPClient
from traitlets.config import Config

from kgnb.server.identities import names_people

pytestmark = pytest.mark.usefixtures("no_watch")

RUN = "feedfacefeedfacefeedfacefeedface"
APPROVAL = "a" * 20
NAMES = ["ada", "grace", "linus"]


def event(kind, **fields):
    stamp = "2026-11-21T03:40:44.123Z"
    return {
        "type": kind,
        "run_id": RUN,
        "workflow": "release",
        "timestamp": stamp,
        **fields,
    }


def request(**rules):
    data = {
        "approval_id": APPROVAL,
        "args_hash": "b" * 32,
        "message": "Ship it?",
        "options": ["ship", "hold"],
        "need": 2,
        "approvers": NAMES,
        **rules,
    }
    return event("approval_request", node_id="Gate", task_id="Gate:1", data=data)


class Voter(Talk):
    """Votes and hears of it."""

    async def vote(self, value, number=1):
        """The reply to a vote."""
        await self.say(type="answer", approval_id=APPROVAL, value=value, id=number)
        return await self.hear("ack", "error")


class Place:
    """Where a server is, and who calls."""

    def __init__(self, port, secret):
        self.root = f"127.0.0.1:{port}"
        self.secret = secret
        self.open = []

    async def _connect(self, path, headers):
        socket = await websockets.connect(
            f"ws://{self.root}{BASE}kgnb/{path}",
            max_queue=None,  # who reads no more may close all the same
            additional_headers=headers,
            subprotocols=["kgnb.v1"],
            proxy=None,
        )
        self.open.append(socket)
        return Voter(socket)

    async def person(self, name):
        headers = {"X-Test-User": name, "Authorization": f"Bearer {name}"}
        headers["Origin"] = f"http://{self.root}"
        return await self._connect("ws", headers)

    async def kernel(self, *events, **hello):
        """A link that has said hello and sent these events as its run's first."""
        kernel = await self._connect(
            "link", {"Authorization": f"kgnb-link {self.secret}"}
        )
        await kernel.say(
            type="hello", kernel_id="k1", process_id="p1", pid=os.getpid(), **hello
        )
        kernel.welcome = await kernel.hear("welcome")
        if events:
            await kernel.say(type="append", run_id=RUN, epoch=1, n=1, events=events)
            await kernel.hear("appended")
        return kernel

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for socket in self.open:
            await socket.close()


@pytest.fixture
def jp_server_config(jp_server_config):
    return Config(
        {
            **jp_server_config,
            "ServerApp": {
                "jpserver_extensions": {"kgnb": True},
                "identity_provider_class": PeopleProvider,
            },
        }
    )


def person(token):
    """The users of the application: whoever brings his name as his token."""
    return {"username": token, "name": token.capitalize()}


@pytest.fixture
def application(jp_asyncio_loop):
    site = FastApiSite(auth=person)
    jp_asyncio_loop.run_until_complete(site.start())
    yield site
    jp_asyncio_loop.run_until_complete(site.stop())


@pytest.fixture(params=["jupyter", "fastapi"])
def place(request, jp_asyncio_loop):
    if request.param == "jupyter":
        request.getfixturevalue("started")
        site = request.getfixturevalue("site")
    else:
        site = request.getfixturevalue("application")
    place = Place(site.port, site.secret)
    yield place
    jp_asyncio_loop.run_until_complete(place.__aexit__())


async def test_two_of_three_people_decide_and_everybody_hears_each_vote(place):
    kernel = await place.kernel(event("workflow_started"), request())
    assert kernel.welcome["knows_people"] is True
    ada, grace, linus, eve = [await place.person(n) for n in (*NAMES, "eve")]
    greeting = await ada.hear("hello")
    assert (greeting["identity"]["user"], greeting["identity"]["name"]) == (
        "ada",
        "Ada",
    )
    await linus.say(type="subscribe", run_id=RUN)
    await linus.hear("approval_request")

    assert (await eve.vote("hold"))["code"] == "forbidden"
    assert (await ada.vote("ship"))["data"] == {"votes": 1, "need": 2}
    heard = await linus.hear("approval_vote")
    (cast,) = heard["data"]["votes"]
    assert (cast["user"], cast["approver"], cast["value"]) == ("Ada", "ada", "ship")
    assert cast["voter"] == greeting["identity"]["voter"]
    assert (await ada.vote("ship", 2))["code"] == "conflict"
    decided = await grace.vote("ship")
    assert decided["data"]["value"] == "ship"
    resolved = await linus.hear("approval_resolved")
    assert [v["user"] for v in resolved["data"]["votes"]] == ["Ada", "Grace"]
    assert (await linus.vote("hold"))["code"] == "already_answered"


async def test_second_socket_of_a_person_has_no_second_vote(place):
    await place.kernel(event("workflow_started"), request(approvers=None))
    one, other = await place.person("ada"), await place.person("ada")
    replies = await asyncio.gather(one.vote("ship", 1), other.vote("ship", 2))
    assert sorted(r["type"] for r in replies) == ["ack", "error"]


async def test_many_voters_at_once_come_to_one_decision(place):
    await place.kernel(event("workflow_started"), request(need=10, approvers=None))
    people = [await place.person(f"u{n}") for n in range(25)]
    replies = await asyncio.gather(
        *(p.vote(["ship", "hold"][n % 2]) for n, p in enumerate(people))
    )
    decisions = [r for r in replies if r["type"] == "ack" and "outcome" in r["data"]]
    assert len(decisions) == 1
    votes = decisions[0]["data"]["votes"]
    assert len({v["voter"] for v in votes}) == len(votes)
    late = [r for r in replies if r["type"] == "error"]
    assert {r["code"] for r in late} <= {"already_answered"}
    assert len(replies) - len(late) == len(votes)


async def test_open_vote_is_listed_with_the_votes_so_far(place):
    await place.kernel(event("workflow_started"), request())
    await (await place.person("ada")).vote("ship")
    reply = await AsyncHTTPClient().fetch(
        f"http://{place.root}{BASE}kgnb/api/approvals",
        headers={"X-Test-User": "eve", "Authorization": "Bearer eve"},
    )
    (question,) = json.loads(reply.body)["approvals"]
    assert [(v["user"], v["value"]) for v in question["votes"]] == [("Ada", "ship")]


async def test_first_vote_outlives_a_restart_of_the_broker(started, jp_serverapp, site):
    async with Place(site.port, site.secret) as place:
        kernel = await place.kernel(event("workflow_started"), request())
        token = kernel.welcome["owner_token"]
        assert (await (await place.person("ada")).vote("ship"))["type"] == "ack"
        await started.stop_extension()
    await started._start_jupyter_server_extension(jp_serverapp)
    async with Place(site.port, site.secret) as place:
        await place.kernel(owner_token=token)
        ada, grace = await place.person("ada"), await place.person("grace")
        mark = (await ada.hear("hello"))["identity"]["voter"]
        again = await ada.vote("hold", 2)
        assert "voted already, for 'ship'" in again["message"]
        decided = (await grace.vote("ship"))["data"]
        assert decided["outcome"] == "answered"
        # The marks are made by the server's key, so hers is the one in the log.
        assert decided["votes"][0]["voter"] == mark


class Page(LoginFormHandler):
    """A login handler as extensions for Jupyter Server 1 have it."""


@pytest.mark.parametrize(
    ("provider", "is_known"),
    [
        (IdentityProvider(), False),
        (PasswordIdentityProvider(), False),
        (LegacyIdentityProvider(), False),
        (LegacyIdentityProvider(login_handler_class=Page), True),
        (PeopleProvider(), True),
    ],
    ids=["token", "password", "legacy", "legacy-own", "own"],
)
def test_provider_that_names_people_is_told_from_one_that_makes_them_up(
    provider, is_known
):
    assert names_people(provider) is is_known
