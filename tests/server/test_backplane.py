"""Two applications, one Redis: what is promised holds over both."""

import asyncio
import json
from collections import Counter

import pytest
import websockets
from backplane_harness import LIMIT, Apps
from redis import Redis
from server_harness import Talk

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def apps(tmp_path_factory, redis):
    with Apps(tmp_path_factory.mktemp("apps"), redis.new_url()) as started:
        yield started


@pytest.fixture(scope="module")
def pair(apps):
    """The one that leads, and one that follows it."""
    return asyncio.run(apps.start("one")), asyncio.run(apps.start("two"))


async def test_run_is_watched_and_answered_through_either_server(pair):
    leader, follower = pair
    assert (await leader.role(), await follower.role()) == ("leader", "follower")
    for host, name, far in ((leader, "one", follower), (follower, "two", leader)):
        async with host.client() as near, far.client() as watcher:
            run = await near.start(f"ask-{name}")
            async for event in watcher.events(run_id=run.run_id):
                if event["type"] == "approval_request":
                    await watcher.answer(event["data"]["approval_id"], "yes")
                last = event
            assert (last["type"], last["data"]) == ("workflow_completed", "yes")


async def test_workflow_of_one_server_is_started_at_the_other_by_its_path(pair):
    for host, name in zip(pair, ("two", "one"), strict=True):
        async with host.socket(f"ws/add-{name}") as socket:
            talk = Talk(socket)
            await talk.say(
                type="start_workflow", workflow=f"add-{name}", params={"a": 1, "b": 2}
            )
            assert (await talk.hear("workflow_completed"))["data"] == 3
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with pair[1].socket("ws/no-such-thing") as socket:
            await socket.recv()
    assert closed.value.rcvd.code == 4004


async def test_every_call_answers_alike_at_both(pair):
    leader, follower = pair
    async with leader.client() as client:
        run = await client.start("add-one", {"a": 2, "b": 3})
        async for _ in client.events(run_id=run.run_id):
            pass
    one = f"api/runs/{run.run_id}"
    for path in ("api/runs", one, "api/approvals", "api/workflows", "api/links"):
        assert await leader.call(path) == await follower.call(path)
    status, told = await follower.call("api/runs/unknown")
    assert (status, told["code"]) == (404, "no_such_run")
    status, told = await follower.call("api/runs", user=None)
    assert (status, told["code"]) == (401, "unauthorized")
    for path in ("report.html", "trace.jsonl", "events"):
        texts = [await host.text(f"{one}/{path}") for host in pair]
        assert texts[0]
        assert texts[0] == texts[1]


async def test_groups_and_the_offline_queue_are_one(pair):
    leader, follower = pair
    async with leader.client() as teller:
        async with follower.socket(client_id="phone") as socket:
            talk = Talk(socket)
            await talk.say(type="join_group", group="open")
            await talk.hear("joined_group")
            await teller.start("tell-two", {"texts": ["live"]})
            assert (await talk.hear("note"))["text"] == "live"
        texts = [f"missed {n}" for n in range(5)]
        run = await teller.start("tell-one", {"texts": texts})
        async for _ in teller.events(run_id=run.run_id):
            pass
        async with leader.socket(client_id="phone") as socket:
            talk = Talk(socket)
            assert [(await talk.hear("note"))["text"] for _ in texts] == texts


async def test_rate_limit_counts_a_client_over_both(pair):
    async def replies(server, count):
        async with server.socket(user="bob", client_id="flood") as socket:
            talk = Talk(socket)
            for _ in range(count):
                await talk.say(type="leave_group", group="open")
            heard = [await talk.hear("left_group", "error") for _ in range(count)]
            return Counter(reply.get("code", "taken") for reply in heard)

    leader, follower = pair
    early = LIMIT - 100
    assert await replies(leader, early) == {"taken": early}
    assert await replies(follower, 110) == {"taken": 100, "rate_limited": 10}


async def test_share_link_is_judged_and_revoked_over_both(pair):
    leader, follower = pair
    async with leader.client() as client:
        run = await client.start("ask-two")
    body = {"run_id": run.run_id, "role": "answer"}
    status, link = await follower.call("api/links", method="POST", body=body)
    assert status == 201
    async with (
        leader.socket(f"ws/{link['token']}", user=None) as here,
        follower.socket(f"ws/{link['token']}", user=None) as there,
    ):
        assert json.loads(await here.recv())["identity"]["kind"] == "link"
        assert json.loads(await there.recv())["identity"]["kind"] == "link"
        status, _ = await follower.call(f"api/runs/{run.run_id}", link["token"])
        assert status == 200
        path = f"api/links/{link['link_id']}"
        assert (await leader.call(path, method="DELETE"))[0] == 200
        for socket in (here, there):
            await socket.wait_closed()
            assert socket.close_code == 4001
    status, _ = await follower.call(f"api/runs/{run.run_id}", link["token"])
    assert status == 401
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with follower.socket(f"ws/{link['token']}", user=None) as socket:
            await socket.recv()
    assert closed.value.rcvd.code == 4001


async def test_reader_of_events_at_the_follower_hears_them_as_they_happen(pair):
    leader, follower = pair
    async with leader.client() as client:
        run = await client.start("ask-one")
        reading = asyncio.create_task(follower.text(f"api/runs/{run.run_id}/events"))
        async for event in client.events(run_id=run.run_id):
            if event["type"] == "approval_request":
                answer = {"value": "no"}
                path = f"api/approvals/{event['data']['approval_id']}"
                status, _ = await follower.call(path, method="POST", body=answer)
                assert status == 200
        assert "workflow_completed" in await reading


async def test_metrics_say_who_leads_and_what_is_connected_where(pair):
    leader, follower = pair
    async with follower.socket(), leader.socket():
        found = [(await host.call("metrics"))[1] for host in pair]
    assert [each["role"] for each in found] == ["leader", "follower"]
    assert [each["active_connections"] for each in found] == [2, 2]
    assert [each["sockets"] for each in found] == [1, 1]
    text = await follower.text("metrics?format=prometheus")
    assert "kgnb_leads 0.0" in text
    assert "kgnb_sockets 0.0" in text


async def test_message_that_no_server_sealed_does_nothing(pair, apps, redis):
    leader, follower = pair
    with Redis(port=redis.port) as store:
        keys = store.keys("*backplane:inbox:*")
        inboxes = [key for key in keys if apps.prefix in key]
        assert len(inboxes) == 2
        for inbox in inboxes:
            real = [fields for _, fields in store.xrange(inbox)]
            for poison in ({b"e": b""}, {b"x": b"?"}, {b"e": bytes(200)}, *real[:1]):
                store.xadd(inbox, poison)
    async with leader.client() as near, follower.client() as far:
        run = await near.start("add-two", {"a": 1, "b": 1})
        async for event in far.events(run_id=run.run_id):
            last = event
        assert last["data"] == 2
    assert "without our signature" in leader.log
    assert "without our signature" in follower.log
    assert (await leader.role(), await follower.role()) == ("leader", "follower")
