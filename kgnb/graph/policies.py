"""What a node's author may set about its attempts and visits.

Each setting is a keyword of ``Node``, and of every class built on it, and a class
attribute; the keyword wins. They are read once, by the constructor, into a record
that nobody writes to: an attribute of the same name that a program keeps for itself
(``self.timeout = …`` after ``super().__init__()``) means nothing here.
"""

from __future__ import annotations

import inspect
import operator
import random
import threading
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import msgspec

from kgnb.graph.clusters import as_executor
from kgnb.graph.near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

LONGEST_WAIT = threading.TIMEOUT_MAX
"""Seconds; a wait that grows for ever stops growing here."""

Errors = type[BaseException] | tuple[type[BaseException], ...]


class Policies(TypedDict, total=False):
    """The keywords."""

    timeout: float | None
    backoff: float
    jitter: float
    max_wait: float | None
    retry_on: Errors
    max_visits: int | None
    executor: Executor | Literal[False] | None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one node."""

    timeout: float | None = None
    """Seconds that an attempt of exec may take; past it, it fails by ``NodeTimeout``.
    None sets no limit. Async code is cancelled; a thread goes on, see
    ``kgnb.graph.apart``."""
    backoff: float = 1
    """How many times longer each wait between attempts is than the one before."""
    jitter: float = 0
    """The share of each wait, from 0 to 1, that is left to chance."""
    max_wait: float | None = None
    """Seconds; no wait grows longer. None sets no limit."""
    retry_on: Errors = Exception
    """What is tried again. Any other exception makes its attempt the last one, and
    goes to ``exec_fallback`` as the last one's does. (A ``NodeTimeout`` is a
    TimeoutError, and so an OSError.)"""
    max_visits: int | None = None
    """How often one pass of a graph may visit the node; None takes the graph's."""
    executor: Any = None
    """The ``concurrent.futures.Executor`` that exec runs in; None takes the run's,
    False takes none. Sync nodes only."""

    def pause_after(self, attempt: int, wait: float) -> float:
        """Seconds to wait after a failed attempt, counted from 1.

        ``wait``, ``backoff`` times as long after each further attempt, ``max_wait``
        at most; of that the share ``jitter`` is left to chance, so that many that
        failed together do not come back together.
        """
        longest = LONGEST_WAIT if self.max_wait is None else self.max_wait
        try:
            pause = min(wait * float(self.backoff) ** (attempt - 1), longest)
        except OverflowError:
            pause = longest if wait else 0.0
        if self.jitter:
            pause *= 1 - self.jitter * random.random()  # noqa: S311 - no secret
        return pause


NO_POLICY = Policy()
_OTHER_KEYWORDS = ("max_retries", "wait", "node_id", "config")


def policy_of(cls: type, given: Mapping[str, Any]) -> Policy:
    """The settings of a new node of ``cls``.

    Args:
        cls: Its class, whose attributes count unless they are methods.
        given: The keywords of its constructor.

    Raises:
        TypeError: A keyword that there is none of, or a value of a wrong type.
        ValueError: A number that makes no sense.
    """
    names = Policy.__struct_fields__
    for name in given:
        if name not in names:
            msg = (
                f"{cls.__name__}() got an unexpected keyword argument {name!r}"
                f"{did_you_mean(name, (*names, *_OTHER_KEYWORDS))}"
            )
            raise TypeError(msg)
    settings = {name: getattr(cls, name) for name in names if _is_set(cls, name)}
    settings.update(given)
    if "executor" in settings:
        settings["executor"] = as_executor(settings["executor"])
    if not settings:
        return NO_POLICY
    policy = Policy(**settings)
    _check(cls.__name__, policy)
    return policy


def _is_set(cls: type, name: str) -> bool:
    """Whether a class attribute is a setting, not a method that happens so."""
    found = inspect.getattr_static(cls, name, None)
    is_method = inspect.isroutine(found) or isinstance(
        found, staticmethod | classmethod | property
    )
    return hasattr(cls, name) and not is_method


_NUMBERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    # Less than one attempt is an error when it runs, as KayGraph's users know it.
    "max_retries": ("a whole number of attempts", lambda v: operator.index(v) == v),
    "wait": ("seconds, not below 0", lambda v: v >= 0),
    "timeout": ("seconds above 0, or None", lambda v: v is None or v > 0),
    "backoff": ("a factor of at least 1", lambda v: v >= 1),
    "jitter": ("a share from 0 to 1", lambda v: 0 <= v <= 1),
    "max_wait": ("seconds, or None", lambda v: v is None or v >= 0),
    "max_visits": ("at least 1, or None", lambda v: v is None or v >= 1),
}


def _check(owner: str, policy: Policy) -> None:
    for name in ("timeout", "backoff", "jitter", "max_wait", "max_visits"):
        check_number(owner, name, getattr(policy, name))
    _check_errors(owner, policy.retry_on)
    executor = policy.executor
    if not (executor is None or executor is False or hasattr(executor, "submit")):
        msg = (
            f"{owner}: executor= takes a concurrent.futures.Executor, None (the "
            f"run's) or False (none), got {executor!r:.80}"
        )
        raise TypeError(msg)


def check_number(owner: str, name: str, value: Any) -> None:
    """See that a keyword of ``Node`` has a number that makes sense.

    Raises:
        TypeError: It has no number.
        ValueError: It makes no sense.
    """
    expected, is_met = _NUMBERS[name]
    msg = f"{owner}: {name}= takes {expected}, got {value!r:.80}"
    try:
        is_right = is_met(value)
    except TypeError:
        raise TypeError(msg) from None
    if not is_right:
        raise ValueError(msg)


def _check_errors(owner: str, given: Any) -> None:
    for each in given if isinstance(given, tuple) else (given,):
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            msg = (
                f"{owner}: retry_on= takes an exception class or a tuple of them, "
                f"got {given!r:.80}"
            )
            raise TypeError(msg)
