"""``kgnb test-from RUN``: a recorded run as a pytest test."""

from __future__ import annotations

import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue, KgnbError
from kgnb.graph import BaseNode
from kgnb.protocol import codec
from kgnb.protocol import events as e
from kgnb.protocol.view import RunView, fold
from kgnb.runtime.answering import TIME_OUT
from kgnb.runtime.cassette.format import read
from kgnb.runtime.result import Answer
from kgnb.testing.graph_runs import path_of, run_graph
from kgnb.testing.scripted import in_turn
from kgnb.testing.source import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kgnb.clients import Client
    from kgnb.protocol.approval_view import ApprovalView

_TEST = '''\
"""What a run of {title} did, written by `kgnb test-from`; edit it as you like."""

from {module} import {factory}

from kgnb.testing import {names}


def test_{slug}_goes_as_recorded():
    done = run_graph(
        {graph},
{shared}
{answers}{raises}
    )
    assert done.status == "{status}"
{path}
    asked = [(one.message, one.state, one.value) for one in done.approvals]
{asked}
{keys}'''


async def events_of(client: Client, run_id: str) -> list[e.AnyEvent]:
    """The events of a run that has ended, from a server.

    Raises:
        InvalidValue: The server keeps only what became of it, not how.
    """
    events = []
    async for event in client.events(run_id=run_id):
        if event["type"] == "snapshot":
            raise InvalidValue(
                f"run {run_id!r}: the log no longer has its first events; record one "
                f"by kgnb.run(graph, record='run.jsonl')"
            )
        events.append(codec.decode_event(json.dumps(event).encode()))
    return events


def recorded_events(path: Path) -> list[e.AnyEvent]:
    """The events in a recording.

    Raises:
        InvalidValue: It is none, or none of a run.
    """
    events = read(path).events
    if not events:
        raise InvalidValue(
            f"{path}: holds models' replies and no run; record one by "
            f"kgnb.run(graph, record='run.jsonl')"
        )
    return events


class RunTest:
    """The test of one run.

    Args:
        events: All of the run's.
        target: ``module:name`` of a graph, or of a function that makes one.
        shared: What the run began with; None: what its log says of it.

    Raises:
        InvalidValue: No test can be made of the run, or there is no such graph.
    """

    def __init__(
        self, events: Sequence[e.AnyEvent], target: str, shared: Any = None
    ) -> None:
        view = RunView()
        for event in events:
            fold(view, event)
        if view.status not in ("completed", "failed"):
            raise InvalidValue(
                f"run {view.run_id!r} is {view.status}: a test can only be made of one "
                f"that completed or failed"
            )
        self.view = view
        self.path = path_of(events)
        self.shared = shared if shared is not None else view.params or {}
        self.module, _, self.factory = target.partition(":")
        self._found = _load(target)
        self.answers = _answers_of(view.approvals)

    @property
    def _is_graph(self) -> bool:
        is_ours = isinstance(self._found, BaseNode) and not isinstance(
            self._found, type
        )
        return is_ours or not callable(self._found) or hasattr(self._found, "invoke")

    def try_it(self) -> tuple[list[str] | None, str | None]:
        """Run the graph as the test will.

        Returns:
            The keys of ``shared`` at its end, if it has any; and what would fail.
        """
        graph = self._found if self._is_graph else self._found()
        # A copy: the test is to begin with what the run began with.
        begins = json.loads(json.dumps(self.shared))
        try:
            done = run_graph(graph, begins, answers=self.answers, raises=False)
        except KgnbError as error:
            return None, str(error)
        problem = None
        if done.status != self.view.status:
            problem = f"its run is now {done.status!r}: {done.error}"
        elif done.path != self.path:
            problem = f"it goes another way now: {', '.join(done.path)}"
        return sorted(map(str, done.shared)) or None, problem

    def text(self, keys: list[str] | None) -> str:
        """The test's source; ``keys`` are those that ``shared`` ends with."""
        answers = code(self.answers, before="        answers=", after=",")
        names = [name for name in ("TIME_OUT", "Answer", "in_turn") if name in answers]
        asked = [(one.message, one.state, one.value) for one in self.view.approvals]
        seen = "    assert sorted(map(str, done.shared)) == "
        is_whole = self.view.status == "completed"
        return _TEST.format(
            title=re.sub(r"[^\w .,-]", "", self.view.workflow),
            module=self.module,
            factory=self.factory,
            names=", ".join([*names, "run_graph"]),
            slug=_slug(self.view.workflow),
            graph=self.factory if self._is_graph else f"{self.factory}()",
            shared=code(self.shared, before="        ", after=","),
            answers=answers,
            raises="" if is_whole else "\n        raises=False,",
            status=self.view.status,
            path=code(self.path, before="    assert done.path == "),
            asked=code(asked, before="    assert asked == "),
            keys="" if keys is None else f"{code(keys, before=seen)}\n",
        )


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    if not module or not name.isidentifier():
        raise InvalidValue(f"--graph {target!r}: expected MODULE:NAME, as in app:graph")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidValue(f"--graph {target!r}: {error}") from error


def _answers_of(approvals: Iterable[ApprovalView]) -> dict[str, Any]:
    """A script that answers as people did: by name or message, in turn."""
    told: dict[str, list[Any]] = {}
    for one in approvals:
        if one.kind == "file" and one.state == "answered":
            raise InvalidValue(
                f"approval {one.message!r} was answered by a file, whose content is "
                f"not recorded: no test can answer it likewise"
            )
        if one.state not in ("answered", "timed_out"):
            raise InvalidValue(
                f"approval {one.message!r} was {one.state}: no script can do that"
            )
        told.setdefault(one.name or one.message, []).append(_answer_of(one))
    return {
        key: values[0] if len(values) == 1 else in_turn(*values)
        for key, values in told.items()
    }


def _answer_of(one: ApprovalView) -> Any:
    if one.state == "timed_out":
        return TIME_OUT
    if one.reason is None and one.edited_payload is None:
        return one.value
    return Answer(one.value, reason=one.reason, payload=one.edited_payload)


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower() or "run"
