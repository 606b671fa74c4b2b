"""Nodes that another process can import; see test_executors.py."""

import os
import threading
import time
from pathlib import Path

import kgnb


class Where(kgnb.Node):
    """Says in which process and thread its exec ran."""

    def exec(self, _):
        return os.getpid(), threading.current_thread().name

    def post(self, shared, _, where):
        shared["where"] = where


class Squares(kgnb.BatchNode):
    def prep(self, shared):
        return shared["items"]

    def exec(self, item):
        return item * item

    def post(self, shared, _, squares):
        shared["squares"] = squares


class SquaresTogether(kgnb.ParallelBatchNode, Squares):
    pass


class Flaky(kgnb.ParallelBatchNode):
    """Fails in all attempts; each leaves a file, since processes share nothing."""

    def prep(self, shared):
        return [(shared["dir"], number) for number in range(shared["n"])]

    def exec(self, item):
        directory, number = item
        Path(directory, f"{number}.{self.cur_retry}").touch(exist_ok=False)
        raise ValueError(number)

    def exec_fallback(self, item, exc):
        return item[1], str(exc), self.cur_retry

    def post(self, shared, _, results):
        shared["results"] = results


class Helpers(kgnb.Node):
    """Calls all that pass through silently where no run is."""

    def exec(self, _):
        kgnb.progress(50, "half")
        kgnb.log("hello")
        kgnb.emit("mine", {"a": 1})
        total = sum(kgnb.track([1, 2, 3]))
        return total, str(kgnb.stream(["a", "b"]).result())

    def post(self, shared, _, out):
        shared["out"] = out


class Asks(kgnb.Node):
    def exec(self, _):
        return kgnb.ask("Go on?", options=["yes"]).result().value

    def post(self, shared, _, answer):
        shared["answer"] = answer


class Dies(kgnb.Node):
    def exec(self, _):
        os._exit(3)

    def exec_fallback(self, _, exc):
        return "never asked"


class Sleeps(kgnb.Node):
    """Sleeps in its attempts but for the last."""

    def exec(self, seconds):
        if self.cur_retry + 1 < self.max_retries or self.max_retries == 1:
            time.sleep(seconds)
        return "awake"

    def prep(self, shared):
        return shared["seconds"]

    def post(self, shared, _, out):
        shared["out"] = out


class Unspeakable(Exception):
    """Cannot be unpickled: it wants two arguments and keeps one."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


class RaisesUnspeakable(kgnb.Node):
    def exec(self, _):
        raise Unspeakable("what happened", 7)


class ReturnsLock(kgnb.Node):
    def exec(self, _):
        return threading.Lock()


@kgnb.node
def doubled(number):
    return 2 * number
