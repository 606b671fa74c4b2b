"""Runs and workflows over HTTP, on a real server with a real broker."""

import asyncio
import json

import pytest
from http_harness import (
    RUN,
    Kernel,
    begun,
    completed,
    question,
    token,
)

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}}}


async def test_workflows_are_listed_with_their_schema(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter", "params": NUMBERS})
        (offer,) = (await call("kgnb/api/workflows")).json["workflows"]
    assert offer == {
        "name": "letter",
        "kernel_id": "k1",
        "params": NUMBERS,
        "keeps_messages": False,
        "default": False,
        "published_at": 1.0,
    }


async def test_runs_are_filtered_and_paged_newest_first(call, site):
    ids = [f"run{number}" for number in range(5)]
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        for run_id in ids:
            await kernel.append(begun(), run_id=run_id)
        await kernel.append(completed(), run_id="run1")
        await kernel.append(question(), run_id="run2")

        async def listed(query=""):
            return (await call(f"kgnb/api/runs{query}")).json

        assert [r["run_id"] for r in (await listed())["runs"]] == ids[::-1]
        assert (await listed())["next"] is None
        first = await listed("?limit=2")
        assert [r["run_id"] for r in first["runs"]] == ["run4", "run3"]
        second = await listed(f"?limit=2&before={first['next']}")
        assert [r["run_id"] for r in second["runs"]] == ["run2", "run1"]
        last = await listed(f"?limit=2&before={second['next']}")
        assert [r["run_id"] for r in last["runs"]] == ["run0"]
        assert last["next"] is None
        for query, expected in (
            ("?status=completed", ["run1"]),
            ("?status=waiting", ["run2"]),
            ("?workflow=letter&status=running", ["run4", "run3", "run0"]),
            ("?workflow=other", []),
        ):
            found = (await listed(query))["runs"]
            assert [r["run_id"] for r in found] == expected, query


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?limit=0", 400, "invalid"),
        ("?limit=1001", 400, "invalid"),
        ("?limit=-1", 400, "invalid"),
        ("?limit=x", 400, "invalid"),
        ("?status=sleeping", 400, "invalid"),
        ("?before=nothing", 404, "no_such_run"),
    ],
)
async def test_runs_with_a_wrong_argument_say_which(call, query, status, code):
    answer = await call(f"kgnb/api/runs{query}")
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["message"]


async def test_run_is_read_in_every_form(call, site):
    path = f"kgnb/api/runs/{RUN}"
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        text = "<b>hi\u2028\n</b>"
        await kernel.append(begun(), token(0, text), completed({"n": 1}))
        run = (await call(path)).json
        assert (run["status"], run["seq"], run["workflow"]) == (
            "completed",
            3,
            "letter",
        )
        assert run["view"]["streams"][0]["text"] == text
        trace = await call(f"{path}/trace.jsonl")
        assert trace.headers["Content-Type"] == "application/x-ndjson"
        events = [json.loads(line) for line in trace.raw.splitlines()]
        assert [event["seq"] for event in events] == [1, 2, 3]
        assert events[1]["data"] == text
        report = await call(f"{path}/report.html")
        assert report.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "sandbox" in report.headers["Content-Security-Policy"]
        page = report.raw.decode()
        assert "<script" not in page
        assert "&lt;b&gt;hi" in page
        picture = await call(f"{path}/graph.svg")
        assert (picture.status, picture.json["code"]) == (404, "no_such_run")


async def test_picture_is_painted_with_the_states(call, site):
    from kgnb.drawing import draw

    graph = begun()["graph"]
    drawn = {"graph": graph | {"svg": draw(graph)}}
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun() | drawn)
        picture = await call(f"kgnb/api/runs/{RUN}/graph.svg")
    assert picture.status == 200
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert picture.raw.startswith(b"<svg")
    assert b'data-node="Draft"' in picture.raw


@pytest.mark.parametrize("form", ["", "/graph.svg", "/report.html", "/trace.jsonl"])
async def test_unknown_run_is_404_in_every_form(call, form):
    answer = await call(f"kgnb/api/runs/{RUN}{form}")
    assert (answer.status, answer.json["code"]) == (404, "no_such_run")


async def test_trace_of_many_events_is_whole(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), *(token(n, "x") for n in range(2000)))
        trace = await call(f"kgnb/api/runs/{RUN}/trace.jsonl")
    seqs = [json.loads(line)["seq"] for line in trace.raw.splitlines()]
    assert seqs == list(range(1, 2002))


async def test_start_is_acknowledged_by_the_kernel_and_has_one_effect(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter", "params": NUMBERS})
        body = {"workflow": "letter", "params": {"a": 1}, "id": "once"}
        called = asyncio.ensure_future(call("kgnb/api/runs", method="POST", body=body))
        told = await kernel.obey("start")
        assert told["params"] == {"a": 1}
        answer = await called
        assert answer.status == 201
        run_id = answer.json["run_id"]
        assert answer.headers["Location"].endswith(f"kgnb/api/runs/{run_id}")
        assert (await call(f"kgnb/api/runs/{run_id}")).status == 200
        again = await call("kgnb/api/runs", method="POST", body=body)
        assert again.json["run_id"] == run_id
        assert len((await call("kgnb/api/runs")).json["runs"]) == 1


async def test_session_lists_its_own_runs_and_none_of_another_identity(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter"})
        for session in ("guessed", "other"):
            body = {"workflow": "letter", "session_id": session}
            said = call("kgnb/api/runs", method="POST", body=body)
            called = asyncio.ensure_future(said)
            await kernel.obey("start")
            run_id = (await called).json["run_id"]
            listed = (await call(f"kgnb/api/runs?session_id={session}")).json["runs"]
            assert [run["run_id"] for run in listed] == [run_id]
        site.host.driver.run(run_id).owner = "somebody else"
        assert (await call("kgnb/api/runs?session_id=other")).json["runs"] == []


async def test_fork_begins_anew_with_the_same_params_but_for_those_given(call, site):
    path = f"kgnb/api/runs/{RUN}/fork"
    assert (await call(path, method="POST")).json["code"] == "no_such_run"
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun() | {"params": {"a": 1, "b": 2}})
        unpublished = await call(path, method="POST")
        assert unpublished.json["code"] == "no_such_workflow"
        await kernel.publish({"name": "letter", "params": NUMBERS})
        body = {"shared": {"a": 3}, "id": "once"}
        called = asyncio.ensure_future(call(path, method="POST", body=body))
        told = await kernel.obey("start")
        assert told["params"] == {"a": 3, "b": 2}
        answer = await called
        assert answer.status == 201
        assert answer.json["run_id"] == told["run_id"] != RUN
        again = await call(path, method="POST", body=body)
        assert again.json["run_id"] == told["run_id"]
        wrong = await call(path, method="POST", body={"shared": {"a": "x"}})
        assert (wrong.status, wrong.json["code"]) == (400, "invalid")


@pytest.mark.parametrize("at", [3, "Draft:2", None])
async def test_fork_at_a_place_is_begun_by_the_run_s_own_kernel(call, site, at):
    path = f"kgnb/api/runs/{RUN}/fork"
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), completed())
        body = {"at": at, "shared": {"topic": "tides"}, "id": "once"}
        called = asyncio.ensure_future(call(path, method="POST", body=body))
        order = await kernel.hear("order")
        place = {} if at is None else {"at": at}
        assert order["command"] == place | {
            "type": "fork",
            "run_id": RUN,
            "shared": {"topic": "tides"},
            "id": "once",
        }
        new = "f" * 32
        await kernel.say(type="order_reply", order_id=order["order_id"], run_id=new)
        answer = await called
        assert (answer.status, answer.json) == (201, {"run_id": new})
        assert answer.headers["Location"].endswith(f"kgnb/api/runs/{new}")
        refused = asyncio.ensure_future(call(path, method="POST", body={"at": 9}))
        order = await kernel.hear("order")
        await kernel.say(
            type="order_reply",
            order_id=order["order_id"],
            code="invalid",
            message="no step 9",
        )
        answer = await refused
        assert (answer.status, answer.json["message"]) == (400, "no step 9")
    wrong = await call(path, method="POST", body={"at": [1]})
    assert (wrong.status, wrong.json["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("body", "refusal", "word"),
    [
        ({"workflow": "nothing"}, (404, "no_such_workflow"), "nothing"),
        ({"workflow": "letter", "params": {"a": "x"}}, (400, "invalid"), "a:"),
        ({"workflow": 1}, (400, "invalid"), "workflow"),
        ({}, (400, "invalid"), "workflow"),
        ({"workflow": "letter", "parms": {}}, (400, "invalid"), "parms"),
        ("[1]", (400, "invalid"), "body"),
        ("{", (400, "invalid"), "body"),
        (b"\xff", (400, "invalid"), "body"),
        ("[" * 100_000, (400, "invalid"), "body"),
        (
            '{"workflow":"letter","params":{"a":' + "[" * 70 + "]" * 70 + "}}",
            (400, "invalid"),
            "nested",
        ),
        ('{"workflow":"' + "x" * 1_100_000 + '"}', (413, "too_large"), "1048576"),
    ],
)
async def test_wrong_start_says_what_is_wrong(call, site, body, refusal, word):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter", "params": NUMBERS})
        answer = await call("kgnb/api/runs", method="POST", body=body)
    assert (answer.status, answer.json["code"]) == refusal
    assert word in answer.json["message"]


async def test_start_without_its_kernel_is_503_with_a_time_to_wait(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.publish({"name": "letter"})
    body = {"workflow": "letter"}
    answer = await call("kgnb/api/runs", method="POST", body=body)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
async def test_order_reaches_the_kernel_and_its_word_comes_back(call, site, verb):
    path = f"kgnb/api/runs/{RUN}/{verb}"
    assert (await call(path, method="POST")).json["code"] == "no_such_run"
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        called = asyncio.ensure_future(call(path, method="POST"))
        order = await kernel.obey()
        assert order["command"]["type"] == verb
        assert order["by"]["via"] == "http"
        answer = await called
        assert (answer.status, answer.json) == (200, {"run_id": RUN})
        await kernel.append(completed())
        late = await call(path, method="POST")
        assert (late.status, late.json["code"]) == (409, "conflict")


async def test_method_that_a_path_has_not_is_405_as_json(call):
    for path in (f"kgnb/api/runs/{RUN}", "kgnb/api/workflows", "kgnb/metrics"):
        answer = await call(path, method="POST")
        assert (answer.status, answer.json["code"]) == (405, "invalid"), path
