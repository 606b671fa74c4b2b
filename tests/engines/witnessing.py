"""An observer that keeps all it hears, and a run that tells it."""

import asyncio
import contextlib

from kgnb.engines import engine_for
from kgnb.engines.base import NO_RESULT, ThreadWorker, current_context
from kgnb.graph.observe import Unobserved


class Witness(Unobserved):
    """Keeps all it hears, and sets ``current_context`` to the visit."""

    def __init__(self):
        super().__init__()
        self.heard = []
        self.waits = []
        self.checkpoints = []

    def checkpoint(self, visit):
        self.checkpoints.append(visit)
        super().checkpoint(visit)

    async def checkpoint_async(self, visit):
        self.checkpoints.append(visit)

    def wait(self, visit, seconds):
        self.waits.append(seconds)
        super().wait(visit, 0)

    @contextlib.contextmanager
    def enter(self, visit):
        token = current_context.set(visit)
        try:
            yield
        finally:
            current_context.reset(token)

    def node_started(self, visit, via):
        self.heard.append(("started", visit.task_id, via))

    def attempt_failed(self, visit, error, retry_in):
        at = (visit.task_id, visit.attempt, visit.item)
        self.heard.append(("attempt", *at, str(error), retry_in))

    def item_started(self, visit, index, total):
        self.heard.append(("item", visit.task_id, visit.item, index, total))

    def item_finished(self, visit, index, total, error):
        self.heard.append(("item end", visit.task_id, index, total, error))

    def node_finished(self, visit, outcome, *, action, error, result, duration):
        assert duration >= 0
        self.heard.append(("finished", visit.task_id, outcome, action, error, result))

    def of(self, *kinds):
        return [event for event in self.heard if event[0] in kinds]

    @property
    def results(self):
        return {e[1]: e[5] for e in self.of("finished") if e[5] is not NO_RESULT}


def run(thing, shared=None, witness=None):
    """Run it to its end; returns (last action, what was heard)."""
    witness = Witness() if witness is None else witness

    async def main():
        worker = ThreadWorker()
        try:
            engine = engine_for(thing)
            return await engine.run(
                {} if shared is None else shared, witness, worker=worker
            )
        finally:
            worker.close()

    return asyncio.run(main()), witness
