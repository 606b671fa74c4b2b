"""Nodes that tell things from another process; see test_executors_afar.py."""

import logging
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import kgnb


class Tells(kgnb.Node):
    """Tells by every means there is; slowly enough to be heard before its end."""

    def prep(self, shared):
        return shared.get("pause", 0)

    def exec(self, pause):
        print("printed")
        print("complained", file=sys.stderr)
        logging.getLogger("library").warning("careful: %s", "hot")
        kgnb.log("noted", level="ERROR")
        time.sleep(pause)
        kgnb.progress(25, "a quarter")
        kgnb.emit("mine", {"a": 1})
        kgnb.emit("message", {"role": "assistant", "content": "hi"})
        text = kgnb.stream(iter(["to", "kens"]), name="words").result()
        time.sleep(pause)
        for _ in kgnb.track(range(3), description="rounds"):
            pass
        print("the end", end="")
        return text

    def post(self, shared, _, text):
        shared["text"] = text


class Chatters(kgnb.ParallelBatchNode):
    """Items that print all the while."""

    def prep(self, shared):
        return range(6)

    def exec(self, item):
        for number in range(10):
            print(f"{item}.{number}")
            time.sleep(0.03)
        return item


class Floods(kgnb.Node):
    """More text than can be sent."""

    def exec(self, _):
        for number in range(100):
            print(number, "." * 40_000)
        return "done"

    def post(self, shared, _, out):
        shared["out"] = out


class Crawls(kgnb.ParallelBatchNode):
    """Leaves a file at the begin of each item, and writes there as it goes on."""

    def prep(self, shared):
        self.steps = shared.get("steps", 3000)
        return [(shared["dir"], number) for number in range(shared["n"])]

    def exec(self, item):
        folder, number = item
        with Path(folder, f"{number}.{self.cur_retry}").open("w") as file:
            for step in kgnb.track(range(self.steps)):
                file.write(f"{step}\n")
                file.flush()
                time.sleep(0.01)
        return number

    def post(self, shared, _, out):
        shared["out"] = out


class Marked(kgnb.ParallelBatchNode):
    """Each call gives a name of its own."""

    def prep(self, shared):
        return ["same"] * 3

    def exec(self, _):
        return uuid.uuid4().hex

    def post(self, shared, _, out):
        shared["out"] = out


class FailsOnce(kgnb.ParallelBatchNode):
    def prep(self, shared):
        return range(3)

    def exec(self, item):
        print(f"item {item}, attempt {self.cur_retry + 1}")
        text = str(kgnb.stream(iter(["try ", str(self.cur_retry + 1)])).result())
        if item == 1 and self.cur_retry == 0:
            raise ConnectionError("hung up")
        return text

    def post(self, shared, _, out):
        shared["out"] = out


class Naps(kgnb.ParallelBatchNode):
    """As many items, one after the other, as take longer than any of them may."""

    def prep(self, shared):
        return [0.25] * 8

    def exec(self, seconds):
        time.sleep(seconds)
        return seconds

    def post(self, shared, _, out):
        shared["out"] = out


class Gate(kgnb.ParallelBatchNode):
    """Item 1 waits for a file."""

    def prep(self, shared):
        return [(shared["file"], number) for number in range(2)]

    def exec(self, item):
        file, number = item
        while number and not Path(file).exists():
            time.sleep(0.01)
        return number


class Killed(kgnb.ParallelBatchNode):
    """Its first item kills the process it runs in, twice, when it was heard."""

    def prep(self, shared):
        return [shared["dir"], None]

    def exec(self, folder):
        if folder is None:
            return "well"
        deaths = len(list(Path(folder).glob("heard*")))
        if deaths < 2:
            print(f"about to die {deaths}")
            while not Path(folder, f"heard{deaths}").exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return deaths

    def post(self, shared, _, out):
        shared["out"] = out


class Deep(kgnb.Node):
    """Holds what cannot be pickled some way down."""

    def __init__(self):
        super().__init__()
        self.client = Client()

    def exec(self, _):
        return 1


class Client:
    def __init__(self):
        self.pool = {"lock": threading.Lock()}


class ReturnsDeep(kgnb.Node):
    def exec(self, _):
        return {"rows": [1, threading.Lock()]}


class Raises(kgnb.Node):
    def exec(self, _):
        return self.divide(0)

    def divide(self, number):
        return 1 / number


class Adds(kgnb.Node):
    def prep(self, shared):
        return shared["number"]

    def exec(self, number):
        return number + 1

    def post(self, shared, _, out):
        shared["out"] = out


@kgnb.node
def words():
    yield "one "
    yield "two"
