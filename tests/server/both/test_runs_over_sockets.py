"""From a kernel to clients and back, on every host."""

import asyncio
import json

from link_harness import APPROVAL, COMPLETED, REQUEST, RUN, STARTED, TOKEN_EVENT, Kernel
from server_harness import Talk, until


async def test_events_travel_from_kernel_to_client_and_the_answer_back(site):
    async with site.link() as link, site.connect("kgnb/ws?via=panel") as socket:
        kernel, panel = Kernel(link), Talk(socket)
        greeting = await panel.hear("hello")
        assert greeting["server"] in ("jupyter", "asgi")
        assert greeting["identity"]["role"] == "start"
        welcome = await kernel.greet()
        assert welcome["log_id"] == greeting["log_id"]

        await panel.say(type="subscribe", run_id=RUN, topics=["all"], id=1)
        appended = await kernel.append(STARTED, TOKEN_EVENT, REQUEST)
        assert (appended["n"], appended["seq"]) == (3, 3)
        seqs = [(await panel.hear(kind))["seq"] for kind in
                ("workflow_started", "token", "approval_request")]  # fmt: skip
        assert seqs == [1, 2, 3]

        await kernel.say(type="open", channel="own", via="kernel")
        subscribe = {"type": "subscribe", "run_id": RUN, "since": {"seq": 3}}
        await kernel.say(type="frame", channel="own", frame=subscribe)
        await panel.say(type="answer", approval_id=APPROVAL, value="publish", id=2)
        resolved = await panel.hear("approval_resolved")
        assert resolved["data"]["value"] == "publish"
        assert resolved["data"]["by"]["via"] == "panel"
        assert (await panel.hear("ack"))["id"] == 2
        (heard,) = (await kernel.hear("frames"))["frames"]
        assert heard["type"] == "approval_resolved"
        assert heard["data"]["value"] == "publish"
        assert heard["seq"] == resolved["seq"] == 4

        await panel.say(type="answer", approval_id=APPROVAL, value="revise", id=3)
        error = await panel.hear("error")
        assert error["code"] == "already_answered"


async def test_late_client_gets_what_it_missed(site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(STARTED, TOKEN_EVENT, COMPLETED)
        async with site.connect() as socket:
            late = Talk(socket)
            await late.say(type="subscribe", run_id=RUN, since={"seq": 1})
            assert (await late.hear("token"))["seq"] == 2
            assert (await late.hear("workflow_completed"))["seq"] == 3


async def test_document_client_gets_no_frame_but_events(site):
    async with site.link() as link, site.connect(subprotocols=None) as socket:
        kernel, plain = Kernel(link), Talk(socket)
        await kernel.greet()
        await plain.say(type="subscribe", topics=["all"])
        await until(lambda: site.host.driver.statistics().connections == 1)
        await asyncio.sleep(0.1)
        await kernel.append(STARTED)
        first = json.loads(await socket.recv())
        assert first["type"] == "workflow_started"
        assert first["workflow_id"] == RUN


async def test_capacity_is_kept_and_given_back(site):
    from kgnb.broker.limits import BrokerLimits

    site.host.driver._core.limits = BrokerLimits(max_connections=2)
    async with site.connect(), site.connect():
        await until(lambda: site.host.driver.statistics().connections == 2)
        async with site.connect() as third:
            await third.wait_closed()
            assert third.close_code == 4013
    await until(lambda: site.host.driver.statistics().connections == 0)
    async with site.connect() as again:
        assert (await Talk(again).hear("hello"))["type"] == "hello"


async def test_bad_frames_are_answered_and_the_socket_stays(site):
    async with site.connect() as socket:
        client = Talk(socket)
        bad = ("[", "[]", "1", '"x"', "{}", '{"type":"nonsense"}', '{"type":1}',
               "[" * 70_000, '{"type":"ping","id":' + "9" * 5_000 + "}",
               '{"type":"answer"}', "\ufeff{}", '{"type":"ping","id":1e400}',
               '{"type":"ping","x":NaN}')  # fmt: skip
        for frame in bad:
            await socket.send(frame)
            reply = await client.hear("error", "pong")
            assert reply["type"] == "error", frame[:80]
        await socket.send(b"\xff\xfe")
        assert (await client.hear("error"))["code"] == "invalid"
        await client.say(type="ping", id="still here")
        assert (await client.hear("pong"))["id"] == "still here"
