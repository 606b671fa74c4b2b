"""What people need to test their graphs and notebooks.

Process: the test's. Loop: the test's own.

``answers`` scripts approvals, ``run_graph`` runs a graph to its end and says what
it did, ``Clock`` lets deadlines pass, ``notebook_answers`` gives a notebook's own
answers to whatever executes it. The pytest plugin (``pytest --kgnb notebooks/``) is in
``kgnb.testing.plugin``, contract checks for stores and engines in
``kgnb.testing.checks``.

Names load on first use: pytest loads the plugin in every session.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgnb.runtime.answering import SKIP, TIME_OUT
    from kgnb.runtime.result import Answer, Approval
    from kgnb.testing.clock import Clock
    from kgnb.testing.graph_runs import GraphRun, run_graph, run_graph_async
    from kgnb.testing.notebook_files import notebook_answers
    from kgnb.testing.scripted import ScriptedAnswers, answers, in_turn

__all__ = [
    "SKIP",
    "TIME_OUT",
    "Answer",
    "Approval",
    "Clock",
    "GraphRun",
    "ScriptedAnswers",
    "answers",
    "in_turn",
    "notebook_answers",
    "run_graph",
    "run_graph_async",
]

_HOMES = {
    "SKIP": "kgnb.runtime.answering",
    "TIME_OUT": "kgnb.runtime.answering",
    "Answer": "kgnb.runtime.result",
    "Approval": "kgnb.runtime.result",
    "Clock": "kgnb.testing.clock",
    "GraphRun": "kgnb.testing.graph_runs",
    "ScriptedAnswers": "kgnb.testing.scripted",
    "answers": "kgnb.testing.scripted",
    "in_turn": "kgnb.testing.scripted",
    "notebook_answers": "kgnb.testing.notebook_files",
    "run_graph": "kgnb.testing.graph_runs",
    "run_graph_async": "kgnb.testing.graph_runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
