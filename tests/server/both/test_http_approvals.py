"""The inbox over HTTP, on a real server with a real broker."""

import asyncio

import pytest
from http_harness import RUN, Kernel, begun, question
from server_harness import Talk


async def test_answer_by_http_resolves_for_everybody_and_names_its_way(call, site):
    async with site.link() as link, site.connect() as socket:
        kernel, panel = Kernel(link), Talk(socket)
        await kernel.greet()
        await kernel.append(begun(), question())
        await panel.say(type="subscribe", run_id=RUN)
        (asked,) = (await call("kgnb/api/approvals?state=open")).json["approvals"]
        assert (asked["approval_id"], asked["run_id"]) == ("a1", RUN)
        body = {"value": "yes", "args_hash": asked["args_hash"], "reason": "fine"}
        answer = await call("kgnb/api/approvals/a1", method="POST", body=body)
        assert answer.status == 200
        assert answer.json["data"]["value"] == "yes"
        resolved = (await panel.hear("approval_resolved"))["data"]
        assert resolved["value"] == "yes"
        assert resolved["by"]["via"] == "http"
        assert (await call("kgnb/api/approvals")).json == {"approvals": []}
        one = (await call("kgnb/api/approvals/a1")).json
        assert (one["state"], one["resolved"]["value"]) == ("answered", "yes")


async def test_fifty_deciders_make_one_decision_and_the_losers_hear_it(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        answers = await asyncio.gather(
            *(
                call(
                    "kgnb/api/approvals",
                    method="POST",
                    body={"approval_id": "a1", "value": "yes" if n % 2 else "no"},
                )
                for n in range(50)
            )
        )
    (winner,) = [a for a in answers if a.status == 200]
    losers = [a for a in answers if a.status == 409]
    assert len(losers) == 49
    for loser in losers:
        assert loser.json["code"] == "already_answered"
        assert loser.json["value"] == winner.json["data"]["value"]


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/a1", {"value": "perhaps"}, (400, "invalid")),
        ("/a1", {"value": "yes", "args_hash": "other"}, (409, "conflict")),
        ("/nothing", {"value": "yes"}, (404, "no_such_approval")),
        ("/a1", {"value": "yes", "approval_id": "a2"}, (400, "invalid")),
        ("/a1", {"valeu": "yes"}, (400, "invalid")),
        ("", {"value": "yes"}, (400, "invalid")),
    ],
)
async def test_wrong_answer_is_refused_and_decides_nothing(
    call, site, path, body, refusal
):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        answer = await call(f"kgnb/api/approvals{path}", method="POST", body=body)
        assert (answer.status, answer.json["code"]) == refusal
        assert (await call("kgnb/api/approvals/a1")).json["state"] == "open"


async def test_answer_sent_again_with_its_id_is_acknowledged_again(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), question())
        body = {"value": "yes", "id": "once"}
        for _ in range(2):
            answer = await call("kgnb/api/approvals/a1", method="POST", body=body)
            assert answer.status == 200


async def test_unknown_approval_and_state_are_refused(call):
    assert (await call("kgnb/api/approvals/none")).json["code"] == "no_such_approval"
    assert (await call("kgnb/api/approvals?state=lost")).status == 400
