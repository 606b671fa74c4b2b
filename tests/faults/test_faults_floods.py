"""A LangGraph graph that says 50 MB, and a client that reads none of it."""

import asyncio
import contextlib
import json
import socket

import psutil
import pytest
from faults_harness import PEOPLE, Teller, person, seen
from kernel_shell import Shell
from websockets import ConnectionClosed

NODES, READINGS, SIZE, CHUNKS, CHUNK = 10, 100, 25_000, 500, 5_000
TOTAL = NODES * (READINGS * SIZE + CHUNKS * CHUNK)
"""Characters: 50 million."""
MIB = 1024 * 1024
FLOOD = f"""
import asyncio, psutil
from typing import TypedDict
import kgnb
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    n: int

class Model(BaseChatModel):
    _llm_type = "flood"
    def _generate(self, *args, **options):
        raise NotImplementedError
    async def _astream(self, messages, stop=None, run_manager=None, **options):
        for n in range({CHUNKS}):
            await asyncio.sleep(0)
            said = AIMessageChunk(content=f"{{n}} ".rjust({CHUNK}, "."))
            yield ChatGenerationChunk(message=said)

model = Model()

async def flood(state):
    n = state.get("n", 0)
    write = get_stream_writer()
    for m in range({READINGS}):
        write({{"type": "reading", "n": n * {READINGS} + m, "text": "y" * {SIZE}}})
    async for _ in model.astream("go"):
        pass
    return {{"n": n + 1}}

builder = StateGraph(State)
builder.add_node("flood", flood)
builder.add_edge(START, "flood")
ways = {{"again": "flood", "done": END}}
builder.add_conditional_edges(
    "flood", lambda state: "again" if state["n"] < {NODES} else "done", ways
)
kgnb.publish("flood", builder.compile())
print(psutil.Process().pid)
"""


@pytest.fixture(scope="module")
def settings():
    return (PEOPLE,)


class Peak:
    """The most memory that a process takes, beyond what it has now."""

    def __init__(self, pid):
        self._process = psutil.Process(pid)
        self._before = self._process.memory_info().rss
        self.grown = 0

    def look(self):
        grown = self._process.memory_info().rss - self._before
        self.grown = max(self.grown, grown)


async def start_kernel(server):
    """A kernel of the server that publishes the graph; its process."""
    body = {"name": "python3"}
    made = await asyncio.to_thread(server.call, "api/kernels", method="POST", body=body)
    async with Shell(server, made["id"]) as shell:
        return int(await shell.run(FLOOD))


@contextlib.asynccontextmanager
async def stalled(server):
    """A page's socket that is subscribed to everything and reads nothing of it."""
    small = socket.create_connection(("127.0.0.1", server.port))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    async with person(server, "stalled", sock=small, max_queue=1) as page:
        await Teller(page).ask(type="subscribe", topics=["all"])
        page.transport.pause_reading()
        yield page


async def events_of(page):
    """All events of the run that this page started."""
    frames = []
    async for frame in page:
        frames.append(frame)  # read first: a reader that is behind is cut off, too
        if '"workflow_completed"' in frame or '"workflow_failed"' in frame:
            break
    return [event for event in map(json.loads, frames) if event.get("workflow_id")]


async def run_flood(server, kernel, first=0, cut_off=lambda: None):
    """The events that a reader got, and the most that was kept meanwhile.

    The graph begins with its node's visit ``first``. ``cut_off`` is called when the
    reader is left alone.
    """
    peaks = {"kernel": Peak(kernel), "server": Peak(server.process.pid)}
    queued = 0
    async with person(server, "reader", max_size=None) as page:
        await Teller(page).say(
            type="start_workflow", workflow="flood", params={"n": first}
        )
        reading = asyncio.create_task(events_of(page))
        while not reading.done():
            await asyncio.sleep(0.05)
            for peak in peaks.values():
                peak.look()
            figures = await server.get("kgnb/metrics")
            queued = max(queued, figures["send_queue_bytes"])
            if figures["active_connections"] < 2:
                cut_off()
        events = await reading
    return events, {name: peak.grown for name, peak in peaks.items()}, queued


def check_whole(events, first=0):
    """The reader has all that was said, in order; how long a step took."""
    seqs = [event["seq"] for event in events]
    assert seqs == sorted({*seqs})
    readings = [e["data"]["n"] for e in events if e["type"] == "reading"]
    assert readings == list(range(first * READINGS, NODES * READINGS))
    texts = {}
    for event in events:
        if event["type"] == "token":
            text = texts.setdefault(event["stream"], "")
            assert event.get("index", 0) == len(text)
            texts[event["stream"]] = text + event["data"]
    whole = "".join(f"{n} ".rjust(CHUNK, ".") for n in range(CHUNKS))
    assert list(texts.values()) == [whole] * (NODES - first)
    durations = [e["duration"] for e in events if e.get("duration") is not None]
    assert len(durations) == NODES - first
    assert events[-1]["type"] == "workflow_completed"
    return sum(durations) / len(durations)


@pytest.mark.timeout(120)
async def test_client_that_reads_nothing_of_50_mb_costs_and_holds_up_nobody(server):
    assert TOTAL >= 50_000_000
    kernel = await start_kernel(server)
    first = NODES - 2
    events, _, _ = await run_flood(server, kernel, first)
    usual = check_whole(events, first)
    async with stalled(server) as page:
        # Why it was cut off is kept for it for five seconds: it reads again then.
        heard = []

        def cut_off():
            if not heard:
                page.transport.resume_reading()
                heard.append(asyncio.create_task(events_of(page)))

        events, grown, queued = await run_flood(server, kernel, cut_off=cut_off)
        assert heard, "the client that reads nothing was not cut off"
        with pytest.raises(ConnectionClosed):
            await heard[0]
    beside = check_whole(events)
    assert (page.close_code, page.close_reason) == (4009, "Slow consumer")
    seen["ms of a step beside a client that reads nothing"] += round(1000 * beside)
    seen["ms of a step without it"] += round(1000 * usual)
    seen["KiB grown with 50 MB, in the kernel"] += grown["kernel"] // 1024
    seen["KiB grown with 50 MB, in the server"] += grown["server"] // 1024
    seen["KiB queued for clients at most"] += queued // 1024
    assert beside < 2 * usual + 0.5
    assert queued < 4 * MIB
    assert grown["server"] < 32 * MIB
    # What waits for the log is bounded; the run's own view has its 25 MB of text.
    assert grown["kernel"] < 120 * MIB
