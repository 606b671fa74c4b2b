"""What goes to another process and back: a node and what its exec is to work on.

It goes as bytes, made and read here: what cannot be pickled is then found out at once
and by name, and neither a node whose class the other process does not know, nor a value
or an exception that cannot be pickled, breaks the pool or keeps its future waiting for
ever, as they would if pool or cluster did it. ``cloudpickle`` makes the bytes where it
is installed (Dask brings it along), so that classes of a notebook's cells can travel.
Executors that nobody knows get the objects themselves: their ways may be other ones.
"""

from __future__ import annotations

import contextvars
import copy
import functools
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from kgnb.errors import NotPicklable
from kgnb.graph.clusters import client_of, is_dasks, is_near
from kgnb.graph.context import elsewhere
from kgnb.graph.policies import NO_POLICY
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future

    from kgnb.graph.context import Ticket
    from kgnb.graph.nodes import Node

ADVICE = (
    "make it inside exec or name it by something that can travel, or give the node "
    "executor=False"
)
DEEPEST = 5
"""Steps from the node to what is named as the culprit."""


def packs_for(executor: Any) -> bool:
    """Whether an executor is sent bytes."""
    return is_near(executor) is not None


def check_sendable(node: Node, items: Iterable[Any]) -> None:
    """See that another process could be sent each of the items.

    Raises:
        NotPicklable: Names the first culprit.
    """
    twin = _to_send(node)
    for index, item in enumerate(items):
        # Most items are paths, numbers or texts, and these always can.
        if index == 0 or not isinstance(item, str | int | float | bytes | None):
            _packed(twin, item, None, f"item {index}")


def send(
    executor: Executor, node: Node, prep_res: Any, ticket: Ticket | None
) -> Future[Any]:
    """Have exec called elsewhere; the future's value is an ``Outcome``.

    Raises:
        NotPicklable: Names what cannot travel.
    """
    twin = _to_send(node)
    if not packs_for(executor):
        return executor.submit(_exec_whole, twin, prep_res, ticket)
    if client_of(executor) is None:
        content = _packed(twin, prep_res, ticket)
        return executor.submit(_exec_packed, content)
    settings: dict[str, Any] = {"pure": False}  # else equal items are one task
    if ticket is not None:
        settings["key"] = ticket.line
    if is_dasks(prep_res):
        content = _packed(twin, None, ticket)
        return executor.submit(_exec_by_dask, content, prep_res, **settings)
    content = _packed(twin, prep_res, ticket)
    return executor.submit(_exec_by_dask, content, **settings)


class Outcome:
    """What became of a call.

    Args:
        content: A value and an exception, of which one is None; or these as bytes.
        rest: What the call told last; see ``context.Told``.
    """

    def __init__(self, content: Any, rest: bytes | None) -> None:
        self._content = content
        self.rest = rest

    def value(self) -> Any:
        """What exec returned; or raises what it raised."""
        content = self._content
        if isinstance(content, bytes):
            content = pickle.loads(content)  # noqa: S301 - written by _outcome
        value, error = content
        if error is not None:
            raise error
        return value


def _to_send(node: Node) -> Node:
    """The node without what leads to the rest of the graph."""
    twin = copy.copy(node)
    twin.successors = {}
    twin._policy = NO_POLICY  # noqa: SLF001 - a copy; it may hold the executor
    return twin


@functools.cache
def _pickler() -> Any:
    try:
        import cloudpickle  # noqa: PLC0415 - not ours to need
    except ImportError:
        return pickle
    return cloudpickle


def _dumps(value: Any) -> bytes:
    content: bytes = _pickler().dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return content


def _packed(
    node: Node,
    prep_res: Any,
    ticket: Ticket | None,
    what: str = "what it is to work on",
) -> bytes:
    try:
        return _dumps((node, prep_res, ticket))
    except Exception as error:  # pickling runs any object's code
        raise _refusal(node, prep_res, what, error) from error


def _refusal(node: Node, prep_res: Any, what: str, error: Exception) -> NotPicklable:
    label = label_of(node)
    for name, value in vars(node).items():
        if not _is_picklable(value):
            path, part = _culprit(value, name)
            culprit = f"its attribute {path!r} ({_kind(part)})"
            break
    else:
        if not _is_picklable(prep_res):
            path, part = _culprit(prep_res, "")
            culprit = f"{what} ({_kind(prep_res)})"
            if path:
                culprit += f", in which {path} is a {_kind(part)}"
        else:
            culprit = (
                f"its class {type(node).__qualname__}, which must stand at the top of "
                f"a module, or cloudpickle be installed"
            )
    return NotPicklable(
        f"{label} cannot go to another process for {culprit}: {error}; {ADVICE}",
        node=label,
        culprit=culprit,
    )


def _culprit(value: Any, path: str) -> tuple[str, Any]:
    """Where in a value that cannot be pickled the reason is, and the reason."""
    for _ in range(DEEPEST):
        for step, part in _parts(value):
            if not _is_picklable(part):
                path, value = path + step, part
                break
        else:
            break
    return path.removeprefix("."), value


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    else:
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            yield from ((f".{name}", part) for name, part in attributes.items())


def _is_picklable(value: Any) -> bool:
    try:
        _dumps(value)
    except Exception:  # noqa: BLE001 - pickling runs any object's code
        return False
    return True


def _kind(value: Any) -> str:
    return type(value).__qualname__


# In the other process.


def _exec_packed(content: bytes) -> Outcome:
    # In a context of its own: a forked process has its parent's, with a run in it
    # that it cannot reach.
    return contextvars.Context().run(_exec_unpacked, content)


def _exec_by_dask(content: bytes, *given: Any) -> Outcome:
    # In the context it has: Dask's ``get_worker`` looks there.
    return contextvars.copy_context().run(_exec_unpacked, content, *given)


def _exec_whole(node: Node, prep_res: Any, ticket: Ticket | None) -> Outcome:
    value, error, rest = contextvars.Context().run(_exec, node, prep_res, ticket)
    return Outcome((value, error), rest)


def _exec_unpacked(content: bytes, *given: Any) -> Outcome:
    """Call exec.

    Args:
        content: What ``_packed`` made.
        given: What exec is to work on, where that came another way.
    """
    try:
        node, prep_res, ticket = pickle.loads(content)  # noqa: S301 - written by _packed
    except Exception as error:  # noqa: BLE001 - the root of a process's work
        return Outcome(pickle.dumps((None, _unknown(error))), None)
    value, raised, rest = _exec(node, given[0] if given else prep_res, ticket)
    return Outcome(_content(node, value, raised), rest)


def _exec(
    node: Node, prep_res: Any, ticket: Ticket | None
) -> tuple[Any, BaseException | None, bytes | None]:
    elsewhere.set(label_of(node))
    if ticket is None:
        return *_tried(node, prep_res), None
    with ticket.presented() as told:
        value, error = _tried(node, prep_res)
    return value, error, told.rest


def _tried(node: Node, prep_res: Any) -> tuple[Any, BaseException | None]:
    try:
        return node.exec(prep_res), None
    except BaseException as error:  # noqa: BLE001 - it is raised at home
        return None, error


def _content(node: Node, value: Any, error: BaseException | None) -> bytes:
    if error is not None:
        return _packed_error(node, error)
    try:
        return _dumps((value, None))
    except Exception as refused:  # noqa: BLE001 - pickling runs any object's code
        label = label_of(node)
        path, part = _culprit(value, "")
        culprit = f"what exec returned ({_kind(value)})"
        if path:
            culprit += f", in which {path} is a {_kind(part)},"
        text = f"{label}: {culprit} cannot come back from the other process: {refused}"
        refusal = NotPicklable(text, node=label, culprit=culprit)
        return pickle.dumps((None, refusal))


def _unknown(error: Exception) -> NotPicklable:
    return NotPicklable(
        f"the other process cannot read the node it was sent: {error}; a class or "
        f"function of a notebook's cell must go into a module that it can import, or "
        f"cloudpickle be installed here",
        culprit=str(error),
    )


def _packed_error(node: Node, error: BaseException) -> bytes:
    """An exception, with its traceback as a note; as text, if it cannot travel."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        content = _dumps((None, error))
        pickle.loads(content)  # noqa: S301 - of this very line; it may want arguments
    except Exception:  # noqa: BLE001 - pickling runs any object's code
        text = f"{label_of(node)}: {type(error).__qualname__}: {error}"
        stand_in = RuntimeError(text)
        stand_in.__notes__ = error.__notes__
        return pickle.dumps((None, stand_in))
    return content
