"""Questions that are open when the server dies, or the kernel's link."""

import asyncio
import contextlib
import random
import time

import pytest
from faults_harness import FarRun, asked, ended, linked, seen, started
from server_harness import TOKEN

from kgnb.clients import connect
from kgnb.clients.connection import Backoff
from kgnb.errors import AlreadyAnswered
from kgnb.protocol.ids import timestamp
from kgnb.testing.proxy import Fault

QUICK = Backoff(first=0.01, longest=0.1)


@contextlib.asynccontextmanager
async def questioning(server, *questions, faults=(), **rules):
    """A far kernel's run that asks; and who reads it."""
    async with (
        linked(server, faults) as (port, proxy),
        connect(server.url(), token=TOKEN, backoff=QUICK) as client,
    ):
        run = FarRun(port)
        run.put(started(), *(asked(q, ["yes", "no"], **rules) for q in questions))
        await run.wait_stored()
        reading = asyncio.create_task(resolutions(client, run))
        yield run, client, proxy, reading


async def resolutions(client, run):
    """Every decision of a run, up to its end."""
    return [
        event["data"]
        async for event in client.events(run_id=run.id, topics=["approvals"])
        if event["type"] == "approval_resolved"
    ]


async def test_question_is_answered_behind_a_killed_server(mortal):
    async with questioning(mortal, "open") as (run, client, _proxy, reading):
        await mortal.restart()
        await client.answer("open", "yes", reason="still here")
        with pytest.raises(AlreadyAnswered) as late:
            await client.answer("open", "no")
        assert late.value.value == "yes"
        run.put(ended())
        await run.wait_stored()
        (decision,) = await reading
    assert (decision["outcome"], decision["value"]) == ("answered", "yes")
    assert decision["reason"] == "still here"


async def test_deadline_that_passed_while_the_server_was_dead_is_kept_once(mortal):
    rules = {"expires_at": timestamp(time.time() + 2), "on_timeout": "no"}
    async with questioning(mortal, "due", **rules) as (run, _client, _proxy, reading):
        await asyncio.to_thread(mortal.kill)
        await asyncio.sleep(1.5)
        mortal.output.close()
        mortal.__enter__()
        await mortal.wait_ready(120)
        async with asyncio.timeout(10):
            while await open_questions(mortal):
                await asyncio.sleep(0.05)
        run.put(ended())
        await run.wait_stored()
        (decision,) = await reading
    assert (decision["outcome"], decision["value"]) == ("timed_out", "no")
    assert decision["by"]["kind"] == "policy"


async def open_questions(server):
    return (await server.get("kgnb/api/approvals"))["approvals"]


async def test_answers_under_way_when_the_server_dies_have_one_effect(mortal):
    questions = [f"q{n}" for n in range(60)]
    everybody = asyncio.Barrier(6)

    async def answer_all(name):
        told = {}
        async with connect(mortal.url(), token=TOKEN, backoff=QUICK) as client:
            await everybody.wait()
            for question in random.Random(name).sample(questions, len(questions)):
                value = random.Random(name + question).choice(["yes", "no"])
                try:
                    await client.answer(question, value, reason=name)
                except AlreadyAnswered as error:
                    told[question] = (error.value, False)
                else:
                    told[question] = (value, True)
                await asyncio.sleep(0.005)
        return told

    async with questioning(mortal, *questions) as (run, _client, _proxy, reading):
        people = [asyncio.create_task(answer_all(f"p{n}")) for n in range(5)]
        await everybody.wait()
        await asyncio.sleep(0.1)
        await mortal.restart()
        told = await asyncio.gather(*people)
        run.put(ended())
        await run.wait_stored()
        decisions = await reading
    assert sorted(d["approval_id"] for d in decisions) == sorted(questions)
    for decision in decisions:
        heard = [answers[decision["approval_id"]] for answers in told]
        assert {value for value, _ in heard} == {decision["value"]}
        assert sum(won for _, won in heard) == 1
    seen["decisions over a killed server"] += len(decisions)


async def test_question_asked_while_the_link_is_cut_comes_with_its_return(server):
    faults = [Fault(), Fault(after=0), Fault(after=200, then="reset")]
    async with questioning(server, "before", faults=faults) as (
        run,
        client,
        proxy,
        reading,
    ):
        proxy.reset_all()
        run.put(asked("meanwhile", ["yes", "no"]))
        await client.answer("before", "no")
        await run.wait_stored()
        await client.answer("meanwhile", "yes")
        assert proxy.accepted >= 4
        run.put(ended())
        await run.wait_stored()
        decisions = await reading
    assert [(d["approval_id"], d["value"]) for d in decisions] == [
        ("before", "no"),
        ("meanwhile", "yes"),
    ]
