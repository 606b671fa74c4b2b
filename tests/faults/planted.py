"""Faults that are planted in one process of a fault test, to see that it is found.

Nothing of kgnb knows of them: each puts itself in the place of a function, before the
process begins. ``python actors.py server … --plant skips_a_seq``.
"""

import itertools
import time

KEPT_BACK = 0.5
"""Seconds for which a store that lies keeps what it calls stored."""
LATE = 0.1
"""Seconds after which a kernel is told that its events are stored."""


def acknowledges_before_it_stores():
    """The log says "stored" half a second before it is (server)."""
    import contextlib

    from kgnb.storage.sqlite_tables import Tables

    @contextlib.contextmanager
    def transaction(self):
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
            self.lied_at = time.monotonic()
        yield
        if time.monotonic() - self.lied_at > KEPT_BACK:
            self._db.execute("COMMIT")

    Tables._transaction = transaction
    Tables._set_durable = lambda _self, *, is_durable: None


def skips_a_seq():
    """The log leaves out a number, now and then (server)."""
    import msgspec

    from kgnb.storage import transact

    honest, appends = transact._append, itertools.count(1)

    def append(store, wanted):
        if wanted.stream.startswith("run/") and next(appends) % 4 == 0:
            state = store.state(wanted.stream)
            store.set_state(msgspec.structs.replace(state, seq=state.seq + 1))
        return honest(store, wanted)

    transact._append = append


def sends_not_everything():
    """A frame to a client is forgotten, now and then (server)."""
    from kgnb.broker.driver import BrokerDriver

    honest, frames = BrokerDriver._send, itertools.count(1)

    def send(self, conn_id, frame):
        if frame.topic != "note" or next(frames) % 100:
            honest(self, conn_id, frame)

    BrokerDriver._send = send


def decides_without_comparing():
    """The compare-and-set is a set (server)."""
    import msgspec

    from kgnb.storage import sqlite_tables

    honest = sqlite_tables.apply

    def apply(store, transaction):
        time.sleep(0.01)  # so that answers overtake each other on the way to the log
        return honest(store, msgspec.structs.replace(transaction, checks=()))

    sqlite_tables.apply = apply


def stores_repeats():
    """What a kernel sends again is taken for new (server)."""
    import asyncio

    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.kernels import Kernels
    from kgnb.broker.runs import Runs

    honest, sends = Runs._take_in, BrokerDriver._send

    def take_in(self, run, source, frame, decoded):
        frame.n = max(frame.n, run.expects(frame.epoch))
        honest(self, run, source, frame, decoded)

    def send(self, conn_id, frame):
        # Late, so that whatever breaks the link finds something to send again.
        if frame.payload.startswith(b'{"type":"appended"'):
            asyncio.get_running_loop().call_later(LATE, sends, self, conn_id, frame)
        else:
            sends(self, conn_id, frame)

    BrokerDriver._send = send
    Runs._take_in = take_in
    Kernels._known_runs = lambda _self, _process_id: []


def confirms_without_keeping():
    """A message to a group goes to who is there, and is kept for nobody (server)."""
    from kgnb.broker.mail import Mail
    from kgnb.storage.base import Transaction

    Mail.storing = lambda _self, _name, _letter, put: Transaction(puts=(put,))


def begins_anew():
    """A process that goes on with a dead run forgets which node came next (kernel)."""
    _forget(lambda state: state.places.clear())


def forgets_items():
    """It goes on at the right node, with none of its items (kernel)."""
    _forget(lambda state: state.items.clear())


def _forget(something):
    from kgnb.runtime import durable

    honest = durable.fold

    def fold(state, record):
        honest(state, record)
        something(state)

    durable.fold = fold


FAULTS = {
    fault.__name__: fault
    for fault in (
        acknowledges_before_it_stores,
        skips_a_seq,
        sends_not_everything,
        decides_without_comparing,
        stores_repeats,
        confirms_without_keeping,
        begins_anew,
        forgets_items,
    )
}
