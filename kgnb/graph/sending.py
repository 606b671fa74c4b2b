"""What goes to another process and back: a node and what its exec is to work on.

A process pool gets bytes, made and read here: what cannot be pickled is then found
out at once and by name, and neither a node whose class the other process does not
know nor an exception that cannot be unpickled breaks the pool, as both would if the
pool did it. Other executors (dask's, for one) have their own ways to pickle, which
send more than ``pickle`` can; they get the objects themselves.
"""

from __future__ import annotations

import contextvars
import copy
import pickle
import traceback
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from kgnb.errors import NotPicklable
from kgnb.graph.context import elsewhere
from kgnb.graph.policies import NO_POLICY
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgnb.graph.nodes import Node

ADVICE = (
    "make it inside exec or name it by something that can travel, or give the node "
    "executor=False"
)


def check_sendable(node: Node, items: Iterable[Any]) -> None:
    """See that a process pool could be sent each of the items.

    Raises:
        NotPicklable: Names the first culprit.
    """
    twin = _to_send(node)
    for index, item in enumerate(items):
        _packed(twin, item, f"item {index}")


def send(executor: Executor, node: Node, prep_res: Any) -> Future[Any]:
    """Have exec called elsewhere; ``unpack`` the future's value.

    Raises:
        NotPicklable: Names what cannot travel.
    """
    twin = _to_send(node)
    if isinstance(executor, ProcessPoolExecutor):
        return executor.submit(_exec_packed, _packed(twin, prep_res))
    return executor.submit(_exec, twin, prep_res)


def unpack(outcome: Any) -> Any:
    """What exec returned; or raises what it raised."""
    if not isinstance(outcome, _Packed):
        return outcome
    value, error = pickle.loads(outcome.content)  # noqa: S301 - written by _exec_packed
    if error is not None:
        raise error
    return value


class _Packed:
    """A pickled outcome, told apart from bytes that exec returned."""

    def __init__(self, content: bytes) -> None:
        self.content = content


def _to_send(node: Node) -> Node:
    """The node without what leads to the rest of the graph."""
    twin = copy.copy(node)
    twin.successors = {}
    twin._policy = NO_POLICY  # noqa: SLF001 - a copy; it may hold the executor
    return twin


def _packed(node: Node, prep_res: Any, what: str = "what it is to work on") -> bytes:
    try:
        return pickle.dumps((node, prep_res), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs any object's code
        raise _refusal(node, prep_res, what, error) from error


def _refusal(node: Node, prep_res: Any, what: str, error: Exception) -> NotPicklable:
    label = label_of(node)
    for name, value in vars(node).items():
        if not _is_picklable(value):
            culprit = f"its attribute {name!r} ({_kind(value)})"
            break
    else:
        if not _is_picklable(prep_res):
            culprit = _part_of(prep_res, what)
        else:
            culprit = (
                f"its class {type(node).__qualname__}, which must stand at the top of "
                f"a module"
            )
    return NotPicklable(
        f"{label} cannot go to another process for {culprit}: {error}; {ADVICE}",
        node=label,
        culprit=culprit,
    )


def _part_of(value: Any, what: str) -> str:
    what = f"{what} ({_kind(value)})"
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    for key, part in parts:
        if not _is_picklable(part):
            return f"{what}, in which [{key!r}] is a {_kind(part)}"
    return what


def _is_picklable(value: Any) -> bool:
    try:
        pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - pickling runs any object's code
        return False
    return True


def _kind(value: Any) -> str:
    return type(value).__qualname__


# In the other process.


def _exec(node: Node, prep_res: Any) -> Any:
    # In a context of its own: a forked process has its parent's, with a run in it
    # that it cannot reach.
    return contextvars.Context().run(_exec_marked, node, prep_res)


def _exec_marked(node: Node, prep_res: Any) -> Any:
    elsewhere.set(label_of(node))
    return node.exec(prep_res)


def _exec_packed(content: bytes) -> _Packed:
    try:
        node, prep_res = pickle.loads(content)  # noqa: S301 - written by _packed
    except Exception as error:  # noqa: BLE001 - the root of a process's work
        return _Packed(pickle.dumps((None, _unknown(error))))
    try:
        value = _exec(node, prep_res)
    except Exception as error:  # noqa: BLE001 - the root of a process's work
        return _Packed(_packed_error(node, error))
    try:
        return _Packed(pickle.dumps((value, None), pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # noqa: BLE001 - pickling runs any object's code
        label, culprit = label_of(node), f"what exec returned ({_kind(value)})"
        text = f"{label}: {culprit} cannot come back from the other process: {error}"
        refusal = NotPicklable(text, node=label, culprit=culprit)
        return _Packed(pickle.dumps((None, refusal)))


def _unknown(error: Exception) -> NotPicklable:
    return NotPicklable(
        f"the other process cannot read the node it was sent: {error}; a class or "
        f"function of a notebook's cell must go into a module that it can import",
        culprit=str(error),
    )


def _packed_error(node: Node, error: Exception) -> bytes:
    """An exception, with its traceback as a note; as text, if it cannot travel."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        content = pickle.dumps((None, error))
        pickle.loads(content)  # noqa: S301 - of this very line; it may want arguments
    except Exception:  # noqa: BLE001 - pickling runs any object's code
        text = f"{label_of(node)}: {type(error).__qualname__}: {error}"
        stand_in = RuntimeError(text)
        stand_in.__notes__ = error.__notes__
        return pickle.dumps((None, stand_in))
    return content
