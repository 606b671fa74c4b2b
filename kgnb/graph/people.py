"""Ready nodes that ask people."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue, OutsideRun, Undecided
from kgnb.graph.context import current_context
from kgnb.graph.nodes import Node
from kgnb.graph.spec import label_of

if TYPE_CHECKING:
    from kgnb.graph.context import Context

UNSET = msgspec.UNSET

FromShared = Callable[[Any], Any]
"""Makes what is shown out of ``shared``."""


class AskingNode(Node):
    """A node that puts one question to people and follows their answer.

    Args:
        message: The question, or a function of ``shared`` that makes it.
        payload: What it is about, or a function of ``shared`` that gives it.
        key: Where in ``shared`` the answer's value is put; None puts it nowhere.
        timeout: Seconds; None waits for ever.
        on_timeout: The value at the deadline; without it ``ApprovalTimeout``.
        name: As of ``ask``: for ``answers=``, and for a resumed run.
        node: ``Node``'s own arguments.
    """

    _stays_here = True
    """People are asked from here."""

    def __init__(
        self,
        message: str | FromShared,
        *,
        payload: Any = None,
        key: str | None = None,
        timeout: float | None = None,
        on_timeout: Any = UNSET,
        name: str | None = None,
        **node: Any,
    ) -> None:
        super().__init__(**node)
        self.message = message
        self.payload = payload
        self.key = key
        self.timeout = timeout
        self.on_timeout = on_timeout
        self.name = name

    def prep(self, shared: Any) -> tuple[str, Any]:
        """The message and the payload, as they stand now."""
        message, payload = self.message, self.payload
        return (
            message if isinstance(message, str) else str(message(shared)),
            payload(shared) if callable(payload) else payload,
        )

    def exec(self, prep_res: tuple[str, Any]) -> Any:
        """Ask and wait; an ``Answer``.

        Raises:
            OutsideRun: No run is around this node.
            ApprovalTimeout: The deadline passed, and no ``on_timeout`` was given.
            ApprovalCancelled: It was closed with no answer.
        """
        message, payload = prep_res
        context = current_context.get()
        if context is None:
            raise OutsideRun(
                f"{label_of(self)}: there is nobody to ask outside a run; start the "
                f"graph with kgnb.run(graph, shared)"
            )
        return self._ask(context, message, payload)

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str | None:
        """Put the value into ``shared``; it is the action, too, where it is a str."""
        del prep_res
        value = self._value(exec_res)
        if self.key is not None:
            if not isinstance(shared, MutableMapping):
                raise InvalidValue(
                    f"{label_of(self)}: key={self.key!r} wants a shared that takes "
                    f"entries, got a {type(shared).__name__}"
                )
            shared[self.key] = value
        return value if isinstance(value, str) else None

    def _ask(self, context: Context, message: str, payload: Any) -> Any:
        """Put the question; subclasses say how."""
        raise NotImplementedError

    def _value(self, exec_res: Any) -> Any:
        """What the answer comes to."""
        return exec_res.value


class Vote(AskingNode):
    """A vote of several people; what they choose is the action.

        vote = Vote(
            "Ship it?",
            options=["ship", "hold"],
            need=2,
            approvers=["ada", "grace", "linus"],
            veto="hold",
        )
        vote - "ship" >> deploy
        vote - "hold" >> report

    Each person has one vote and cannot take it back. The chosen option is put into
    ``shared["vote"]`` and is the action. The people have to be told apart by their
    login (JupyterHub, an identity provider with users); a script (``answers=``)
    decides alone.

    Args:
        message: The question, or a function of ``shared`` that makes it.
        options: The choices, which are the actions.
        need: How many must choose the same.
        approvers: The user names that may vote; None: whoever may answer at all.
        veto: An option, or a list of them, that one voter alone decides for.
        undecided: The action, and the value, where all ``approvers`` have voted and no
            option can win any more; None raises ``Undecided``.
        key: Where in ``shared`` the value is put; None puts it nowhere.
        others: ``payload``, ``timeout``, ``on_timeout``, ``name``, and ``Node``'s own
            arguments; see :class:`AskingNode`.

    Raises:
        InvalidValue: An option is no str, or there are none.
    """

    def __init__(
        self,
        message: str | FromShared,
        *,
        options: Sequence[str],
        need: int = 2,
        approvers: Sequence[str] | None = None,
        veto: str | Sequence[str] | None = None,
        undecided: str | None = None,
        key: str | None = "vote",
        **others: Any,
    ) -> None:
        super().__init__(message, key=key, **others)
        is_list = isinstance(options, Sequence) and not isinstance(options, str)
        if not is_list or not options or not all(isinstance(o, str) for o in options):
            raise InvalidValue(
                f"{label_of(self)}: options={options!r}: expected a list of str, for "
                f"they are actions"
            )
        self.options = list(options)
        self.need = need
        self.approvers = approvers
        self.veto = veto
        self.undecided = undecided

    def exec(self, prep_res: tuple[str, Any]) -> Any:
        """Ask, and wait for the votes; an ``Answer``, or ``undecided``.

        Raises:
            Undecided: No option can win any more, and no ``undecided`` was given.
            Unanswerable: Nobody can be told apart here.
        """
        try:
            return super().exec(prep_res)
        except Undecided:
            if self.undecided is None:
                raise
            return self.undecided

    def _value(self, exec_res: Any) -> Any:
        return exec_res if isinstance(exec_res, str) else exec_res.value

    def _ask(self, context: Context, message: str, payload: Any) -> Any:
        return context.ask(
            message,
            options=self.options,
            schema=None,
            payload=payload,
            kind="choice",
            timeout=self.timeout,
            on_timeout=self.on_timeout,
            need=self.need,
            approvers=self.approvers,
            veto=self.veto,
            name=self.name,
        ).result()
