"""One run, alive: its handle, its threads, its inputs, and the way to its log.

Process: kernel. Loops: ``kgnb-loop`` runs the graphs, ``kgnb-link`` talks to the log
and runs no user code; both are threads of ``home.Home``.
"""

from kgnb.runtime.answering import SKIP
from kgnb.runtime.cassette import Cassette, Replay, recorded, replay
from kgnb.runtime.checkpoints import history
from kgnb.runtime.comparing import Comparison, compare
from kgnb.runtime.files import File
from kgnb.runtime.helpers import (
    ask,
    emit,
    idempotency_key,
    log,
    progress,
    stream,
    track,
)
from kgnb.runtime.home import shutdown
from kgnb.runtime.manager import manager
from kgnb.runtime.nesting import allow_nested_run
from kgnb.runtime.publishing import Publication, publish
from kgnb.runtime.result import Answer, Approval, Result
from kgnb.runtime.run import Run
from kgnb.runtime.start import run

__all__ = [
    "SKIP",
    "Answer",
    "Approval",
    "Cassette",
    "Comparison",
    "File",
    "Publication",
    "Replay",
    "Result",
    "Run",
    "allow_nested_run",
    "ask",
    "compare",
    "emit",
    "history",
    "idempotency_key",
    "log",
    "manager",
    "progress",
    "publish",
    "recorded",
    "replay",
    "run",
    "shutdown",
    "stream",
    "track",
]
