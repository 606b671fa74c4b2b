"""Nested loops by request only; in processes of their own, since patches stay."""

import subprocess
import sys
import textwrap

import pytest
from kernel_harness import Cell, started


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )


def test_asyncio_run_works_in_a_running_loop_once_allowed():
    done = run(
        """
        import asyncio
        from kgnb.runtime.nesting import allow_nested_run
        async def inner():
            await asyncio.sleep(0)
            return "inner"
        async def outer():
            allow_nested_run()
            return asyncio.run(inner())
        print(asyncio.run(outer()))
        """
    )
    assert done.stdout == "inner\n"


def test_original_applied_on_ipykernel_7_is_warned_of_and_left_alone():
    done = run(
        """
        import asyncio, sys, types
        import nest_asyncio
        nest_asyncio.apply()
        import ipykernel
        assert ipykernel.version_info[0] >= 7
        from kgnb.runtime.nesting import allow_nested_run
        allow_nested_run()
        assert asyncio.run.__module__ == "nest_asyncio"
        """
    )
    assert "loses cells that are queued" in done.stderr


def test_run_warns_where_the_original_is_applied_on_ipykernel_7():
    done = run(
        """
        import nest_asyncio
        nest_asyncio.apply()
        import ipykernel
        import kgnb
        print(kgnb.run(lambda: 1).result(10).status)
        """
    )
    assert done.stdout == "completed\n"
    assert "loses cells that are queued" in done.stderr.replace("\n", " ")


def test_import_of_kgnb_patches_nothing():
    done = run(
        """
        import asyncio
        before = asyncio.run
        import kgnb
        kgnb.run
        assert asyncio.run is before
        """
    )
    assert done.returncode == 0


KERNELS = ["ipykernel-6.31", "ipykernel-7.3", "python3"]
NOTEBOOK = {
    "%load_ext kgnb": "",
    """
import asyncio, kgnb

class Wait(kgnb.AsyncNode):
    async def exec_async(self, _):
        await asyncio.sleep(0.2)
        return "waited"
    async def post_async(self, shared, _, text):
        shared["text"] = text

async def main():
    shared = {}
    await kgnb.AsyncGraph(Wait()).run_async(shared)
    return shared["text"]

print("script:", asyncio.run(main()))
""": "script: waited\n",
    """
async def watched():
    result = await kgnb.run(kgnb.AsyncGraph(Wait()), {})
    return result.shared["text"]

print("watched:", asyncio.run(watched()))
""": "watched: waited\n",
    """
class Calls(kgnb.Node):
    def exec(self, _):
        return asyncio.run(main())
    def post(self, shared, _, text):
        shared["text"] = text

shared = {}
kgnb.Graph(Calls()).run(shared)
print("inner:", shared["text"])
""": "inner: waited\n",
    """
loop = asyncio.get_event_loop()
print("loop:", loop.is_running(), loop.run_until_complete(main()))
""": "loop: True waited\n",
    "print('last:', await main())": "last: waited\n",
}
"""Cells, each with what it prints: scripts as they stand, pasted."""
LANGGRAPH = """
from typing import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict):
    text: str

def call(state):
    return {"text": asyncio.run(main())}

async def acall(state):
    return {"text": await main()}

def graph(node):
    builder = StateGraph(State)
    builder.add_node("call", node)
    builder.add_edge(START, "call")
    return builder.compile()

print(graph(call).invoke({"text": ""}))
print(asyncio.run(graph(acall).ainvoke({"text": ""})))
"""


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def newest():
    """A kernel of the installed ipykernel. For all: what the first kernel leaves in
    this process (a loop, ZeroMQ's context) is no test's.
    """
    with started() as (_, client):
        yield client


@pytest.fixture
def client(name, newest, ipykernel_folder):
    if name == "python3":
        yield newest
        return
    with started(ipykernel_folder(name)) as (_, client):
        yield client


@pytest.mark.parametrize("name", KERNELS)
def test_run_all_of_pasted_scripts_loses_no_cell(name, client):
    notebook = dict(NOTEBOOK)
    if name == "python3":  # nothing in it depends on the kernel
        notebook[LANGGRAPH] = 2 * "{'text': 'waited'}\n"
    queued = [Cell(client, code, wait=False) for code in notebook]
    for cell, said in zip(queued, notebook.values(), strict=True):
        cell.finish()
        assert (cell.text, cell.errors) == (said, [])


@pytest.mark.parametrize(
    ("name", "is_warned"), [("ipykernel-6.31", False), ("ipykernel-7.3", True)]
)
def test_original_is_warned_of_where_it_loses_cells(name, is_warned, client):
    assert not Cell(client, "import nest_asyncio; nest_asyncio.apply()").errors
    text = Cell(client, "%load_ext kgnb").text
    assert ("loses cells that are queued" in text) == is_warned


def test_original_applied_after_ours_does_no_harm(newest):
    codes = ["%load_ext kgnb", "import nest_asyncio; nest_asyncio.apply()"]
    codes += ["import asyncio; asyncio.run(asyncio.sleep(0.3))", "print('on')"]
    queued = [Cell(newest, code, wait=False) for code in codes]
    assert [cell.finish().errors for cell in queued] == [[]] * 4
    assert queued[-1].text == "on\n"
