"""Fifty people answer each of two hundred questions at the same time."""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import replace

import pytest
from faults_harness import (
    PEOPLE,
    FarRun,
    asked,
    ended,
    injected,
    linked,
    person,
    seen,
    started,
)
from server_harness import TOKEN, Talk

from kgnb.clients import connect
from kgnb.clients.connection import Backoff
from kgnb.errors import AlreadyAnswered
from kgnb.testing.proxy import FaultProxy, random_faults

QUESTIONS = 200
VOTERS = 10
QUICK = Backoff(first=0.01, longest=0.1)
TABS = 5
"""Sockets of each: those of one person compete, too."""


@pytest.fixture(scope="module")
def settings():
    """A login that tells people apart, and time to answer everything at once."""
    return PEOPLE, "--KgnbApp.rate_limit_messages=10000"


async def decide(socket, name, questions):
    """Answer everything at once, in an order of one's own; replies by question."""
    talk = Talk(socket)
    for question in random.Random(name).sample(questions, len(questions)):
        await asyncio.sleep(0)  # so that all get their turn
        await talk.say(
            type="answer", approval_id=question, value=name, id=f"{name} {question}"
        )
    replies = {}
    async with asyncio.timeout(150):
        while len(replies) < len(questions):
            reply = json.loads(await socket.recv())
            if reply["type"] in ("ack", "error"):
                who, question = reply["id"].split()
                assert who == name
                assert question not in replies
                replies[question] = reply
    return replies


async def decisions_of(server, run):
    """What the log says: the decisions of each question."""
    found = defaultdict(list)
    async with connect(server.url(), token=TOKEN) as client:
        async for event in client.events(run_id=run.id, topics=["approvals"]):
            if event["type"] == "approval_resolved":
                found[event["data"]["approval_id"]].append(event["data"])
    return found


async def test_deciders_at_once_make_one_decision_and_losers_hear_whose(server):
    names = [f"p{n}t{tab}" for n in range(VOTERS) for tab in range(TABS)]
    async with linked(server) as (port, _proxy):
        run = FarRun(port)
        questions = [f"q{n}" for n in range(QUESTIONS)]
        run.put(started(), *(asked(question, names) for question in questions))
        await run.wait_stored()
        sockets = [await person(server, name.split("t")[0]) for name in names]
        try:
            told = await asyncio.gather(
                *(
                    decide(socket, name, questions)
                    for socket, name in zip(sockets, names, strict=True)
                )
            )
        finally:
            await asyncio.gather(*(socket.close() for socket in sockets))
        run.put(ended())
        await run.wait_stored()
        decisions = await decisions_of(server, run)
    assert {*decisions} == {*questions}
    for question in questions:
        (decision,) = decisions[question]
        winner, who = decision["value"], decision["by"]["user"]
        assert who == winner.split("t")[0].capitalize()
        replies = {
            name: reply[question] for name, reply in zip(names, told, strict=True)
        }
        assert replies.pop(winner)["type"] == "ack"
        for loser in replies.values():
            assert (loser["type"], loser["code"]) == ("error", "already_answered")
            assert (loser["data"]["value"], loser["data"]["by"]["user"]) == (
                winner,
                who,
            )
    winners = {decisions[question][0]["value"] for question in questions}
    seen["decisions"] += len(decisions)
    seen["losers told"] += (len(names) - 1) * len(decisions)
    seen["tabs that won"] += len(winners)
    assert len(winners) > TABS  # nobody was alone, or it would be no race


async def answer_through(server, chance, name, questions):
    """What one client is told of its answers, over a line that breaks."""
    faults = random_faults(chance, 6, reach=6_000)
    faults[0] = replace(faults[0], after=chance.randrange(3_000, 6_000))
    told = {}
    async with (
        FaultProxy("127.0.0.1", server.port, faults) as proxy,
        connect(server.url(proxy.port), token=TOKEN, backoff=QUICK) as client,
    ):
        for question in chance.sample(questions, len(questions)):
            try:
                await client.answer(question, name)
            except AlreadyAnswered as error:
                told[question] = error.value
            else:
                told[question] = name
        injected["connections broken"] += sum(proxy.broken.values())
    return told


async def test_deciders_over_cut_connections_are_told_the_one_decision(server):
    names = [f"c{n}" for n in range(10)]
    questions = [f"cut{n}" for n in range(40)]
    async with linked(server) as (port, _proxy):
        run = FarRun(port)
        run.put(started(), *(asked(question, names) for question in questions))
        await run.wait_stored()
        async with asyncio.timeout(150):
            told = await asyncio.gather(
                *(
                    answer_through(server, random.Random(name), name, questions)
                    for name in names
                )
            )
        run.put(ended())
        await run.wait_stored()
        decisions = await decisions_of(server, run)
    for question in questions:
        (decision,) = decisions[question]
        assert {answers[question] for answers in told} == {decision["value"]}
