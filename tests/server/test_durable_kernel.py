"""A durable run in a real Jupyter kernel that is killed, and whose cell is run again."""

import asyncio
import contextlib
import os
import signal

import pytest
import websockets
from kernel_shell import Shell
from server_harness import ServerProcess

CELL = """
import os, sys, time
from pathlib import Path
import kgnb

JOURNAL = Path({journal!r})

class Step(kgnb.Node):
    def exec(self, prep_res):
        with JOURNAL.open("a") as journal:
            journal.write(f"{{self.node_id}} {{os.getpid()}}\\n")
        if self.node_id == "second":
            while not JOURNAL.with_name("go on").exists():
                time.sleep(0.05)

    def post(self, shared, prep_res, exec_res):
        shared["done"] = [*shared["done"], self.node_id]

class Asks(kgnb.Node):
    def exec(self, prep_res):
        return kgnb.ask("Ship it?", options=["yes", "no"]).result().value

    def post(self, shared, prep_res, exec_res):
        shared["answer"] = exec_res

first, second, asks = Step(node_id="first"), Step(node_id="second"), Asks()
first >> asks >> second
run = kgnb.run(kgnb.Graph(first, name="durable"), {{"done": []}}, durable=True)
print(run.id, flush=True)
print(run.result().shared)
"""


def lines(journal):
    return journal.read_text().split("\n")[:-1] if journal.exists() else []


async def until(condition):
    async with asyncio.timeout(40):
        while not (found := await asyncio.to_thread(condition)):
            await asyncio.sleep(0.1)
        return found


async def in_a_kernel(server, kernel_id, code):
    """Run a cell; what it printed, or None where its kernel died meanwhile."""
    with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
        async with Shell(server, kernel_id) as shell:
            return await shell.run(code)


@pytest.mark.parametrize("end", ["killed", "restarted"])
@pytest.mark.timeout(150)
async def test_a_dead_kernels_cell_goes_on_when_it_is_run_again(tmp_path, end):
    journal = tmp_path / "journal"
    code = CELL.format(journal=str(journal))
    with ServerProcess(tmp_path) as server:
        await server.wait_ready()

        def call(path, **body):
            return server.call(
                path, method="POST" if body else "GET", body=body or None
            )

        def approvals():
            return call("kgnb/api/approvals?state=open")["approvals"]

        kernel = await asyncio.to_thread(call, "api/kernels", name="python3")
        cell = asyncio.create_task(in_a_kernel(server, kernel["id"], code))
        (asked,) = await until(approvals)
        run = f"kgnb/api/runs/{asked['run_id']}"
        if end == "killed":
            os.kill(int(lines(journal)[0].split()[1]), signal.SIGKILL)
        else:
            restart = f"api/kernels/{kernel['id']}/restart"
            await asyncio.to_thread(server.call, restart, method="POST")
        cell.cancel()
        await until(lambda: call(run)["status"] == "lost")
        # Nobody runs it; it asks all the same, and is answered.
        (still,) = await asyncio.to_thread(approvals)
        assert still["approval_id"] == asked["approval_id"]
        answer = f"kgnb/api/approvals/{asked['approval_id']}"
        await asyncio.to_thread(call, answer, value="yes")
        again = asyncio.create_task(in_a_kernel(server, kernel["id"], code))
        await until(lambda: len(lines(journal)) > 1)
        (tmp_path / "go on").touch()
        printed = await again
    assert printed is not None
    assert printed.split("\n") == [
        asked["run_id"],
        "{'done': ['first', 'second'], 'answer': 'yes'}",
    ]
    assert [line.split()[0] for line in lines(journal)] == ["first", "second"]
