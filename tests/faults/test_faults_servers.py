"""Many people answer the same questions at once, each at one of two servers."""

import asyncio
import json
import random
from collections import defaultdict

import pytest
from backplane_harness import Apps
from faults_harness import FULL, seen
from server_harness import Talk

QUESTIONS = 1000 if FULL else 100
DECIDERS = 50 if FULL else 20
PATIENCE = 300 if FULL else 60


@pytest.fixture(scope="module")
def pair(tmp_path_factory, redis):
    with Apps(tmp_path_factory.mktemp("apps"), redis.new_url()) as apps:
        yield asyncio.run(apps.start("one")), asyncio.run(apps.start("two"))


async def decide(server, name, questions, *, after=None, first=None):
    """Answer everything, ten at once, in an order of one's own; replies by question.

    The first is said again: a retry has no second effect. Those at the leader, who hear
    it sooner, begin when one at the other server has had an answer.
    """
    told = {}
    order = random.Random(name).sample(questions, len(questions))
    async with server.socket(user=name) as socket:
        talk = Talk(socket)
        if after is not None:
            await after.wait()
        for start in range(0, len(order), 10):
            chosen = order[start : start + 10]
            for question in (chosen[0], *chosen):
                answer = {"type": "answer", "approval_id": question, "value": name}
                await talk.say(**answer, id=question)
            while not told.keys() >= {*chosen}:
                reply = json.loads(await socket.recv())
                if reply["type"] in ("ack", "error"):
                    assert told.setdefault(reply["id"], reply) == reply
                    if first is not None:
                        first.set()
    return told


async def test_deciders_at_two_servers_make_one_decision_of_each_question(pair):
    names = [f"p{n}" for n in range(DECIDERS)]
    async with asyncio.timeout(PATIENCE), pair[0].client() as client:
        params = {"n": QUESTIONS, "options": names}
        run = await client.start("asks-one", params)
        events = client.events(run_id=run.run_id)
        questions = []
        async for event in events:
            if event["type"] == "approval_request":
                questions.append(event["data"]["approval_id"])
            if len(questions) == QUESTIONS:
                break
        first = asyncio.Event()
        told = await asyncio.gather(
            *(
                decide(pair[1], name, questions, first=first)
                if number % 2
                else decide(pair[0], name, questions, after=first)
                for number, name in enumerate(names)
            )
        )
        decisions = defaultdict(list)
        async for event in events:
            if event["type"] == "approval_resolved":
                decisions[event["data"]["approval_id"]].append(event["data"])
    assert event["type"] == "workflow_completed"
    assert {*decisions} == {*questions}
    winners = []
    for question in questions:
        (decision,) = decisions[question]
        replies = {name: all_[question] for name, all_ in zip(names, told, strict=True)}
        winner = decision["value"]
        winners.append(winner)
        assert replies.pop(winner)["type"] == "ack"
        for loser in replies.values():
            assert (loser["type"], loser["code"]) == ("error", "already_answered")
            assert loser["data"]["value"] == winner
    assert event["data"] == winners  # each answer went to its own question
    at = {number % 2 for number, name in enumerate(names) if name in winners}
    assert at == {0, 1}  # people at either server have won
    seen["decisions over two servers"] += len(winners)
