"""The Python clients and the command line on a real server with a real kernel."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_shell import Shell
from server_harness import BASE, TOKEN, ServerProcess, free_port

from kgnb import errors
from kgnb.clients import connect, connect_blocking
from kgnb.clients.connection import Backoff

WORKFLOWS = """
import kgnb

class Review(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Publish?", options=["publish", "drop"]).result().value

class Words(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return shared["count"]
    async def exec_async(self, count):
        async def words():
            for n in range(count):
                yield f"{n} "
        return await kgnb.stream(words())

class Reply(kgnb.AsyncNode):
    async def prep_async(self, shared):
        return len(shared["messages"])
    async def exec_async(self, count):
        return count
    async def post_async(self, shared, _, count):
        shared["messages"].append({"role": "assistant", "content": "yes"})

class Input(kgnb.WebSocketNode):
    async def exec_async(self, shared):
        return (await self.wait_for_input())["value"] + 1

def add(shared):
    return shared["a"] + shared["b"]

kgnb.publish("review", kgnb.Graph(Review()))
kgnb.publish("words", kgnb.AsyncGraph(Words()))
kgnb.publish("chat", kgnb.AsyncGraph(Reply()), input="messages", default=True)
kgnb.publish("input", kgnb.AsyncGraph(Input("input_node")))
kgnb.publish("add", add)
"""

BLOCKED = """
import kgnb

class Ask(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Go on?", options=["yes", "no"]).result().value

print(kgnb.run(kgnb.Graph(Ask())).result(timeout=60).value)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def url(server, jp_asyncio_loop):
    jp_asyncio_loop.run_until_complete(prepare(server))
    return f"http://127.0.0.1:{server.port}{BASE}"


async def prepare(server):
    """A kernel that has published the workflows."""
    if not hasattr(server, "kernel"):
        await server.wait_ready()
        server.kernel = await new_kernel(server)
        async with Shell(server, server.kernel) as shell:
            await shell.run(WORKFLOWS)


async def new_kernel(server):
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    return made["id"]


def kinds(events):
    return [event["type"] for event in events]


async def question(client, run_id):
    async for event in client.events(run_id=run_id, topics=["approvals"]):
        if event["type"] == "approval_request":
            return event["data"]
    raise AssertionError("it ended without asking")


async def open_question(server):
    async with asyncio.timeout(30):
        while True:
            found = await asyncio.to_thread(server.call, "kgnb/api/approvals")
            if found["approvals"]:
                return found["approvals"][0]
            await asyncio.sleep(0.1)


async def test_started_run_is_read_to_its_end(url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("add", {"a": 1, "b": 2})
        events = [event async for event in client.events(run_id=run.run_id)]
        assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
        assert events[0]["type"] == "workflow_started"
        assert events[-1]["data"] == 3
        last = events[-1]["seq"]
        after = client.events(run_id=run.run_id, since=last)
        assert [event async for event in after] == []


async def test_question_is_answered_once(url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("review")
        asked = await question(client, run.run_id)
        with pytest.raises(errors.InvalidValue):
            await client.answer(asked["approval_id"], "burn")
        await client.answer(
            asked["approval_id"], "publish", reason="good", args_hash=asked["args_hash"]
        )
        events = [event async for event in client.events(run_id=run.run_id)]
        (resolved,) = [e for e in events if e["type"] == "approval_resolved"]
        assert (resolved["data"]["value"], resolved["data"]["reason"]) == (
            "publish", "good"
        )  # fmt: skip
        assert events[-1]["data"] == "publish"
        with pytest.raises(errors.AlreadyAnswered) as caught:
            await client.answer(asked["approval_id"], "drop")
        assert caught.value.value == "publish"


async def test_run_is_paused_resumed_and_cancelled(url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("review")
        await question(client, run.run_id)
        await client.pause(run.run_id)
        await client.resume(run.run_id)
        await client.cancel(run.run_id)
        events = [event async for event in client.events(run_id=run.run_id)]
        assert kinds(events)[-1] == "workflow_cancelled"
        assert {"workflow_paused", "workflow_resumed"} <= {*kinds(events)}
        with pytest.raises(errors.Conflict):
            await client.cancel(run.run_id)


async def test_input_reaches_the_node_of_the_run_that_is_read(url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("input")
        await client.send_input("input_node", {"value": 41})
        events = [event async for event in client.events(run_id=run.run_id)]
        assert events[-1]["data"] == 42


async def test_session_of_a_client_goes_on(url):
    async with connect(url, token=TOKEN) as client:
        for count in (1, 3):
            run = await client.say("Hi")
            assert run.session_id == client.session_id
            events = [event async for event in client.events(run_id=run.run_id)]
            (result,) = [e["data"] for e in events if e["type"] == "result"]
            assert result == count


async def test_events_of_all_runs_bring_those_of_a_new_one(url):
    async with connect(url, token=TOKEN) as client:
        events = client.events(topics=["results"])
        first = asyncio.create_task(anext(events))
        run = await client.start("add", {"a": 2, "b": 2})
        heard = [await first]
        while heard[-1].get("run_id") != run.run_id or not heard[-1].get("data"):
            heard.append(await anext(events))
        assert heard[-1]["data"] == 4


async def test_group_that_is_closed_is_forbidden_or_brings_its_messages(server, url):
    async with connect(url, token=TOKEN) as client:
        await client.join_group("admins")
        async with Shell(server, server.kernel) as shell:
            await shell.run(
                "import kgnb\n"
                "alert = {'type': 'system_alert', 'message': 'hot'}\n"
                "print(await kgnb.manager.broadcast_to_group('admins', alert))"
            )
        async for event in client.events(topics=["alerts"]):
            if event["type"] == "system_alert":
                assert (event["message"], event["group"]) == ("hot", "admins")
                break
        await client.leave_group("admins")


async def test_refusals_are_those_of_the_server(url):
    with pytest.raises(errors.Unauthorized):
        async with connect(url, token="wrong"):
            pass
    with pytest.raises(errors.NoSuchWorkflow):
        async with connect(url + "kgnb/ws/nothing", token=TOKEN):
            pass
    with pytest.raises(errors.Unavailable, match="no kgnb there"):
        async with connect(url.replace(BASE, "/other/kgnb/ws"), token=TOKEN):
            pass
    async with connect(url, token=TOKEN) as client:
        with pytest.raises(errors.NoSuchWorkflow):
            await client.start("nothing")
        with pytest.raises(errors.NoSuchApproval):
            await client.answer("nothing", 1)


async def test_example_of_the_docs_answers_and_gets_the_value(url):
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    (source,) = re.findall(
        r"```python\n(import kgnb\.clients\n.*?)```", page, re.DOTALL
    )
    names = {}
    exec(source, names)
    assert await names["review"](url, TOKEN) == "publish"


async def test_blocking_client_starts_reads_and_answers(url):
    def work():
        with connect_blocking(url, token=TOKEN) as client:
            run = client.start("review")
            for event in client.events(run_id=run.run_id):
                if event["type"] == "approval_request":
                    client.answer(event["data"]["approval_id"], "drop")
            return event

    assert (await asyncio.to_thread(work))["data"] == "drop"


async def test_server_that_is_killed_and_restarted_loses_the_client_nothing(tmp_path):
    with ServerProcess(tmp_path) as first:
        await prepare(first)
        url = f"http://127.0.0.1:{first.port}{BASE}"
        backoff = Backoff(first=0.1, longest=0.5)
        async with connect(url, token=TOKEN, backoff=backoff) as client:
            run = await client.start("words", {"count": 200})
            events = client.events(run_id=run.run_id)
            heard = [await anext(events) for _ in range(3)]
            whole = [event async for event in client.events(run_id=run.run_id)]
            first.kill()
            with ServerProcess(tmp_path, port=first.port) as second:
                await second.wait_ready()
                again = [event async for event in client.events(run_id=run.run_id)]
                assert [event["seq"] for event in again] == [
                    event["seq"] for event in whole
                ]
                heard += [event async for event in events]
                assert heard == whole


# ---- the command line


async def kgnb(server, *arguments, settings=()):
    """Its exit status, and what it printed on both streams."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("KGNB")
    } | {"JUPYTER_RUNTIME_DIR": str(server.folder / "runtime")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kgnb.cli", *arguments, env=environment | dict(settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_kgnb_tail_of_a_run_that_failed_or_is_not_there_exits_with_1(server, url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("add", {"a": 1, "b": "x"})
    code, out, _ = await kgnb(server, "tail", run.run_id)
    assert code == 1
    assert "workflow_failed" in out.splitlines()[-1]
    code, out, err = await kgnb(server, "tail", "0" * 32)
    assert (code, out) == (1, "")
    assert "no_such_run" in err


async def test_kgnb_tail_ends_quietly_on_ctrl_c(server, url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("review")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kgnb.cli", "tail", run.run_id, "--url", url,
            "--token", TOKEN, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")
        await client.cancel(run.run_id)


async def test_kgnb_report_of_a_servers_run_is_its_page_or_its_trace(server, url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("review")
        code, page, err = await kgnb(server, "report", run.run_id, "-o", "-")
        assert (code, err) == (0, "")
        assert "This run had not ended when this was written." in page
        asked = await question(client, run.run_id)
        await client.answer(asked["approval_id"], "publish")
        events = [event async for event in client.events(run_id=run.run_id)]
    given = ["--format", "jsonl", "-o", "-", "--url", url, "--token", TOKEN]
    code, trace, err = await kgnb(server, "report", run.run_id, *given)
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in trace.splitlines()]
    assert lines[0]["format"] == "kgnb-recording"
    assert [line["seq"] for line in lines[1:]] == [event["seq"] for event in events]


async def test_kgnb_answer_resolves_a_blocked_cell(server, url):
    kernel = await new_kernel(server)
    async with Shell(server, kernel) as shell:
        cell = asyncio.create_task(shell.run(BLOCKED))
        asked = await open_question(server)
        found = await kgnb(server, "answer", asked["approval_id"], "maybe")
        assert found[0] == 1
        assert "yes" in found[2]
        assert not cell.done()
        code, _, err = await kgnb(
            server, "answer", asked["approval_id"], "yes", "--reason", "checked"
        )
        assert (code, err) == (0, "")
        assert await cell == "yes"
        code, _, err = await kgnb(server, "answer", asked["approval_id"], "no")
        assert code == 1
        assert "already_answered" in err


async def test_kgnb_tail_follows_a_run_to_its_end(server, url):
    async with connect(url, token=TOKEN) as client:
        run = await client.start("review")
        asked = await question(client, run.run_id)
        tail = asyncio.create_task(kgnb(server, "tail", run.run_id, "--json"))
        await client.answer(asked["approval_id"], "publish")
        code, out, _ = await tail
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    assert events[-1]["data"] == "publish"
    given = ["--url", url, "--token", TOKEN]
    since = str(len(events) - 1)
    code, out, _ = await kgnb(server, "tail", run.run_id, "--since", since, *given)
    assert code == 0
    (line,) = out.splitlines()
    assert "workflow_completed" in line
    assert line.endswith("publish")


async def test_kgnb_doctor_finds_the_server_and_names_a_broken_link(server, url):
    code, out, _ = await kgnb(server, "doctor")
    where = f"http://127.0.0.1:{server.port}"
    assert code == 0, out
    assert "ok    kernels can dial the server at" in out
    assert "ok    pages can connect to" in out
    link = f"{where}{BASE}kgnb/link".replace("http", "ws")
    async with Shell(server, server.kernel) as shell:
        secret = await shell.run("import os; print(os.environ['KGNB_LINK_SECRET'])")
    right = {"URL": link, "SECRET": secret, "PID": str(server.process.pid)}
    nobody = f"ws://127.0.0.1:{free_port()}{BASE}kgnb/link"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for wrong, status, told in (
        ({}, 0, "ok    this kernel's link reaches its server"),
        ({"SECRET": "another"}, 1, "MEND  the server refuses this kernel's link"),
        ({"URL": nobody}, 1, "MEND  this kernel's link cannot reach"),
        ({"PID": str(ended.pid)}, 1, f"(process {ended.pid}) has ended; another one"),
    ):
        link_of = {f"KGNB_LINK_{name}": each for name, each in (right | wrong).items()}
        code, out, _ = await kgnb(server, "doctor", settings=link_of)
        assert code == status, out
        assert told in out
