"""Ready nodes that ask people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from kgnb.errors import InvalidValue, OutsideRun, Undecided
from kgnb.graph.context import current_context
from kgnb.graph.nodes import Node
from kgnb.graph.spec import label_of

UNSET = msgspec.UNSET

_PLAIN = {
    "options": None,
    "schema": None,
    "need": 1,
    "approvers": None,
    "veto": None,
}
"""What a question has that says nothing of it."""

FromShared = Callable[[Any], Any]
"""Makes what is shown out of ``shared``."""


class AskingNode(Node):
    """A node that puts one question to people and follows their answer.

    Args:
        message: The question, or a function of ``shared`` that makes it.
        payload: What it is about: a key of ``shared``, or a function of ``shared``;
            anything else is shown as it is.
        writes: Where in ``shared`` the answer's value is put; None puts it nowhere.
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
        writes: str | None = None,
        timeout: float | None = None,
        on_timeout: Any = UNSET,
        name: str | None = None,
        **node: Any,
    ) -> None:
        super().__init__(**node)
        self.message = message
        self.payload = payload
        self.writes = writes
        self.timeout = timeout
        self.on_timeout = on_timeout
        self.name = name

    def prep(self, shared: Any) -> tuple[str, Any]:
        """The message and the payload, as they stand now."""
        message = self.message
        text = message if isinstance(message, str) else str(message(shared))
        return text, self._payload_in(shared)

    def _payload_in(self, shared: Any) -> Any:
        payload = self.payload
        if callable(payload):
            return payload(shared)
        if not isinstance(payload, str):
            return payload
        try:
            return shared[payload]
        except (KeyError, TypeError):
            keys = ", ".join(map(str, shared)) if isinstance(shared, Mapping) else ""
            raise InvalidValue(
                f"{label_of(self)}: payload={payload!r}: expected a key of shared, "
                f"which has {keys or 'none'}; for a text of its own give a function"
            ) from None

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
        asked = {**_PLAIN, **self._question()}
        return context.ask(
            message,
            payload=payload,
            timeout=self.timeout,
            on_timeout=self.on_timeout,
            name=self.name,
            **asked,
        ).result()

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str | None:
        """Put the value into ``shared``; it is the action, too, where it is a str."""
        del prep_res
        value = self._value(exec_res)
        self._write(shared, self.writes, value)
        return value if isinstance(value, str) else None

    def _write(self, shared: Any, key: str | None, value: Any) -> None:
        if key is None:
            return
        if not isinstance(shared, MutableMapping):
            raise InvalidValue(
                f"{label_of(self)}: {key!r} is to be written: expected a shared that "
                f"takes entries, got a {type(shared).__name__}"
            )
        shared[key] = value

    @property
    def _actions(self) -> frozenset[str] | None:
        """What its action can be, where that is known."""
        return None

    def _question(self) -> dict[str, Any]:
        """What is asked, besides message and payload: arguments of ``ask``."""
        raise NotImplementedError

    def _value(self, exec_res: Any) -> Any:
        """What the answer comes to."""
        return exec_res.value


class Approval(AskingNode):
    """A question with buttons; the one that is clicked is the action.

        review = Approval("Publish?", options=["publish", "revise"], payload="draft")
        review - "publish" >> publish
        review - "revise" >> draft

    The chosen option is put into ``shared["approval"]``, too.

    Args:
        message: The question, or a function of ``shared`` that makes it.
        options: The buttons, which are the actions.
        edit: Whether the payload may be changed before it is approved; what became of
            it goes back into ``shared``. ``payload`` is its key, then.
        approvers: The user names that may answer; None: whoever may answer at all.
        writes: Where in ``shared`` the option is put; None puts it nowhere.
        writes_reason: Where in ``shared`` the person's reason is put, None if there
            was none; None puts it nowhere.
        others: ``payload``, ``timeout``, ``on_timeout`` (an option), ``name``, and
            ``Node``'s own arguments; see :class:`AskingNode`.

    Raises:
        InvalidValue: An option is no str, there are none, ``on_timeout`` is none of
            them, or ``edit`` has no key of ``shared`` to edit.
    """

    def __init__(
        self,
        message: str | FromShared = "Approve?",
        *,
        options: Sequence[str] = ("approve", "reject"),
        edit: bool = False,
        approvers: Sequence[str] | None = None,
        writes: str | None = "approval",
        writes_reason: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(message, writes=writes, **others)
        self.options = _leading_on(self, options)
        if self.on_timeout is not UNSET and self.on_timeout not in self.options:
            raise InvalidValue(
                f"{label_of(self)}: on_timeout={self.on_timeout!r}: expected one of "
                f"{', '.join(map(repr, self.options))}, for it is the action"
            )
        if edit and not isinstance(self.payload, str):
            raise InvalidValue(
                f"{label_of(self)}: edit=True wants payload= to be a key of shared, "
                f"where what became of it is put; got {self.payload!r:.80}"
            )
        self.edit = edit
        self.approvers = approvers
        self.writes_reason = writes_reason

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str | None:
        """Write option, reason and payload; the option is the action."""
        self._write(shared, self.writes_reason, exec_res.reason)
        if exec_res.edited:
            self._write(shared, self.payload, exec_res.payload)
        return super().post(shared, prep_res, exec_res)

    @property
    def _actions(self) -> frozenset[str]:
        return frozenset(self.options)

    def _question(self) -> dict[str, Any]:
        return {
            "options": self.options,
            "kind": "edit" if self.edit else "choice",
            "approvers": self.approvers,
        }


class Form(AskingNode):
    """A form to fill in; the node goes on by "default".

        details = Form("Where to?", schema=Trip, writes="trip")

    Args:
        message: What is asked, or a function of ``shared`` that makes it.
        schema: A JSON Schema as a dict, or a type: pydantic model, dataclass, msgspec
            Struct, TypedDict. The value is an instance of it.
        writes: Where in ``shared`` the value is put.
        edit: Whether the form begins with the payload in its fields.
        approvers: The user names that may answer; None: whoever may answer at all.
        others: ``payload``, ``timeout``, ``on_timeout``, ``name``, and ``Node``'s own
            arguments; see :class:`AskingNode`.

    Raises:
        InvalidValue: ``edit`` has no payload. What the schema makes impossible is told
            when it is asked.
    """

    def __init__(
        self,
        message: str | FromShared,
        schema: Any,
        *,
        writes: str | None = "form",
        edit: bool = False,
        approvers: Sequence[str] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(message, writes=writes, **others)
        if edit and self.payload is None:
            raise InvalidValue(f"{label_of(self)}: edit=True wants payload=")
        self.schema = schema
        self.edit = edit
        self.approvers = approvers

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        """Put the value into ``shared``."""
        super().post(shared, prep_res, exec_res)

    def _question(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "kind": "edit" if self.edit else "form",
            "approvers": self.approvers,
        }


def _leading_on(node: Any, options: Any) -> list[str]:
    """Options that lead on.

    Raises:
        InvalidValue: One is no str, or there are none.
    """
    is_list = isinstance(options, Sequence) and not isinstance(options, str)
    if not is_list or not options or not all(isinstance(o, str) for o in options):
        raise InvalidValue(
            f"{label_of(node)}: options={options!r}: expected a list of str, for they "
            f"are actions"
        )
    return list(options)


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
        writes: Where in ``shared`` the value is put; None puts it nowhere.
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
        writes: str | None = "vote",
        **others: Any,
    ) -> None:
        super().__init__(message, writes=writes, **others)
        self.options = _leading_on(self, options)
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

    @property
    def _actions(self) -> frozenset[str]:
        besides = (self.on_timeout, self.undecided)
        return frozenset([*self.options, *(a for a in besides if isinstance(a, str))])

    def _value(self, exec_res: Any) -> Any:
        return exec_res if isinstance(exec_res, str) else exec_res.value

    def _question(self) -> dict[str, Any]:
        return {
            "options": self.options,
            "kind": "choice",
            "need": self.need,
            "approvers": self.approvers,
            "veto": self.veto,
        }
