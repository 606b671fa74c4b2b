"""Share links, end to end, over both hosts: made, used, revoked, expired."""

import asyncio
import contextlib
import json
from urllib.parse import unquote

import pytest
import websockets
from http_harness import RUN, Events, Kernel, begun, completed, question
from server_harness import BASE, TOKEN, Talk

OTHER = "f" * 32
"""A run of a workflow that no link here is for."""


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Links:
    """Makes links by HTTP, and comes by them."""

    def __init__(self, site, call):
        self.site = site
        self.call = call

    async def make(self, status=201, **body):
        reply = await self.call("kgnb/api/links", method="POST", body=body)
        assert reply.status == status, reply.raw
        return reply.json

    async def revoke(self, link_id, **kwargs):
        path = f"kgnb/api/links/{link_id}"
        return await self.call(path, method="DELETE", **kwargs)

    def get(self, token, path, **kwargs):
        return self.call(path, token=None, headers=bearer(token), **kwargs)

    def connect(self, token, path="kgnb/ws", **kwargs):
        return self.site.connect(path, token=None, headers=bearer(token), **kwargs)


@pytest.fixture
def links(site, call):
    return Links(site, call)


@contextlib.asynccontextmanager
async def kernel_of(site):
    """A kernel with a run of ``letter`` and one of ``other``, each with a question."""
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter"}, {"name": "other"})
        await kernel.append(begun(), question())
        other = begun() | {"workflow": "other"}
        await kernel.append(other, question("a2"), run_id=OTHER)
        yield kernel


async def closed(socket):
    """Code and reason, within a second."""
    async with asyncio.timeout(1):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


# Made


async def test_share_link_made_has_address_picture_and_end(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN, role="answer", ttl=60, label="team")
    base = f"http://127.0.0.1:{site.port}{BASE}"
    address, _, fragment = made["url"].partition("#token=")
    assert unquote(address) == unquote(f"{base}kgnb/runs/{RUN}")
    assert fragment == made["token"]
    assert unquote(made["ws_url"]) == unquote(
        f"{base}kgnb/ws/{made['token']}".replace("http", "ws", 1)
    )
    assert made["qr_svg"].startswith("<svg ")
    assert "<script" not in made["qr_svg"]
    assert made["expires_at"].endswith("Z")
    assert (made["role"], made["label"]) == ("answer", "team")


async def test_share_link_of_a_workflow_leads_to_its_chat(site, links):
    async with kernel_of(site):
        made = await links.make(workflow="letter", role="start")
    assert unquote(made["url"]).startswith(f"{site.http}/a@b/kgnb/chat/letter#token=")


async def test_share_link_address_begins_with_the_public_url(site, links, monkeypatch):
    settings = site.host.settings
    monkeypatch.setitem(vars(settings), "public_url", "https://example.org/x/")
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
    assert made["url"].startswith(f"https://example.org/x/kgnb/runs/{RUN}#token=")
    assert made["ws_url"].startswith("wss://example.org/x/kgnb/ws/")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"run_id": "0" * 32}, 404, "no_such_run"),
        ({"workflow": "missing"}, 404, "no_such_workflow"),
        ({}, 400, "invalid"),
        ({"run_id": RUN, "role": "owner"}, 400, "invalid"),
        ({"run_id": RUN, "ttl": 86_401}, 400, "invalid"),
        ({"run_id": RUN, "more": 1}, 400, "invalid"),
    ],
)
async def test_share_link_that_cannot_be_is_refused(site, links, body, status, code):
    async with kernel_of(site):
        assert (await links.make(status=status, **body))["code"] == code


async def test_share_link_role_is_at_most_the_makers(site, links):
    from kgnb.server.calls.call import CONTROL

    async with kernel_of(site):
        token = site.without(CONTROL)
        for role, status in (("answer", 201), ("control", 403), ("start", 403)):
            body = {"run_id": RUN, "role": role}
            reply = await links.call(
                "kgnb/api/links", method="POST", body=body, token=token
            )
            assert reply.status == status


async def test_share_links_are_listed_without_their_tokens(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        reply = await links.call("kgnb/api/links")
    assert [each["link_id"] for each in reply.json["links"]] == [made["link_id"]]
    assert made["token"].encode() not in reply.raw


# Used


PLACES = {
    "header": lambda token: ("kgnb/ws", bearer(token), ["kgnb.v1"]),
    "subprotocol": lambda token: ("kgnb/ws", {}, ["kgnb.v1", f"kgnb.token.{token}"]),
    "path": lambda token: (f"kgnb/ws/{token}", {}, ["kgnb.v1"]),
}


@pytest.mark.parametrize("place", PLACES)
async def test_share_link_opens_a_socket_from_each_place(site, links, place):
    async with kernel_of(site):
        made = await links.make(run_id=RUN, role="answer", label="team")
        path, headers, offered = PLACES[place](made["token"])
        connecting = site.connect(
            path, token=None, headers=headers, subprotocols=offered
        )
        async with connecting as socket:
            assert socket.subprotocol == "kgnb.v1"
            client = Talk(socket)
            identity = (await client.hear("hello"))["identity"]
            assert (identity["name"], identity["role"]) == ("link: team", "answer")
            await client.say(type="subscribe", run_id=RUN)
            await client.hear("approval_request")
            await client.say(type="answer", approval_id="a1", value="yes")
            told = await client.hear("approval_resolved")
            assert told["data"]["by"]["user"] == "link: team"


async def test_share_link_in_the_path_is_bound_to_its_workflow(site, links):
    async with kernel_of(site) as kernel:
        made = await links.make(workflow="letter", role="start")
        path = f"kgnb/ws/{made['token']}/k7"
        async with site.connect(path, token=None, subprotocols=None) as socket:
            await socket.send(json.dumps({"session_id": "s", "message": "hi"}))
            start = await kernel.hear("start")
    assert start["workflow"] == "letter"
    assert start["params"] == {"key": "k7", "message": "hi"}


@pytest.mark.parametrize("workflow", ["other", "missing"])
async def test_share_link_finds_no_other_workflows_socket(site, links, workflow):
    async with kernel_of(site):
        made = await links.make(workflow="letter", role="start")
        async with links.connect(made["token"], f"kgnb/ws/{workflow}") as socket:
            assert await closed(socket) == (4004, "No such workflow")


BAD = {
    "tampered": lambda token: token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB"),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "no token": lambda _token: "x.y.z",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("bad", BAD)
async def test_share_link_that_is_not_valid_is_closed_with_4001_at_once(
    site, links, place, bad
):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        path, headers, offered = PLACES[place](BAD[bad](made["token"]))
        connecting = site.connect(
            path, token=None, headers=headers, subprotocols=offered
        )
        async with connecting as socket:
            assert await closed(socket) == (4001, "Unauthorized")


async def test_share_link_that_is_not_valid_is_not_saved_by_a_token_in_the_query(
    site, links
):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        bad = BAD["tampered"](made["token"])
        async with links.connect(bad, f"kgnb/ws?token={TOKEN}") as socket:
            assert await closed(socket) == (4001, "Unauthorized")
        reply = await links.get(bad, f"kgnb/api/runs?token={TOKEN}")
        assert (reply.status, reply.json["code"]) == (401, "unauthorized")


READING = ["", "/report.html", "/trace.jsonl", "/events"]


async def test_share_link_reads_its_run_over_http_and_no_other(site, links):
    async with kernel_of(site) as kernel:
        await kernel.append(completed())
        made = await links.make(run_id=RUN)
        token = made["token"]
        for path in READING:
            reply = await links.get(token, f"kgnb/api/runs/{RUN}{path}")
            assert reply.status == 200, path
            refusals = []
            for run_id in (OTHER, "missing"):
                reply = await links.get(token, f"kgnb/api/runs/{run_id}{path}")
                refusals.append((reply.status, reply.raw.replace(run_id.encode(), b"")))
            assert refusals[0] == refusals[1]
            assert refusals[0][0] == 404
        runs = (await links.get(token, "kgnb/api/runs")).json["runs"]
        assert [run["run_id"] for run in runs] == [RUN]
        assert (await links.get(token, "kgnb/api/approvals")).json == {"approvals": []}
        assert (await links.get(token, "kgnb/api/workflows")).json == {"workflows": []}
        assert (await links.get(token, "kgnb/api/approvals/a2")).status == 404


async def test_share_link_does_over_http_what_its_role_includes(site, links):
    async with kernel_of(site) as kernel:
        viewer = await links.make(run_id=RUN, role="view")
        maker = await links.make(run_id=RUN, role="control")
        answering = {"method": "POST", "body": {"value": "yes"}}
        path = "kgnb/api/approvals/a1"
        assert (await links.get(viewer["token"], path, **answering)).status == 403
        assert (await links.get(maker["token"], path, **answering)).status == 200
        path = f"kgnb/api/runs/{RUN}/cancel"
        refused = await links.get(viewer["token"], path, method="POST")
        assert refused.status == 403
        obeyed = asyncio.ensure_future(kernel.obey())
        assert (await links.get(maker["token"], path, method="POST")).status == 200
        assert (await obeyed)["by"]["user"] == "share link"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "kgnb/metrics", None),
        ("GET", "kgnb/ws/metrics", None),
        ("GET", "kgnb/api/audit", None),
        ("GET", "kgnb/api/links", None),
        ("POST", "kgnb/api/links", {"run_id": RUN}),
        ("DELETE", "kgnb/api/links/{link_id}", None),
    ],
)
async def test_share_link_opens_nothing_else_of_ours(site, links, method, path, body):
    async with kernel_of(site):
        made = await links.make(workflow="letter", role="start")
        reply = await links.get(
            made["token"],
            path.format(link_id=made["link_id"]),
            method=method,
            body=body,
        )
        assert (reply.status, reply.json["code"]) == (403, "forbidden")


async def test_share_link_sees_of_health_what_anybody_sees(site, links, call):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        seen = (await links.get(made["token"], "kgnb/health")).json
        assert seen.keys() == (await call("kgnb/health", token=None)).json.keys()


async def test_share_link_cancels_and_answers_no_other_run(site, links):
    async with kernel_of(site):
        token = (await links.make(run_id=RUN, role="start"))["token"]
        for path, body in (
            ("kgnb/api/runs/{}/cancel", {}),
            ("kgnb/api/approvals/{}", {"value": "yes"}),
            ("kgnb/api/runs", {"workflow": "{}"}),
        ):
            told = []
            for name in (OTHER, "a2", "other", "missing"):
                sent = json.loads(json.dumps(body).replace("{}", name) if body else "0")
                reply = await links.get(
                    token, path.format(name), method="POST", body=sent or {}
                )
                told.append((reply.status, reply.raw.replace(name.encode(), b"")))
            assert told[0][0] == 404
            assert len(set(told)) == 1


# Ended


async def test_revoked_link_closes_a_live_socket_with_4001(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        other = await links.make(run_id=RUN)
        async with (
            links.connect(made["token"]) as first,
            links.connect(made["token"], subprotocols=None) as second,
            links.connect(other["token"]) as stays,
        ):
            reply = await links.revoke(made["link_id"])
            assert reply.status == 200
            assert reply.json["revoked_at"] is not None
            for socket in (first, second):
                assert await closed(socket) == (4001, "Unauthorized")
            await Talk(stays).say(type="ping")
            await Talk(stays).hear("pong")
        async with links.connect(made["token"]) as socket:
            assert await closed(socket) == (4001, "Unauthorized")
        reply = await links.get(made["token"], f"kgnb/api/runs/{RUN}")
        assert (reply.status, reply.json["code"]) == (401, "unauthorized")


async def test_expired_link_closes_a_live_socket_with_4001(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN, ttl=1)
        async with links.connect(made["token"]) as socket, asyncio.timeout(5):
            await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4001, "Unauthorized")
        reply = await links.get(made["token"], f"kgnb/api/runs/{RUN}")
        assert reply.status == 401


async def test_revoked_link_ends_its_stream_of_server_sent_events(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        path = f"kgnb/api/runs/{RUN}/events"
        async with Events(site, path, headers=bearer(made["token"])) as events:
            assert (await events.next())["type"] == "workflow_started"
            await links.revoke(made["link_id"])
            async with asyncio.timeout(1):
                await events.rest()
        assert (await links.get(made["token"], path)).status == 401


async def test_revoked_link_frames_that_follow_are_dispatched_to_nobody(site, links):
    async with kernel_of(site):
        made = await links.make(run_id=RUN, role="answer")
        async with links.connect(made["token"]) as socket:
            await links.revoke(made["link_id"])
            with contextlib.suppress(websockets.ConnectionClosed):
                for _ in range(100):
                    await Talk(socket).say(type="answer", approval_id="a1", value="yes")
        (asked, _) = (await links.call("kgnb/api/approvals")).json["approvals"]
        assert (asked["approval_id"], asked["state"]) == ("a1", "open")


async def test_share_link_of_another_is_neither_listed_nor_revoked(
    site, links, monkeypatch
):
    from kgnb.broker.peer import Identity, Peer
    from kgnb.broker.shares import Wish

    async with kernel_of(site):
        peer = Peer(identity=Identity(user="somebody else"), role="start")
        row, _ = await site.host.driver.share(peer, Wish(run_id=RUN))
        assert (await links.call("kgnb/api/links")).json == {"links": []}
        refusals = set()
        for link_id in (row.share_id, "0" * 32):
            reply = await links.revoke(link_id)
            refusals.add((reply.status, reply.json["code"]))
        assert refusals == {(404, "no_such_link")}
        assert site.host.driver.shares(peer) == [row]


# Sessions


async def say(kernel, socket, **fields):
    """The messages that a run is started with."""
    await Talk(socket).say(type="message", **fields)
    start = await kernel.hear("start")
    ended = [
        {"type": "workflow_started", "session_id": start["session_id"]},
        completed(),
    ]
    await kernel.append(*ended, run_id=start["run_id"])
    await kernel.say(type="started", run_id=start["run_id"])
    return [each["content"] for each in start["messages"]]


async def test_guessed_session_id_of_another_identity_sees_nothing(site, links):
    async with site.link() as link, site.connect("kgnb/ws/letter") as early:
        assert await closed(early) == (4004, "No such workflow")
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter", "input": "messages"})
        made = await links.make(workflow="letter", role="start")
        async with (
            site.connect("kgnb/ws/letter") as ann,
            links.connect(made["token"], "kgnb/ws/letter") as guest,
        ):
            said = await say(kernel, ann, session_id="s", content="a secret")
            assert said == ["a secret"]
            said = await say(kernel, guest, session_id="s", content="what was said?")
            assert said == ["what was said?"]
            token = (await links.make(session_id="s"))["session_token"]
            said = await say(kernel, guest, session_id=token, content="now I may")
            assert said == ["a secret", "now I may"]
            said = await say(kernel, ann, session_id="s", content="fine")
            assert said == ["a secret", "now I may", "fine"]


async def test_session_token_is_no_credential_and_no_share_link(site, links):
    async with kernel_of(site):
        token = (await links.make(session_id="s"))["session_token"]
        for shown in (token, token.removeprefix("kgnb.session.")):
            async with links.connect(shown) as socket:
                assert await closed(socket) == (4001, "Unauthorized")
            assert (await links.get(shown, "kgnb/api/runs")).status in (401, 403)


# Audit


async def test_audit_tells_who_answered_how_and_who_was_refused(site, links, call):
    async with kernel_of(site):
        made = await links.make(run_id=RUN, role="answer", label="team")
        answering = {"method": "POST", "body": {"value": "yes"}}
        for _ in range(2):
            await links.get(made["token"], "kgnb/api/approvals/a1", **answering)
        await links.revoke(made["link_id"])
    entries = (await call("kgnb/api/audit")).json["entries"]
    told = [(each["action"], each["outcome"], each.get("code")) for each in entries]
    assert told == [
        ("share", "done", None),
        ("answer", "answered", None),
        ("answer", "refused", "already_answered"),
        ("revoke", "done", None),
    ]
    answered = entries[1]
    assert answered["name"] == "link: team"
    assert answered["by_link"] == made["link_id"]
    assert (answered["via"], answered["args_hash"]) == ("http", "b" * 32)
    assert [each["seq"] for each in entries] == [1, 2, 3, 4]


async def test_audit_is_read_in_pages_and_by_run(site, links, call):
    async with kernel_of(site):
        for run_id in (RUN, OTHER, RUN):
            await links.make(run_id=run_id)
    first = (await call("kgnb/api/audit?limit=2")).json
    assert ([each["seq"] for each in first["entries"]], first["next"]) == ([1, 2], 2)
    rest = (await call(f"kgnb/api/audit?after={first['next']}")).json
    assert ([each["seq"] for each in rest["entries"]], rest["next"]) == ([3], None)
    of_run = (await call(f"kgnb/api/audit?run_id={RUN}")).json["entries"]
    assert [each["seq"] for each in of_run] == [1, 3]


async def test_audit_needs_the_right_to_control_runs(site, call):
    from kgnb.server.calls.call import CONTROL

    reply = await call("kgnb/api/audit", token=site.without(CONTROL))
    assert (reply.status, reply.json["code"]) == (403, "forbidden")


async def test_wrong_approval_ids_get_429_after_twenty(site, call):
    async with kernel_of(site):
        statuses = []
        for n in range(30):
            path = f"kgnb/api/approvals/guess-{n}"
            reply = await call(path, method="POST", body={"value": "yes"})
            statuses.append(reply.status)
        assert statuses == [404] * 20 + [429] * 10
        assert int(reply.headers["Retry-After"]) > 0
        reply = await call(
            "kgnb/api/approvals/a1", method="POST", body={"value": "yes"}
        )
        assert reply.status == 200


async def test_share_link_reaches_no_log(site, links, caplog):
    caplog.set_level("DEBUG")
    async with kernel_of(site):
        made = await links.make(run_id=RUN)
        token = made["token"]
        for place in PLACES.values():
            for shown in (token, token[:-3] + "AAA"):
                path, headers, offered = place(shown)
                connecting = site.connect(
                    path, token=None, headers=headers, subprotocols=offered
                )
                async with connecting as socket:
                    with contextlib.suppress(websockets.ConnectionClosed):
                        await socket.ping()
        for path in ("kgnb/api/runs", "kgnb/metrics", f"kgnb/runs/{RUN}"):
            await links.get(token, path)
        await links.get(token, f"kgnb/nothing/{token}")
        await links.revoke(made["link_id"])
    # The test's own client and, at DEBUG, uvicorn's protocol print each handshake.
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name != "websockets.client"
        and not (record.name == "uvicorn.error" and record.levelname == "DEBUG")
    ]
    assert told
    signature = token.rpartition(".")[2][:20]
    assert signature not in "\n".join(told)
