"""What tests of durable runs share: a process that ends, and a journal beside it."""

import threading
import uuid

from kgnb.runtime import conversation, home

WAIT = 20


class Journal(list):
    """What nodes did; and where one of them is held until its process has ended."""

    def __init__(self):
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.is_dead = False
        """Whether who is held belongs to a process that was ended meanwhile."""

    def hold(self):
        """Say that the node is here, and stay until ``go_on``, or one's death."""
        self.reached.set()
        assert self.go_on.wait(WAIT)
        if self.is_dead:
            msg = "a dead process does nothing"
            raise RuntimeError(msg)

    def hold_once(self):
        """The same, unless somebody has been let go on before."""
        if not self.go_on.is_set():
            self.hold()


def reborn(monkeypatch):
    """End this process, as far as kgnb and its log can tell, and begin another."""
    home.shutdown()
    monkeypatch.setattr(conversation, "PROCESS_ID", uuid.uuid4().hex)


def reborn_in(journal, monkeypatch):
    """The same while a node is held, which will not come to its end."""
    assert journal.reached.wait(WAIT)
    journal.is_dead = True
    threading.Timer(0.2, journal.go_on.set).start()
    reborn(monkeypatch)
    journal.clear()
