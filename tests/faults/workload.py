"""The graph of the fault tests: notes, a message to all, a question, notes."""

import itertools
import time

import kgnb
from kgnb.errors import Unavailable
from kgnb.graph.context import current_context

MOST_NOTES = 60
"""Of one node's visit."""


class Workload:
    """Makes graphs, each a little different, for one process of a kernel."""

    def __init__(self, journal, life, chance, people, group):
        self.journal = journal
        self.life = life
        self.chance = chance
        self.people = people
        self.group = group
        self.messages = itertools.count(1)
        self.notes = {}
        """By run, the numbers of its notes."""

    def graph(self):
        first, tell, ask, last = First(self), Tell(self), Ask(self), Last(self)
        first >> tell >> ask >> last
        return kgnb.Graph(first, name="faults")


class Worker(kgnb.Node):
    """A node whose visit is in the journal before anything comes of it."""

    def __init__(self, workload):
        super().__init__()
        self.workload = workload

    def exec(self, _):
        work = self.workload
        context = current_context.get()
        run = context.execution.id
        node = type(self).__name__
        work.journal.note("ran", run=run, life=work.life, node=node)
        numbers = work.notes.setdefault(run, itertools.count(1))
        for n in itertools.islice(numbers, work.chance.randrange(1, MOST_NOTES)):
            work.journal.note("emitted", run=run, life=work.life, n=n)
            kgnb.emit("note", {"life": work.life, "n": n, "node": node})
        self.act()

    def act(self):
        """What it does besides."""


class First(Worker):
    pass


class Last(Worker):
    pass


class Tell(Worker):
    """Sends a message to the group, and waits until that is confirmed."""

    def act(self):
        work = self.workload
        n = next(work.messages)
        letter = {"type": "letter", "life": work.life, "n": n}
        while True:
            try:
                kgnb.manager.broadcast_to_group(work.group, letter).result()
                break
            except Unavailable:  # the log is away, and nothing of it was stored
                time.sleep(0.1)
        work.journal.note("posted", life=work.life, n=n)


class Ask(Worker):
    """Asks everybody."""

    def act(self):
        work = self.workload
        asked = kgnb.ask("Who?", options=work.people)
        value = asked.result().value
        work.journal.note("given", approval=asked.approval_id, value=value)
