"""Every error that kgnb raises or sends, with its stable code.

    KgnbError                     internal
    ├── Unauthorized              unauthorized
    ├── Forbidden                 forbidden
    ├── RateLimited               rate_limited
    ├── BadFrame                  invalid        a frame that breaks the protocol
    │   ├── FrameTooLarge         too_large
    │   └── UnknownType           unknown_type
    ├── InvalidValue              invalid        a value that breaks a stated rule
    ├── NotAGraph                 invalid        run() of something that is no graph
    ├── GraphError                invalid        a graph that cannot run as wired
    │   ├── InvalidGraph          invalid        what its check found, all at once
    │   └── UnknownAction         invalid        an action not wired, in a strict graph
    ├── NotCopyable               invalid        shared data of a sub-graph
    ├── MissingKey                invalid        a function's parameter not in shared
    ├── StateError                invalid        shared does not fit its graph's state
    ├── SwallowedInterrupt        invalid        a LangGraph node caught its own pause
    ├── VisitLimit                invalid        a cycle went round too often
    ├── NodeTimeout               expired        an attempt took longer than timeout=
    ├── ExecutorFault             unavailable    an executor= that cannot work
    │   └── NotPicklable          invalid        what cannot go to another process
    ├── WorkerDied                unavailable    a cluster's worker, while it ran a node
    ├── OutsideRun                invalid        ask() where no run is
    ├── WrongThread               invalid        .result() on the loop that must work
    ├── NoSuchWorkflow            no_such_workflow
    ├── NoSuchRun                 no_such_run
    ├── NoSuchApproval            no_such_approval
    ├── NoSuchLink                no_such_link
    ├── AlreadyAnswered           already_answered
    ├── Expired                   expired
    ├── Conflict                  conflict
    ├── Gap                       gap
    ├── Unavailable               unavailable
    ├── StreamBroken              unavailable    a model's server gave up in mid-stream
    ├── ApprovalTimeout           expired        the deadline of an ask() passed
    ├── ApprovalCancelled         conflict       an ask() was closed with no answer
    │   └── Undecided             conflict       a vote that no option can win any more
    ├── Unanswerable              invalid        nobody can answer it in this mode
    ├── RunCancelled              conflict
    └── RunLost                   unavailable

The code is the same in Python, in logs, on the wire and in JavaScript. Facts
are attributes; the sentence is made from them: who, what was expected, what
came, what to do.
"""

from __future__ import annotations

from typing import Any


class KgnbError(Exception):
    """The root: catch it to catch whatever kgnb raises.

    Args:
        message: The sentence shown; most subclasses make their own.
        code: Overrides the class's code, for errors that came over the wire.
        data: Facts that travel with the error (for example the winning answer).
    """

    code: str = "internal"

    def __init__(
        self, message: str = "", *, code: str | None = None, **data: Any
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.data = data

    def __getattr__(self, name: str) -> Any:
        """Facts read as attributes: ``error.value``."""
        data = self.__dict__.get("data", {})
        if name in data:
            return data[name]
        msg = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(msg)


class Unauthorized(KgnbError):
    """No valid credential."""

    code = "unauthorized"


class Forbidden(KgnbError):
    """The credential is valid, but its role may not do this."""

    code = "forbidden"


class RateLimited(KgnbError):
    """Too many messages; ``retry_after`` is in seconds."""

    code = "rate_limited"


class BadFrame(KgnbError):
    """A frame that is not JSON, not an object, too deep, or breaks its schema."""

    code = "invalid"


class FrameTooLarge(BadFrame):
    """A frame past the size limit; ``size`` and ``limit`` are in bytes."""

    code = "too_large"


class UnknownType(BadFrame):
    """A frame whose ``type`` no command has."""

    code = "unknown_type"


class InvalidValue(KgnbError):
    """A value that breaks a stated rule, such as an answer not among the options."""

    code = "invalid"


class NotAGraph(KgnbError, TypeError):
    """What was given to ``run()`` is no graph."""

    code = "invalid"


class GraphError(KgnbError, ValueError):
    """The graph cannot run as it is wired."""

    code = "invalid"


class InvalidGraph(GraphError):
    """A strict graph that its check found fault with; ``problems`` lists them."""


class UnknownAction(GraphError):
    """A strict graph's node returned an ``action`` that is not wired."""


class GraphWarning(UserWarning):
    """A graph that runs, but hardly as it was meant."""


class MissingKey(KgnbError, LookupError):
    """A ``@kgnb.node`` function needs ``shared[key]``, which is not there."""

    code = "invalid"


class StateError(KgnbError, ValueError):
    """``shared[key]`` does not fit the type of its graph's state.

    ``node`` left it so (None: the graph began with it); ``expected`` and ``got``.
    """

    code = "invalid"


class SwallowedInterrupt(KgnbError, RuntimeError):
    """A LangGraph node's code caught what ``interrupt()`` raises to pause it.

    What the node did then, without an answer, is done; its update is not taken.
    """

    code = "invalid"


class VisitLimit(KgnbError, RuntimeError):
    """``node`` would be visited once more than its ``limit`` in one pass."""

    code = "invalid"


class NodeTimeout(KgnbError, TimeoutError):
    """An attempt of ``node`` took longer than its ``timeout``, in seconds."""

    code = "expired"


class ExecutorFault(KgnbError, RuntimeError):
    """An ``executor=`` that is shut down, or whose worker process died.

    No attempt has failed by it: it is not retried and asks no ``exec_fallback``.
    """

    code = "unavailable"


class NotPicklable(ExecutorFault):
    """What cannot travel to or from another process; ``culprit`` names it."""

    code = "invalid"


class WorkerDied(KgnbError, RuntimeError):
    """The process that ran a node's exec died, and its cluster gave up.

    A failed attempt like any other: ``node`` and ``item`` say which.
    """

    code = "unavailable"


class NotCopyable(KgnbError, TypeError):
    """A value of ``shared`` cannot be copied for a sub-graph; ``key`` names it."""

    code = "invalid"


class OutsideRun(KgnbError, RuntimeError):
    """``ask()`` was called where no run is."""

    code = "invalid"


class WrongThread(KgnbError, RuntimeError):
    """A blocking wait on the very thread that must do the work."""

    code = "invalid"


class NoSuchWorkflow(KgnbError):
    """No workflow was published under that name."""

    code = "no_such_workflow"


class NoSuchRun(KgnbError):
    """No run has that id, or it is not yours to see."""

    code = "no_such_run"


class NoSuchApproval(KgnbError):
    """No approval has that id, or it is not yours to see."""

    code = "no_such_approval"


class NoSuchLink(KgnbError):
    """No share link has that id, or it is not yours."""

    code = "no_such_link"


class AlreadyAnswered(KgnbError):
    """Another answer was first; ``value`` and ``by`` are the winning ones."""

    code = "already_answered"


class Expired(KgnbError):
    """The deadline had passed."""

    code = "expired"


class Conflict(KgnbError):
    """The state it was meant for is no more."""

    code = "conflict"


class Gap(KgnbError):
    """Events that were asked for are no longer in the log."""

    code = "gap"


class Unavailable(KgnbError):
    """A part that is needed cannot be reached now; trying again may work."""

    code = "unavailable"


class StreamBroken(KgnbError):
    """A model's server gave up in mid-stream: the text is not whole."""

    code = "unavailable"


class ApprovalTimeout(KgnbError, TimeoutError):
    """The deadline of an ``ask()`` without ``on_timeout=`` passed."""

    code = "expired"


class ApprovalCancelled(KgnbError):
    """An ``ask()`` was closed without an answer."""

    code = "conflict"


class Undecided(ApprovalCancelled):
    """A vote that no option can win any more; ``votes`` says who voted for what."""

    code = "conflict"


class Unanswerable(KgnbError):
    """An approval that nobody can answer in this mode."""

    code = "invalid"


class RunCancelled(KgnbError):
    """The run was cancelled before it completed."""

    code = "conflict"


class RunLost(KgnbError):
    """The process that ran it is gone."""

    code = "unavailable"


_BY_CODE: dict[str, type[KgnbError]] = {
    cls.code: cls
    for cls in (
        Unauthorized,
        Forbidden,
        RateLimited,
        FrameTooLarge,
        UnknownType,
        InvalidValue,
        NoSuchWorkflow,
        NoSuchRun,
        NoSuchApproval,
        NoSuchLink,
        AlreadyAnswered,
        Expired,
        Conflict,
        Gap,
        Unavailable,
    )
}
"""What a code says, and no more: "expired" need not be a node's time-out."""

CODES = frozenset({*_BY_CODE, KgnbError.code})
"""Every code that the wire knows."""


def from_code(code: str, message: str, **data: Any) -> KgnbError:
    """The error that an ``error`` frame stands for."""
    return _BY_CODE.get(code, KgnbError)(message, code=code, **data)
