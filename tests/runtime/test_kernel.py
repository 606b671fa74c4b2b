"""Runs in a real IPython kernel: displays, the stop button, headless modes."""

import time

import pytest
from kernel_harness import Cell, started

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.flaky(reruns=1),  # a real kernel; see tests/conftest.py
]


@pytest.fixture(scope="module")
def kernel():
    with started() as (manager, client):
        yield manager, client


SETUP = """
import asyncio, time, kgnb
class Waits(kgnb.AsyncNode):
    async def exec_async(self, _): await asyncio.sleep(60)
class Prints(kgnb.Node):
    def exec(self, _):
        for n in range(3):
            print("line", n); time.sleep(0.05)
"""
MIME = "application/vnd.kgnb.run+json"


@pytest.fixture
def cell(kernel):
    _manager, client = kernel
    assert not Cell(client, SETUP).errors
    return lambda code, **options: Cell(client, code, **options)


@pytest.mark.parametrize("wait", ["await run", "run.result()"])
def test_stop_button_ends_the_run_that_a_cell_waits_for(kernel, cell, wait):
    manager, _ = kernel
    running = cell(f"run = kgnb.run(Waits())\nprint('on')\n{wait}", wait=False)
    while "on" not in running.text:
        running.take(10)
    time.sleep(0.3)
    began = time.monotonic()
    manager.interrupt_kernel()
    running.finish()
    assert time.monotonic() - began < 10
    assert running.errors
    assert cell("print(run.status)").text == "cancelled\n"


def test_stop_button_of_another_cell_leaves_the_run_alone(kernel, cell):
    manager, _ = kernel
    cell("run = kgnb.run(Waits())")
    running = cell("print('on'); time.sleep(30)", wait=False)
    while "on" not in running.text:
        running.take(10)
    manager.interrupt_kernel()
    assert running.finish().errors == ["KeyboardInterrupt"]
    assert cell("print(run.status); run.cancel()").text == "running\n"


def test_prints_and_the_record_stay_in_the_cell_that_started_the_run(cell, kernel):
    _, client = kernel
    first = cell("run = kgnb.run(Prints())", wait=False)
    second = client.execute("time.sleep(0.6); print('second')")
    text = {first.parent: "", second: ""}
    updates = []
    idle = set()
    while idle != {first.parent, second}:
        message = client.get_iopub_msg(timeout=20)
        parent = message["parent_header"].get("msg_id")
        if parent not in text:
            continue
        if message["msg_type"] == "stream":
            text[parent] += message["content"]["text"]
        elif message["msg_type"] == "update_display_data":
            updates.append(parent)
        elif message["content"].get("execution_state") == "idle":
            idle.add(parent)
    assert text[second] == "second\n"
    assert text[first.parent] == "line 0\nline 1\nline 2\n"
    assert updates == [first.parent]


def test_live_display_names_its_run_in_the_metadata(cell):
    shown = cell("run = kgnb.run(Prints()); run.result(); print(run.id)")
    (display,) = shown.displays
    metadata = display["metadata"][MIME]
    assert metadata["run_id"] == shown.text.splitlines()[-1]
    assert metadata["log"] == "kernel"
    assert display["data"][MIME]["final"] is False
    (update,) = shown.updates
    assert update["data"][MIME]["final"] is True


def test_ci_mode_makes_one_display_with_the_record(cell):
    shown = cell("run = kgnb.run(Prints(), mode='ci')", allow_stdin=False)
    assert shown.updates == []
    (display,) = shown.displays
    assert display["data"][MIME]["final"] is True


def test_two_ci_runs_leave_the_same_data(cell):
    code = "run = kgnb.run(kgnb.Graph(Prints(), name='same'), mode='ci')"
    first, second = cell(code).displays, cell(code).displays
    assert first[0]["data"] == second[0]["data"]


def test_headless_front_end_is_static(cell):
    code = "run = kgnb.run(Prints()); run.result(); print(run.display_mode)"
    assert cell(code, allow_stdin=False).text.endswith("static\n")


def test_control_channel_answers_beside_a_busy_cell(cell, kernel):
    _, client = kernel
    cell("run = kgnb.run(lambda: kgnb.ask('ok?', options=['y']).result().value)")
    cell("run_id = run.id; print(run_id)")
    busy = cell("until = time.time() + 3\nwhile time.time() < until: pass", wait=False)
    message = client.session.msg("kgnb_request", {"client": "c", "frames": []})
    client.control_channel.send(message)
    reply = client.get_control_msg(timeout=2)
    assert reply["msg_type"] == "kgnb_reply"
    assert reply["content"]["status"] == "ok"
    busy.finish()
    cell("run.cancel()")


TRAVEL = """
first = kgnb.Node(node_id="A")
first >> kgnb.Node(node_id="B")
run = kgnb.run(kgnb.Graph(first, name="G"), {"n": 1}, durable=True)
await run
steps = [(c.step, c.next) for c in await run.history()]
fork = run.fork(at="B", shared={"n": 2})
await fork
print(steps)
"""


def test_fork_and_comparison_are_shown_in_the_cell(cell):
    shown = cell(TRAVEL)
    assert shown.text.endswith("[(2, ()), (1, ('B',)), (0, ('A',))]\n")
    ids = [display["metadata"][MIME]["run_id"] for display in shown.displays]
    assert len(set(ids)) == 2
    first, second = (cell("display(kgnb.compare(run, fork))") for _ in range(2))
    (display,) = first.displays
    assert display["data"] == second.displays[0]["data"]
    assert "shared[&#x27;n&#x27;]" in display["data"]["text/html"]
    assert "~ shared['n']: 1 → 2" in display["data"]["text/plain"]


RECORDED = """
class Asks(kgnb.Node):
    def exec(self, _):
        print("asked")
        kgnb.stream(kgnb.recorded({prompt!r}, speed=0)).result()
        return kgnb.ask("Send?", options=["yes", "no"]).result()
run = kgnb.run(kgnb.Graph(Asks(), name="mail"), record={path!r}, answers=["yes"])
result = await run
"""


def test_replay_is_shown_as_the_run_was(cell, tmp_path):
    prompt = "Write one short paragraph about the ocean tides."
    path = str(tmp_path / "mail.jsonl")
    recorded = cell(RECORDED.format(prompt=prompt, path=path))
    assert not recorded.errors
    shown = cell(f"again = kgnb.replay({path!r}, speed=9); await again")
    assert not shown.errors
    (update,) = shown.updates
    assert update["data"] == recorded.updates[0]["data"]
    assert update["data"][MIME]["record"]["approvals"][0]["value"] == "yes"
    # A comparison waits for nothing, and finds the same.
    ci = "import os; os.environ['KGNB_MODE'] = 'ci'\n"
    compared = cell(f"{ci}again = kgnb.replay({path!r}, speed=0.001)")
    cell("del os.environ['KGNB_MODE']")
    assert compared.displays[0]["data"] == update["data"]
    assert compared.updates == []
