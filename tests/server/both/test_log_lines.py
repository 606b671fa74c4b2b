"""What a host's own loggers say: a line each, and never what a client sent."""

import json

import pytest
from http_harness import Kernel, begun
from server_harness import TOKEN, Talk, until

EVIL = "e\r\nINFO forged\x1b[31m\u202e%s{}\x00hostile7f3a9"
FRAMES = [
    {"type": EVIL},
    {"type": "subscribe", "topics": [EVIL], "run_id": EVIL, "id": EVIL},
    {"type": "start_workflow", "workflow": EVIL, "params": {EVIL: EVIL}, "id": EVIL},
    {"type": "node_input", "node_id": EVIL, "data": EVIL, "run_id": EVIL},
    {"type": "answer", "approval_id": EVIL, "value": EVIL, "reason": EVIL},
    {"type": "message", "content": EVIL, "session_id": EVIL},
    {"type": "join_group", "group": EVIL},
    {"type": "cancel", "run_id": EVIL},
    {"type": "ping", "id": EVIL},
    {"session_id": EVIL, "message": EVIL},
    [EVIL],
]


def ours(logs):
    """Lines of the host's and our own loggers, once each: at DEBUG, the libraries of
    both ends log the frames themselves."""
    own = [
        line for line in logs.lines if not line.startswith(("uvicorn", "websockets"))
    ]
    return list(dict.fromkeys(own))


async def test_coming_and_going_are_a_line_each(site, all_logs):
    async with site.connect("kgnb/ws?via=page&client_id=hostile7f3a9") as socket:
        await Talk(socket).hear("hello")
    await until(lambda: any("kgnb disconnect" in line for line in all_logs.lines))
    (came,) = [line for line in ours(all_logs) if "kgnb connect" in line]
    (went,) = [line for line in ours(all_logs) if "kgnb disconnect" in line]
    assert " INFO " in came
    assert " INFO " in went
    assert "via=page role=start" in came
    assert "via=page code=1000 seconds=" in went
    for line in (came, went):
        assert line.partition(" ")[2].isprintable()
        assert "hostile7f3a9" not in line
        assert TOKEN not in line


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
async def test_frame_with_hostile_text_leaves_no_trace(site, all_logs, frame):
    async with site.connect() as socket:
        talk = Talk(socket)
        await talk.hear("hello")
        await socket.send(json.dumps(frame))
        await talk.say(type="ping", id="done")
        while (await talk.hear("pong")).get("id") != "done":
            pass
    await until(lambda: any("kgnb disconnect" in line for line in all_logs.lines))
    for line in ours(all_logs):
        assert line.isprintable(), line
        assert "hostile7f3a9" not in line


async def test_event_with_hostile_text_leaves_no_trace(site, all_logs):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        text = {"stream": "stdout", "text": EVIL}
        await kernel.append(
            begun(),
            {"type": "log", "node_id": EVIL, "data": text},
            {"type": EVIL, "node_id": EVIL, "data": EVIL},
            {"type": "workflow_failed", "error": {"code": EVIL, "message": EVIL}},
        )
    for line in ours(all_logs):
        assert line.isprintable(), line
        assert "hostile7f3a9" not in line
