"""The graph of the fault tests: notes, a batch, a message to all, a question, notes."""

import itertools
import threading
import time

import kgnb
from kgnb.errors import Unavailable
from kgnb.graph.context import current_context

MOST_NOTES = 40
"""Of one node's visit, or item."""
ITEMS = 4
TIMES = 3
"""Messages of a run, and questions."""
DEADLINE = {"timeout": 1800, "on_timeout": "nobody"}
"""Of each question; no fault lasts as long."""


class Workload:
    """Makes graphs, and does what their nodes do, for one process of a kernel."""

    def __init__(self, journal, life, chance, people, group, *, hangs_at):
        self._journal = journal
        self._life = life
        self._chance = chance
        self._people = people
        self._group = group
        self._hangs_at = hangs_at
        self._messages = itertools.count(1)
        self._notes = {}
        """By run, the numbers of its notes."""

    def graph(self):
        first, items, last = First(self), Items(self), Last(self)
        first >> items >> Tell(self) >> Ask(self) >> last
        return kgnb.Graph(first, name="faults")

    def begin(self, node):
        """A node or an item begins: in the journal before anything comes of it."""
        run = current_context.get().execution.id
        self._journal.note("ran", run=run, life=self._life, node=node)
        numbers = self._notes.setdefault(run, itertools.count(1))
        for n in itertools.islice(numbers, self._chance.randrange(1, MOST_NOTES)):
            self._journal.note("emitted", run=run, life=self._life, n=n)
            kgnb.emit("note", {"life": self._life, "n": n, "node": node})
        if node == self._hangs_at:
            threading.Event().wait()

    def tell(self):
        """Send a message to the group, and wait until that is confirmed."""
        letter = {"type": "letter", "life": self._life, "n": next(self._messages)}
        while True:
            try:
                kgnb.manager.broadcast_to_group(self._group, letter).result()
                break
            except Unavailable:  # the log is away, and nothing of it was stored
                time.sleep(0.1)
        self._journal.note("posted", life=self._life, n=letter["n"])

    def ask(self):
        """Ask everybody."""
        asked = kgnb.ask("Who?", options=self._people, **DEADLINE)
        value = asked.result().value
        self._journal.note("given", approval=asked.approval_id, value=value)


class Worker(kgnb.Node):
    def __init__(self, workload):
        super().__init__()
        self.workload = workload

    def exec(self, _):
        self.workload.begin(type(self).__name__)


class First(Worker):
    pass


class Items(kgnb.BatchNode):
    def __init__(self, workload):
        super().__init__()
        self.workload = workload

    def prep(self, shared):
        return [f"Items#{number}" for number in range(ITEMS)]

    def exec(self, item):
        self.workload.begin(item)


class Tell(Worker):
    def exec(self, _):
        super().exec(_)
        for _again in range(TIMES):
            self.workload.tell()


class Ask(Worker):
    def exec(self, _):
        super().exec(_)
        for _again in range(TIMES):
            self.workload.ask()


class Last(Worker):
    pass
