"""Cells in real IPython kernels: what each printed, displayed and raised."""

import os
import queue
import time
from contextlib import contextmanager

from jupyter_client.manager import start_new_kernel


@contextmanager
def started(folder=None):
    """A kernel and its client, for the time of a ``with``.

    Args:
        folder: Of another ipykernel than the installed one.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("KGNB_")}
    if folder is not None:
        env["PYTHONPATH"] = str(folder)
    manager, client = start_new_kernel(kernel_name="python3", env=env)
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


class Cell:
    """One execution: what it printed, displayed and raised."""

    def __init__(self, client, code, *, allow_stdin=True, wait=True):
        self.client = client
        self.text, self.errors, self.displays, self.updates = "", [], [], []
        self.parent = client.execute(code, allow_stdin=allow_stdin)
        if wait:
            self.finish()

    def finish(self, seconds=20):
        until = time.monotonic() + seconds
        while not self.take(until - time.monotonic()):
            pass
        return self

    def take(self, seconds):
        try:
            message = self.client.get_iopub_msg(timeout=max(0.01, seconds))
        except queue.Empty:
            raise AssertionError("the cell did not end in time") from None
        if message["parent_header"].get("msg_id") != self.parent:
            return False
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                self.text += content["text"]
            case "error":
                self.errors.append(content["ename"])
            case "display_data":
                self.displays.append(content)
            case "update_display_data":
                self.updates.append(content)
            case "status":
                return content["execution_state"] == "idle"
        return False
