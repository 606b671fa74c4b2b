"""A graph that writes down where it is, and can go on in another process."""

from __future__ import annotations

import json
import os
import threading
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import GraphError, InvalidValue
from kgnb.graph.base import DEFAULT_ACTION
from kgnb.graph.checkpoint_values import Writer, read
from kgnb.graph.graphs import Graph
from kgnb.graph.near import did_you_mean
from kgnb.graph.spec import Scope, label_of, members
from kgnb.graph.steps import step_of
from kgnb.graph.walk import Walk, needs_loop

if TYPE_CHECKING:
    from kgnb.graph.steps import Level, Step, Watch

LATEST = "latest.json"
_WRITING = threading.Lock()  # not on the graph, which must stay picklable


class PersistentGraph(Graph):
    """A graph that writes a checkpoint before each node.

    Its loop is simpler than a Graph's: the nodes themselves run, not copies of them,
    without the graph's params and config; only None stands for "default"; an unknown
    action ends the graph without a warning; prep, post and the hooks are not called.
    ``run(shared)`` returns ``shared``. Wired as a node, its last action routes.

    A checkpoint is ``checkpoint_NNNNNN.json``, an object of ``timestamp``,
    ``counter``, ``node_id`` (what runs next) and ``shared``; ``latest.json`` repeats
    the last one, and at the end holds what came out, with ``node_id`` null. Files
    appear whole or not at all. Numbers, texts, lists, dicts of any keys, tuples,
    sets, bytes, dates, dataclasses and enums come back as they were; an object comes
    back as a dict and a function not at all, of which a warning tells.

    Args:
        start_node: The first node.
        checkpoint_dir: Where the files go, made if need be; None writes none.
        others: The keywords of ``Graph``.
    """

    def __init__(
        self,
        start_node: Any = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(start_node, **others)
        self.checkpoint_dir: Path | None = None
        self.is_checkpointing = False
        if checkpoint_dir is not None:
            self.enable_checkpointing(checkpoint_dir)

    # Running.

    def run(self, shared: Any) -> Any:
        """Run the graph and return ``shared``."""
        self._refuse_if_invalid()
        self._warn_of_successors()
        self._run(shared)
        return shared

    def get_next_node(self, curr: Any, action: Any) -> Any:
        """Where ``action`` leads from ``curr``, or None where it ends the graph."""
        key = DEFAULT_ACTION if action is None else action
        if self._is_strict and curr.successors and key not in curr.successors:
            self._note_unknown(curr, key)
        return curr.successors.get(key)

    def _run(self, shared: Any) -> Any:
        return self._orch(shared)

    async def _run_async(self, shared: Any) -> Any:
        return await self._orch_async(shared)

    async def _run_whole(self, shared: Any, watch: Watch) -> Any:
        if self._replaces_run or needs_loop(self, watch):
            return await super()._run_whole(shared, watch)
        # Not by run, whose value is no action.
        return await watch.worker.call(lambda: self._run(shared))

    def _walk(
        self,
        shared: Any,
        params: dict[Any, Any] | None,  # noqa: ARG002 - its nodes keep their own
        level: Level,
    ) -> Walk:
        return _CheckpointedWalk(self, shared, level)

    # Checkpoints.

    def enable_checkpointing(
        self, checkpoint_dir: str | os.PathLike[str] | None = None
    ) -> None:
        """Write checkpoints from now on.

        Args:
            checkpoint_dir: Where; None stays where it was.

        Raises:
            GraphError: There is no place yet.
        """
        if checkpoint_dir is not None:
            self.checkpoint_dir = Path(checkpoint_dir)
        if self.checkpoint_dir is None:
            raise GraphError(
                f"{label_of(self)}: where do checkpoints go? Give checkpoint_dir="
            )
        self.is_checkpointing = True

    def disable_checkpointing(self) -> None:
        """Write no more checkpoints; those that are there stay."""
        self.is_checkpointing = False

    def save_checkpoint(self, shared: Any, node_id: str | None) -> Path | None:
        """Write a checkpoint.

        Args:
            shared: The data.
            node_id: The node that runs next; None says that the graph has ended, which
                is noted in ``latest.json`` alone.

        Returns:
            The numbered file, or None where none was written.

        Raises:
            InvalidValue: The data contains itself.
        """
        if not self.is_checkpointing or self.checkpoint_dir is None:
            return None
        written = self._written(shared)
        with _WRITING:
            self.checkpoint_dir.mkdir(parents=True, exist_ok=True)
            counter = self._last_counter() + (node_id is not None)
            state = {
                "timestamp": datetime.now(UTC).isoformat(),
                "counter": counter,
                "node_id": node_id,
                "shared": written,
            }
            text = json.dumps(state, indent=2)
            path = self.checkpoint_dir / f"checkpoint_{counter:06d}.json"
            if node_id is not None:
                _replace(path, text)
            _replace(self.checkpoint_dir / LATEST, text)
        return None if node_id is None else path

    def list_checkpoints(self) -> list[Path]:
        """The numbered files, oldest first."""
        if self.checkpoint_dir is None:
            return []
        # By number, not by name: past a million the names are longer.
        numbered: list[tuple[int, Path]] = []
        for path in self.checkpoint_dir.glob("checkpoint_*.json"):
            number = _counter_of(path)
            if number is not None:
                numbered.append((number, path))
        return [path for _, path in sorted(numbered)]

    def clear_checkpoints(self) -> None:
        """Delete all checkpoints of this graph's directory, ``latest.json`` too."""
        for path in self.list_checkpoints():
            path.unlink(missing_ok=True)
        if self.checkpoint_dir is not None:
            (self.checkpoint_dir / LATEST).unlink(missing_ok=True)

    def resume_from_checkpoint(
        self, path: str | os.PathLike[str] | None = None
    ) -> tuple[Any, str | None]:
        """Read a checkpoint.

        Args:
            path: The file; None takes the latest one.

        Returns:
            The data, and the id of the node that runs next: None if none does.

        Raises:
            FileNotFoundError: There is no such file.
            InvalidValue: It is no checkpoint.
        """
        file = self._latest() if path is None else Path(path)
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
            return read(state["shared"]), state["node_id"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidValue(f"{file} is no checkpoint: {error!r}") from error

    def resume_and_run(
        self, path: str | os.PathLike[str] | None = None, *, shared: Any = None
    ) -> Any:
        """Go on from a checkpoint to the end; a graph that had ended does nothing.

        Args:
            path: The file; None takes the latest one.
            shared: Where the data goes; it may bring what no file can hold.

        Returns:
            The data: ``shared``, if it was given.

        Raises:
            GraphError: The graph has no such node.
            FileNotFoundError: There is no such file.
            InvalidValue: It is no checkpoint.
        """
        data, node_id = self.resume_from_checkpoint(path)
        if shared is not None:
            shared.update(data)
            data = shared
        if node_id is None:
            return data
        node = self._find_node_by_id(node_id)
        if node is None:
            known = [spec for spec, _ in self._named()]
            raise GraphError(
                f"Cannot find node {node_id!r} in {label_of(self)}, which has "
                f"{', '.join(known)}{did_you_mean(node_id, known)}"
            )
        walk = self._walk(data, None, step_of(self).inside())
        walk.current = node
        walk.run()
        return data

    def _find_node_by_id(self, node_id: str) -> Any:
        """The node that a checkpoint names, or None."""
        named = self._named()
        exact = (node for name, node in named if name == node_id)
        given = (node for _, node in named if node.node_id == node_id)
        return next(exact, None) or next(given, None)

    def _named(self) -> list[tuple[str, Any]]:
        scope = Scope()
        return [(scope.name(node).id, node) for node in members(self)]

    def _latest(self) -> Path:
        if self.checkpoint_dir is None:
            raise FileNotFoundError(
                f"{label_of(self)} has no checkpoint_dir to resume from; give path="
            )
        return self.checkpoint_dir / LATEST

    def _last_counter(self) -> int:
        # Read from the directory each time: another process may have gone on here.
        return max(
            (_counter_of(path) or 0 for path in self.list_checkpoints()), default=0
        )

    def _written(self, shared: Any) -> Any:
        writer = Writer()
        written = writer.write(shared)
        for loss in writer.losses:
            warnings.warn(f"checkpoint of {label_of(self)}: {loss}", stacklevel=3)
        return written


class _CheckpointedWalk(Walk):
    """A pass over the nodes themselves, with a checkpoint before each."""

    def __init__(self, graph: PersistentGraph, shared: Any, level: Level) -> None:
        super().__init__(graph, shared, None, level)
        self._persistent = graph
        # The ids of the picture: they hold no address, and none comes twice.
        self._scope = Scope()
        for node in members(graph):
            self._scope.name(node)

    def _copy_current(self) -> Any:
        node_id = self._scope.name(self.current).id
        self._persistent.save_checkpoint(self._shared, node_id)
        return self.current

    def _go_on(self, node: Any, step: Step, action: Any) -> None:
        super()._go_on(node, step, action)
        if self.current is None:
            self._persistent.save_checkpoint(self._shared, None)


def _counter_of(path: Path) -> int | None:
    digits = path.stem.removeprefix("checkpoint_")
    return int(digits) if digits.isdecimal() else None


def _replace(path: Path, text: str) -> None:
    """Write a file so that no reader, and no crash, ever sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
