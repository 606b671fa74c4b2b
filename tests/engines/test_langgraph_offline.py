"""A compiled graph is shown without a word to anybody: in a kernel that is cut off."""

import queue
import time

import pytest
from jupyter_client.manager import start_new_kernel

CUT_OFF = """
import socket, sys
tried = []

def refuse(event, args):
    # Whatever of Python wants to reach somebody comes by here.
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else "localhost"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1", b"localhost"):
        tried.append((event, host))
        raise OSError(f"there is no network for {host}")

sys.addaudithook(refuse)
"""
GRAPH = """
from typing import TypedDict
import kgnb
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    n: int

builder = StateGraph(State)
builder.add_node("first", lambda state: {"n": 1})
builder.add_node("second", lambda state: {"n": 2})
builder.add_edge(START, "first")
builder.add_conditional_edges("first", lambda state: "second")
graph = builder.compile(name="offline")
"""
OTHERS_ASK = """
try:
    graph.get_graph().draw_mermaid_png(max_retries=1)
except Exception:
    pass
print(len(tried))
"""


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """Run a cell of a real kernel; its displays and results, and what it printed."""
    manager, client = start_new_kernel(kernel_name="python3")

    def execute(code):
        cell = client.execute(code)
        shown, printed = [], ""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                message = client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            assert kind != "error", "\n".join(content["traceback"])
            if "data" in content:
                shown.append(content["data"])
            printed += content.get("text", "")
            if kind == "status" and content["execution_state"] == "idle":
                return shown, printed.strip()
        raise AssertionError("the cell did not end within 60 s")

    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_graph_is_run_and_shown_in_a_kernel_without_a_network(execute):
    execute(CUT_OFF)
    execute(GRAPH)
    live, _ = execute("run = kgnb.run(graph, {})\nrun")
    assert "<kgnb.Run 'offline'>" in live[-1]["text/plain"]
    assert any("application/vnd.kgnb.run+json" in data for data in live)
    ended, _ = execute("result = await run\nresult")
    assert "completed" in ended[-1]["text/plain"]
    assert execute("print('first|default|second' in run.graph.svg)")[1] == "True"
    record, _ = execute("kgnb.run(graph, {}).result(20); result.show()")
    assert any("svg" in str(data) for data in record)
    assert execute("print(tried)")[1] == "[]"
    # What LangGraph itself would do shows that the kernel is cut off indeed.
    assert int(execute(OTHERS_ASK)[1]) > 0
