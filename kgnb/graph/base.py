"""The node that all others build on: its wiring and the life of one visit."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kgnb.graph.config import Config
from kgnb.graph.policies import NO_POLICY, Policy
from kgnb.graph.spec import NodeKind, is_node, label_of
from kgnb.graph.steps import step_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

DEFAULT_ACTION = "default"
PACKAGE = "kgnb.graph."
OURS = "kgnb."


class BaseNode:
    """A step of a graph, without retries.

    Subclasses override ``prep(shared)``, ``exec(prep_res)`` and
    ``post(shared, prep_res, exec_res)``, whose value is the action that chooses the
    next node; a falsy one means "default". Hooks: ``before_prep``, ``after_exec``,
    ``on_error``.

    A graph runs a shallow copy of the node at each visit: plain attributes set
    during a visit are gone afterwards, mutable ones are shared by all copies.

    Args:
        node_id: A name of one's own; unnamed nodes get one from their class.
        config: Settings; None takes the graph's.
    """

    _kind: ClassVar[NodeKind] = "node"
    _policy: Policy = NO_POLICY

    def __init__(
        self, node_id: str | None = None, config: Config | None = None
    ) -> None:
        name = type(self).__name__
        self.node_id: str = f"{name}_{id(self)}" if node_id is None else node_id
        self.config: Config = Config() if config is None else config
        self.params: dict[Any, Any] = {}
        self.successors: dict[Any, Any] = {}
        self.logger = logging.getLogger(name)
        self._execution_context: dict[str, Any] = {}

    # What users override.

    def before_prep(self, shared: Any) -> Any:
        """Runs first in each visit."""

    def prep(self, shared: Any) -> Any:
        """Read what exec needs out of ``shared``."""

    def exec(self, prep_res: Any) -> Any:
        """Do the work; it does not see ``shared``, so it may be repeated."""

    def after_exec(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        """Runs between exec and post."""

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        """Write to ``shared`` and return the action."""

    def on_error(self, shared: Any, exc: Exception) -> Any:  # noqa: ARG002 - for overriders
        """Asked when a phase raised; truthy: go on by "default", else it is raised."""
        return False

    def setup_resources(self) -> None:
        """Called by ``with node:``; a graph never enters its nodes."""

    def cleanup_resources(self) -> None:
        """Called at the end of ``with node:``."""

    # Parameters and notes.

    def set_params(self, params: dict[Any, Any]) -> None:
        """Take a shallow copy of ``params``; in a graph, the graph's replace them."""
        if not isinstance(params, dict):
            kind = type(params).__name__
            msg = f"{label_of(self)}: params must be a dict, got {kind}"
            raise TypeError(msg)
        self.params = dict(params)

    def get_context(self, key: str, default: Any = None) -> Any:
        """A note of this node, such as ``last_execution_time`` in seconds."""
        return self._execution_context.get(key, default)

    def set_context(self, key: str, value: Any) -> None:
        """Leave a note that all copies of this node see."""
        self._execution_context[key] = value

    # Wiring.

    def next(self, node: Any, action: str = DEFAULT_ACTION) -> Any:
        """Let ``action`` lead to ``node``, and return ``node``.

        None in place of a node says that the graph ends there.

        Raises:
            TypeError: ``node`` is not a node.
        """
        if not (node is None or is_node(node)):
            hint = f"; write {node.__name__}()" if isinstance(node, type) else ""
            msg = (
                f"cannot wire {label_of(self)} to {node!r} ({type(node).__name__}): "
                f"expected a node, a graph or (action, node){hint}"
            )
            raise TypeError(msg)
        if action in self.successors:
            warnings.warn(
                f"Overwriting successor for action {action!r} of {label_of(self)}: "
                f"{label_of(self.successors[action])} gives way to {label_of(node)}",
                stacklevel=levels_to_caller(),
            )
        self.successors[action] = node
        return node

    def __rshift__(self, other: Any) -> Any:
        return _follow(self, DEFAULT_ACTION, other)

    def __sub__(self, action: str) -> Transition:
        if not isinstance(action, str):
            msg = (
                f"{label_of(self)} - {action!r}: an action is a str, "
                f"got {type(action).__name__}"
            )
            raise TypeError(msg)
        return Transition(self, action)

    # Running.

    def run(self, shared: Any) -> Any:
        """Run this node alone and return its action."""
        self._warn_of_successors()
        return self._run(shared)

    def _run(self, shared: Any) -> Any:
        """One visit: the order of the phases, and what an error does."""
        step = step_of(self)
        self._log(logging.INFO, "started")
        started = self._note_start()
        try:
            self.before_prep(shared)
            step.checkpoint()
            prep_res = self.prep(shared)
            self._log(logging.DEBUG, "prep gave %r", prep_res)
            step.checkpoint()
            exec_res = self._work(shared, prep_res)
            self._log(logging.DEBUG, "exec gave %r", exec_res)
            step.executed(exec_res)
            step.checkpoint()
            self.after_exec(shared, prep_res, exec_res)
            step.checkpoint()
            action = self.post(shared, prep_res, exec_res)
        except Exception as error:
            self._note_error(started, error)
            if not self.on_error(shared, error):
                raise
            step.forgiven(error)
            return None
        self._note_end(started)
        return action

    async def _visit_async(
        self,
        shared: Any,
        *,
        hook: Callable[..., Awaitable[Any]],
        prep: Callable[[Any], Awaitable[Any]],
        post: Callable[[Any, Any, Any], Awaitable[Any]],
    ) -> Any:
        """``_run`` on a loop, for async nodes and for graphs that hold them.

        Args:
            shared: What the nodes share.
            hook: Calls before_prep, after_exec or on_error, given by name, where
                this kind of node runs them.
            prep: The phase before the work.
            post: The phase after it; gives the action.
        """
        step = step_of(self)
        self._log(logging.INFO, "started")
        started = self._note_start()
        try:
            await hook("before_prep", shared)
            await step.checkpoint_async()
            prep_res = await prep(shared)
            self._log(logging.DEBUG, "prep gave %r", prep_res)
            await step.checkpoint_async()
            exec_res = await self._work_async(shared, prep_res)
            self._log(logging.DEBUG, "exec gave %r", exec_res)
            step.executed(exec_res)
            await step.checkpoint_async()
            await hook("after_exec", shared, prep_res, exec_res)
            await step.checkpoint_async()
            action = await post(shared, prep_res, exec_res)
        except Exception as error:
            self._note_error(started, error)
            if not await hook("on_error", shared, error):
                raise
            step.forgiven(error)
            return None
        self._note_end(started)
        return action

    def _work(self, shared: Any, prep_res: Any) -> Any:  # noqa: ARG002 - for graphs
        """What stands between prep and post: exec, or a graph's whole walk."""
        return self._exec(prep_res)

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:
        return self._work(shared, prep_res)

    def _exec(self, prep_res: Any) -> Any:
        """What surrounds exec; subclasses add retries and batches around super's."""
        return self.exec(prep_res)

    def _note_start(self) -> float:
        self._execution_context["start_time"] = time.time()
        return time.perf_counter()

    def _note_error(self, started: float, error: Exception) -> None:  # noqa: ARG002
        self._log(logging.ERROR, "failed: %r", error)

    def _note_end(self, started: float) -> None:
        seconds = time.perf_counter() - started
        self._execution_context["last_execution_time"] = seconds
        self._log(logging.INFO, "completed in %.3f s", seconds)

    def _log(self, level: int, text: str, *values: Any) -> None:
        # Asked first: a name and the repr of a big result cost more than a step. The
        # label, not node_id: an address in a log differs in each execution.
        if self.logger.isEnabledFor(level):
            named = f"%s: {text}"
            self.logger.log(level, named, label_of(self), *values, stacklevel=2)

    def _warn_of_successors(self) -> None:
        if self.successors:
            warnings.warn(
                f"{label_of(self)} runs alone: its successors are not run. "
                "Put it into a Graph to run them.",
                stacklevel=levels_to_caller(),
            )

    def __copy__(self) -> Self:
        # As copy.copy would, at a quarter of its cost: a graph copies at each visit.
        twin = object.__new__(type(self))
        state: Any = object.__getstate__(self)
        if isinstance(state, tuple):
            state, slots = state
            for name, value in slots.items():
                setattr(twin, name, value)
        twin.__dict__.update(state or {})
        return twin

    def __repr__(self) -> str:
        # No address: the last line of a cell is often a wiring, whose value is shown,
        # and a cell's output must not change.
        kind, label = type(self).__name__, label_of(self)
        return f"<{kind}>" if label == kind else f"<{kind} {label!r}>"

    def __enter__(self) -> Self:
        self.setup_resources()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cleanup_resources()


class Transition:
    """``node - "action"``, waiting for ``>> target``."""

    def __init__(self, source: Any, action: str) -> None:
        self.source = source
        self.action = action

    def __rshift__(self, other: Any) -> Any:
        return _follow(self.source, self.action, other)

    def __repr__(self) -> str:
        return f"{label_of(self.source)} - {self.action!r}"


def _follow(source: Any, action: str, target: Any) -> Any:
    """Wire ``source`` to what stands right of ``>>``; the value takes the next one."""
    if isinstance(target, Transition):
        # In a - "x" >> b - "y" >> c the minus binds first: b - "y" is the target of
        # "x" and the source of the next arrow.
        source.next(target.source, action)
        return target
    match target:
        case (str(named), node):
            return source.next(node, named)
    return source.next(target, action)


def is_ours(function: Any) -> bool:
    """Whether this package's code stands there, and not a user's."""
    # None is the module of what was executed without a name.
    return (function.__module__ or "").startswith(PACKAGE)


def levels_to_caller() -> int:
    """The ``stacklevel`` of the first frame that is not kgnb's, seen from above."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 - warnings counts the same frames
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(OURS):
        level += 1
        frame = frame.f_back
    return level
