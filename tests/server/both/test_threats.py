"""What an attacker with a place on a real server can try, frame by frame."""

import asyncio
import json
import time

import pytest
from http_harness import RUN, begun, question, token
from http_harness import Kernel as Told
from server_harness import Talk, until

OTHER = "fedcba9876543210" * 2


class Kernel(Told):
    """A kernel of any name."""

    async def greet(self, kernel_id="k1"):
        await self.say(
            type="hello", kernel_id=kernel_id, process_id=f"p {kernel_id}", pid=1
        )
        return await self.hear("welcome")

    async def open(self):
        """A channel as of a panel that this kernel carries."""
        await self.say(type="open", channel="c", via="comm")
        assert (await self.heard())["type"] == "hello"

    async def ask(self, **command):
        """What the broker says to a command of that channel."""
        await self.say(type="frame", channel="c", frame=command)
        return await self.heard()

    async def heard(self):
        return (await self.hear("frame"))["frame"]


async def asked(kernel):
    """A run of this kernel's with an open question."""
    await kernel.append(begun(), question())


# ---- one kernel and another's run

FOREIGN = [
    {"type": "subscribe", "run_id": "{run}", "topics": ["all"]},
    {"type": "answer", "approval_id": "{approval}", "value": "yes"},
    {"type": "node_input", "run_id": "{run}", "node_id": "Draft", "data": "x"},
    {"type": "node_input", "run_id": "{run}", "node_id": "Draft", "data": "yes",
     "approval_id": "{approval}"},
    {"type": "cancel", "run_id": "{run}"},
    {"type": "pause", "run_id": "{run}"},
    {"type": "resume", "run_id": "{run}"},
    {"type": "message", "content": "x", "session_id": "{run}"},
]  # fmt: skip


def named(command, *, run, approval):
    text = json.dumps(command).replace("{run}", run).replace("{approval}", approval)
    return json.loads(text)


async def test_kernel_that_guesses_anothers_ids_hears_what_is_said_of_missing_ones(
    call, site
):
    async with site.link() as one, site.link() as two:
        owner, thief = Kernel(one), Kernel(two)
        await owner.greet("k1")
        await thief.greet("k2")
        await asked(owner)
        await thief.open()
        for command in FOREIGN:
            real = await thief.ask(**named(command, run=RUN, approval="a1"))
            missing = await thief.ask(**named(command, run=OTHER, approval="a9"))
            assert real["type"] == missing["type"] == "error", command
            unnamed = real["message"].replace(RUN, OTHER).replace("a1", "a9")
            assert (real["code"], unnamed) == (missing["code"], missing["message"])
        approvals = (await call("kgnb/api/approvals")).json["approvals"]
        assert [a["state"] for a in approvals] == ["open"]


@pytest.mark.parametrize("topics", [["*"], ["#"], ["all", "*"], ["%"], ["../all"]])
async def test_wildcard_topic_is_a_name_like_any_other(site, topics):
    async with site.link() as one, site.link() as two:
        owner, thief = Kernel(one), Kernel(two)
        await owner.greet("k1")
        await thief.greet("k2")
        await thief.open()
        assert (await thief.ask(type="subscribe", topics=topics))["type"] == (
            "subscribed"
        )
        await owner.append(begun(), token(0, "secret"))
        assert (await thief.ask(type="ping"))["type"] == "pong"


# ---- who says that he is somebody else

FORGED = {
    "sender": "admin",
    "user": "admin",
    "by": {"user": "admin", "via": "panel", "kind": "human"},
    "identity": {"user": "admin"},
    "role": "owner",
    "client_id": "another",
    "is_server": True,
    "seq": 999,
    "epoch": 99,
    "timestamp": "1999-01-01T00:00:00Z",
    "kernel_id": "k1",
    "kind": "policy",
}


async def test_forged_fields_of_a_client_change_nothing(site):
    async with site.link() as link, site.connect("kgnb/ws?via=panel") as socket:
        kernel, client = Kernel(link), Talk(socket)
        await kernel.greet()
        await asked(kernel)
        await client.say(type="subscribe", run_id=RUN, topics=["all"])
        await client.hear("approval_request")
        answer = {"type": "answer", "approval_id": "a1", "value": "yes", "id": 1}
        await client.say(**FORGED | answer)
        resolved = await client.hear("approval_resolved")
        by = resolved["data"]["by"]
        assert "admin" not in json.dumps(resolved)
        assert by["via"] == "panel"
        assert by.get("kind", "human") == "human"
        assert resolved["seq"] == 3
        assert not resolved["timestamp"].startswith("1999")


SERVERS_WORDS = [
    begun(),
    {"type": "workflow_completed", "run_id": RUN, "data": "forged"},
    {"type": "approval_resolved", "run_id": RUN, "data": {"approval_id": "a1"}},
    {"type": "approval_request", "run_id": RUN, "data": {"approval_id": "a2"}},
    {"type": "token", "run_id": RUN, "data": "forged"},
    {"type": "append", "run_id": RUN, "epoch": 1, "n": 3, "events": []},
    {"type": "welcome"},
    {"type": "order_reply", "order_id": "1"},
    {"type": "post", "to": "all", "message": {}},
    {"type": "system_alert", "message": "forged"},
    {"type": "hello", "kernel_id": "k1", "process_id": "p1", "pid": 1},
]


async def test_client_that_speaks_as_a_kernel_or_a_server_is_not_understood(call, site):
    async with site.link() as link, site.connect() as socket:
        kernel, client = Kernel(link), Talk(socket)
        await kernel.greet()
        await asked(kernel)
        for word in SERVERS_WORDS:
            await client.say(**word)
            error = await client.hear("error", "ack")
            assert (error["type"], error["code"]) == ("error", "unknown_type"), word
        run = (await call(f"kgnb/api/runs/{RUN}")).json
        assert (run["status"], run["seq"]) == ("waiting", 2)


async def test_answer_to_changed_arguments_is_a_conflict_and_decides_nothing(site):
    async with site.link() as link, site.connect() as socket:
        kernel, client = Kernel(link), Talk(socket)
        await kernel.greet()
        await asked(kernel)
        answer = {"type": "answer", "approval_id": "a1", "value": "yes"}
        await client.say(**answer, args_hash="c" * 32)
        assert (await client.hear("error"))["code"] == "conflict"
        await client.say(**answer, args_hash="b" * 32, id=1)
        assert (await client.hear("ack", "error"))["type"] == "ack"
        # The same frame again, from another tab.
        async with site.connect() as second:
            other = Talk(second)
            await other.say(**answer, args_hash="b" * 32, id=2)
            assert (await other.hear("error"))["code"] == "already_answered"


# ---- frames that are made to hurt

HEAD = '{"type":"answer","approval_id":"a","value":'
HOSTILE = {
    "no JSON": "nonsense",
    "a list": "[]",
    "deep": HEAD + "[" * 65 + "]" * 65 + "}",
    "very deep": "[" * 1_000_000,
    "deep objects": '{"a":' * 150_000,
    "half a million elements": "[" + "0," * 500_000 + "0]",
    "a hundred thousand keys": "{"
    + ",".join(f'"{number}":0' for number in range(90_000))
    + "}",
    "a hundred thousand lists": "[" + "[]," * 300_000 + "[]]",
    "integer of 5,000 digits": HEAD + "9" * 5_000 + "}",
    "1e400": HEAD + "1e400}",
    "NaN": HEAD + "NaN}",
    "Infinity": HEAD + "Infinity}",
    "-Infinity": HEAD + "-Infinity}",
    "lone surrogate": HEAD + '"\\ud800"}',
    "NUL": HEAD + '"\0"}',
    "byte order mark": '\ufeff{"type":"ping"}',
    "type is a list": '{"type":["ping"]}',
    "two values": '{"type":"ping"}{"type":"ping"}',
    "comment": '{"type":"ping"/**/}',
    "trailing comma": '{"type":"ping",}',
    "single quotes": "{'type':'ping'}",
    "prototype": '{"__proto__":{"type":"ping"}}',
    "not UTF-8": b'{"type":"ping","id":"\xff"}',
    "unclosed string": '{"type":"' + "a" * 1_000_000,
}


async def test_hostile_frames_are_answered_at_once_and_leave_no_trace(site, all_logs):
    async with site.connect() as socket:
        client = Talk(socket)
        await client.hear("hello")
        slowest = 0.0
        for name, frame in HOSTILE.items():
            began = time.perf_counter()
            await socket.send(frame)
            reply = await client.hear("error", "pong", "ack")
            slowest = max(slowest, time.perf_counter() - began)
            assert reply["type"] == "error", name
            assert reply["code"] in ("invalid", "unknown_type"), name
            assert len(reply["message"]) < 1000, name
        await client.say(type="ping", id="still here")
        assert (await client.hear("pong"))["id"] == "still here"
    assert slowest < 0.5  # 50 ms, tenfold for a shared machine
    # At DEBUG the library of the client, and uvicorn's, print every frame.
    dumped = ("websockets.client DEBUG", "uvicorn.error DEBUG")
    own = "\n".join(each for each in all_logs.lines if not each.startswith(dumped))
    assert "Traceback" not in own
    assert "nonsense" not in own


async def test_name_given_twice_is_read_once_and_as_the_checks_read_it(site):
    """No part of the server sees another value than the one that was checked."""
    async with site.connect() as socket:
        client = Talk(socket)
        await client.hear("hello")
        await socket.send('{"type":"ping","id":"one","id":"two"}')
        assert (await client.hear("pong"))["id"] == "two"
        await socket.send('{"type":"ping","type":"explode"}')
        assert (await client.hear("error"))["code"] == "unknown_type"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "nan", "-NaN"])
async def test_number_that_json_has_not_never_leaves_a_kernel(call, site, number):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        event = {"type": "reading", "run_id": RUN, "node_id": "Draft"}
        head = json.dumps({"type": "append", "run_id": RUN, "epoch": 1, "n": 2})[:-1]
        text = json.dumps(event)[:-1]
        await link.send(f'{head},"events":[{text},"data":{number}}}]}}')
        async with asyncio.timeout(10):
            await link.wait_closed()
        assert link.close_code == 1008
    events = (await call(f"kgnb/api/runs/{RUN}/trace.jsonl")).raw.splitlines()
    assert [json.loads(line)["type"] for line in events][:1] == ["workflow_started"]
    assert b"NaN" not in b"".join(events)


# ---- names

NAMES = [
    "../../etc/passwd",
    "a/../b",
    "x' OR '1'='1",
    "'; DROP TABLE event; --",
    "a\r\nSET x 1\r\n",
    "stream/other",
    "run/" + RUN,
    "*",
    "%",
    "_",
    "\u202egnp.exe",
    "a\u0000b",
    "\u0430dmins",  # a Cyrillic letter
    "{}",
    "%s%n",
    "$(reboot)",
]

UNKNOWN = ("invalid", "no_such_run", "no_such_approval", "no_such_workflow")


@pytest.mark.parametrize("name", NAMES)
async def test_id_that_is_code_elsewhere_is_only_a_name(call, site, name):
    async with site.link() as link, site.connect() as socket:
        kernel, client = Kernel(link), Talk(socket)
        await kernel.greet()
        await asked(kernel)
        commands = [
            {"type": "cancel", "run_id": name},
            {"type": "answer", "approval_id": name, "value": "yes"},
            {"type": "start_workflow", "workflow": name, "params": {}},
            {"type": "join_group", "group": name},
            {"type": "node_input", "run_id": RUN, "node_id": name, "data": 1},
        ]
        for command in commands:
            await client.say(**command)
            reply = await client.hear("error", "ack", "joined_group")
            assert reply.get("code") in UNKNOWN or reply.get("group") == name, reply
        listed = await call("kgnb/api/runs")
        assert [run["run_id"] for run in listed.json["runs"]] == [RUN]
        approvals = (await call("kgnb/api/approvals")).json["approvals"]
        assert [a["state"] for a in approvals] == ["open"]


async def test_names_that_a_client_made_up_are_freed_when_it_leaves(site):
    audience = site.host.driver._core.audience
    async with site.connect() as socket:
        client = Talk(socket)
        await client.hear("hello")
        before = len(audience.streams)
        for number in range(140):
            await client.say(type="subscribe", topics=[f"made up {number}"], id=number)
        codes = [(await client.hear("subscribed", "error")).get("code")
                 for _ in range(140)]  # fmt: skip
        assert codes.count("invalid") >= 12
        assert len(audience.streams) <= before + 128
        await client.say(type="subscribe", topics=["x" * 10_000])
        assert (await client.hear("error"))["code"] == "invalid"
    await until(lambda: len(audience.streams) <= before)


TOSSED = '"><script>pwned</script>'


@pytest.mark.parametrize("page", ["", f"runs/{RUN}", "chat/letter", "login/"])
async def test_cookie_of_a_sister_site_is_in_no_page(call, page):
    """Any site below the same domain can set it, before a visitor comes here."""
    names = ("_xsrf", "kgnb-token", "username-127-0-0-1", "anything")
    cookies = "; ".join(f"{name}={TOSSED}" for name in names)
    headers = {"Cookie": cookies, "Sec-Fetch-Site": "none"}
    answer = await call(f"kgnb/{page}", token=None, headers=headers)
    assert answer.status in (200, 302, 401)
    told = [answer.raw.decode(), *(f"{k}: {v}" for k, v in answer.headers.get_all())]
    assert not [line for line in told if "pwned" in line]
