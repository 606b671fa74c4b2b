"""Two Jupyter servers, each with a real kernel, that act as one."""

import asyncio
import contextlib

import psutil
from kernel_shell import Shell
from server_harness import BASE, TOKEN, ServerProcess

from kgnb.clients import connect

ASK = """
import kgnb
run = kgnb.run(lambda shared: kgnb.ask("Go on?", options=["yes", "no"]).result().value,
               panel=False)
print(run.id)
"""
LOST = 10.0
"""Seconds that a server may take to see that a kernel is dead."""


def started(folder, redis_url):
    folder.mkdir()
    return ServerProcess(
        folder,
        f"--KgnbApp.log_url={redis_url}",
        f"--KgnbApp.backplane_url={redis_url}",
        "--KgnbApp.link_secret=shared",
    )


def client_of(server):
    return connect(f"http://127.0.0.1:{server.port}{BASE}", token=TOKEN)


async def kernel_of(server):
    made = {"method": "POST", "body": {"name": "python3"}}
    return (await asyncio.to_thread(server.call, "api/kernels", **made))["id"]


async def asked(server, kernel_id):
    """The id of a run in a real kernel, which has asked."""
    async with Shell(server, kernel_id) as shell:
        return await shell.run(ASK)


async def question_of(client, run_id):
    async for event in client.events(run_id=run_id):
        if event["type"] == "approval_request":
            return event["data"]["approval_id"]
    raise AssertionError("it asks nothing")


async def end_of(client, run_id):
    async with asyncio.timeout(LOST):
        async for event in client.events(run_id=run_id):
            last = event
    return last


async def test_runs_of_both_kernels_are_answered_at_the_other_server(tmp_path, redis):
    url = redis.new_url()
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(started(tmp_path / "one", url))
        two = stack.enter_context(started(tmp_path / "two", url))
        await asyncio.gather(one.wait_ready(120), two.wait_ready(120))
        kernels = await asyncio.gather(kernel_of(one), kernel_of(two))
        async with client_of(one) as at_one, client_of(two) as at_two:
            for host, kernel, far in (
                (one, kernels[0], at_two),
                (two, kernels[1], at_one),
            ):
                run_id = await asked(host, kernel)
                await far.answer(await question_of(far, run_id), "yes")
                last = await end_of(far, run_id)
                assert (last["type"], last["data"]) == ("workflow_completed", "yes")
            doomed = [
                await asked(*each) for each in ((one, kernels[0]), (two, kernels[1]))
            ]
            for server, far, run_id in (
                (one, at_two, doomed[0]),
                (two, at_one, doomed[1]),
            ):
                (kernel,) = psutil.Process(server.process.pid).children()
                kernel.kill()
                assert (await end_of(far, run_id))["type"] == "workflow_lost"
