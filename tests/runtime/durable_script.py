"""A script whose nodes kill it with -9 the first time that each of them is at work.

Started again and again it gets one node, or batch item, further each time. What was
begun, and what ended, stands in a journal that no process of kgnb's writes.
"""

import os
import signal
import sys
from pathlib import Path

from kgnb import BatchNode, Graph, Node, run

JOURNAL = Path(sys.argv[1])


def work(what):
    """Begin something, and die the first time."""
    before = JOURNAL.read_text().splitlines() if JOURNAL.exists() else []
    with JOURNAL.open("a") as journal:
        journal.write(f"{what}\n")
    if what not in before:
        os.kill(os.getpid(), signal.SIGKILL)


class Step(Node):
    def exec(self, prep_res):
        work(self.node_id)

    def post(self, shared, prep_res, exec_res):
        shared["done"].append(self.node_id)


class Items(BatchNode):
    def prep(self, shared):
        return [1, 2]

    def exec(self, item):
        work(f"item {item}")
        return item * 10

    def post(self, shared, prep_res, exec_res):
        shared["items"] = exec_res


def graph():
    inner = Graph(Step(node_id="inner"), name="nested")
    first = Step(node_id="first")
    first >> Items(node_id="items") >> inner
    inner >> Step(node_id="last")
    return Graph(first, name="script")


if __name__ == "__main__":
    result = run(graph(), {"done": []}, durable=True).result()
    sys.stdout.write(f"{result.shared}\n")
