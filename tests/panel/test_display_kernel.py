"""The display in a real kernel: what the front end is told, and for which cell."""

import queue
import time

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import importlib.util, threading
spec = importlib.util.spec_from_file_location("samples", {path!r})
samples = importlib.util.module_from_spec(spec)
spec.loader.exec_module(samples)
from kgnb.panel.display import RunDisplay
from kgnb.protocol.view import RunView
display = RunDisplay()
ended = samples.article_view()
run = samples.FakeRun(RunView(run_id="f" * 32, workflow="article", graph=ended.graph))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def execute(client, code, timeout=30):
    """Run a cell; its id and every output that came until it was done."""
    cell = client.execute(code)
    outputs = []
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "error":
            pytest.fail("\n".join(content["traceback"]))
        if kind in ("display_data", "update_display_data", "comm_open", "comm_close"):
            outputs.append((kind, message["parent_header"]["msg_id"], content))
        is_own = message["parent_header"].get("msg_id") == cell
        if kind == "status" and content["execution_state"] == "idle" and is_own:
            return cell, outputs
    pytest.fail(f"the cell did not end within {timeout} s")


def displays(outputs):
    return [each for each in outputs if each[0].endswith("display_data")]


def test_display_in_a_kernel_is_replaced_in_the_cell_that_began_the_run(
    kernel, samples
):
    execute(kernel, SETUP.format(path=samples.__file__))
    began, first = execute(kernel, "display.show(run)")
    other, last = execute(
        kernel,
        "run.view = ended\n"
        "thread = threading.Thread(target=display.finish, args=(run,))\n"
        "thread.start(); thread.join()",
    )
    ((kind, parent, shown),) = displays(first)
    ((end_kind, end_parent, record),) = displays(last)
    assert (kind, end_kind) == ("display_data", "update_display_data")
    assert parent == end_parent == began != other
    assert shown["transient"] == record["transient"]
    assert record["data"]["application/vnd.kgnb.run+json"]["final"] is True


def test_display_with_a_widget_in_a_kernel_opens_and_closes_its_comm(kernel, samples):
    execute(kernel, SETUP.format(path=samples.__file__))
    _, first = execute(kernel, "run.panel = 'widget'; display.show(run)")
    _, last = execute(kernel, "run.view = ended; display.finish(run)")
    opened = {each[2]["comm_id"] for each in first if each[0] == "comm_open"}
    closed = {each[2]["comm_id"] for each in last if each[0] == "comm_close"}
    ((_, _, shown),) = displays(first)
    model = shown["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model in opened
    assert closed == opened
