"""What a run leaves, and what a person said in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.runtime.exporting import Exporting, shown_by
from kgnb.runtime.files import File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.protocol.approval_view import ApprovalView
    from kgnb.protocol.events import By, CastVote, Usage
    from kgnb.protocol.view import RunView
    from kgnb.runtime.exports import Origin


class Answer(msgspec.Struct, frozen=True):
    """What an ``ask`` came to; also what ``answers=`` may hold, for its reason."""

    value: Any
    """The option, the text, the edited payload, the ``File``, or what a form gave: an
    instance of the type in ``schema=``."""
    outcome: Literal["answered", "timed_out"] = "answered"
    """``timed_out``: the value is ``on_timeout``'s, and no person's."""
    by: By | None = None
    """Who decided, by which way, when; of a vote: whose vote it was that decided."""
    reason: str | None = None
    votes: tuple[CastVote, ...] = ()
    """Who voted for what, in that order, where several people were needed."""
    payload: Any = None
    """With ``kind="edit"``: the payload as the person left it."""
    edited: bool = False
    """Whether it was changed."""


def answered_values(result: Any, *, levels: int = 8) -> Any:
    """A node's result with each ``Answer`` in it as its bare value.

    Who answered, and when, is in the approvals; in a result it would make every
    execution's record another. Looks ``levels`` deep: a result may contain itself.
    """
    if isinstance(result, Answer):
        return answered_values(result.value, levels=levels)
    if isinstance(result, File):
        return result.describe()
    if levels and isinstance(result, list | tuple):
        return [answered_values(item, levels=levels - 1) for item in result]
    if levels and isinstance(result, dict):
        return {k: answered_values(v, levels=levels - 1) for k, v in result.items()}
    return result


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a run, and its answer once there is one."""

    approval_id: str
    node_id: str
    message: str
    options: list[Any] | None = None
    payload: Any = None
    schema: dict[str, Any] | None = None
    kind: str = "choice"
    name: str | None = None
    need: int = 1
    approvers: list[str] | None = None
    veto: list[Any] | None = None
    votes: list[CastVote] = []
    expires_at: str | None = None
    args_hash: str = ""
    """Of what was shown; an answer carries it, so that nobody answers another text."""
    state: Literal["open", "answered", "timed_out", "cancelled"] = "open"
    value: Any = None
    """Of a file, what it is without its content."""
    edited_payload: Any = None
    """Of an edit with options: what became of the payload, if it was changed."""
    by: By | None = None
    reason: str | None = None

    @classmethod
    def of(cls, view: ApprovalView) -> Approval:
        """The approval as the run's view has it."""
        names = cls.__struct_fields__
        return cls(**{name: getattr(view, name) for name in names})


class Result(Exporting):
    """A completed run. Nothing in it changes any more, but for ``shared``.

    Args:
        view: The run's view at its end.
        shared: What its nodes shared; the very object.
        action: The last node's action.
        has_panel: Whether a panel shows the run already.
        origin: Where the run's log is.
    """

    def __init__(
        self,
        view: RunView,
        shared: Mapping[Any, Any],
        action: Any,
        *,
        has_panel: bool = False,
        origin: Origin | None = None,
    ) -> None:
        self.view = view
        self.shared = shared
        self.action = action
        self._has_panel = has_panel
        self._origin = origin

    @property
    def status(self) -> str:
        """``completed``."""
        return self.view.status

    @property
    def value(self) -> Any:
        """The last ``result``: what exec of the last node returned, as JSON has it."""
        return self.view.result

    @property
    def approvals(self) -> list[Approval]:
        """What was asked, in the order of asking."""
        return [Approval.of(view) for view in self.view.approvals]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by node id, all visits together."""
        total: dict[str, float] = {}
        for visit in self.view.timeline:
            spent = total.get(visit.node_id, 0.0) + (visit.duration or 0.0)
            total[visit.node_id] = round(spent, 6)
        return total

    @property
    def usage(self) -> dict[str, Usage]:
        """Tokens by node id, of those whose models told; ``view.usage`` is the sum.

        All visits and attempts together: what a failed one used is used.
        """
        return {
            node_id: node.usage
            for node_id, node in self.view.nodes.items()
            if node.usage is not None
        }

    def show(self) -> None:
        """Display the finished run in this cell.

        Raises:
            Unavailable: kgnb runs without its panel.
        """
        shown_by().again(self.view)

    def _exported(self) -> tuple[RunView, Origin | None]:
        return self.view, self._origin

    def __repr__(self) -> str:
        line = f"<kgnb.Result {self.view.workflow!r} {self.status}>"
        if self._has_panel:
            return line
        keys = ", ".join(str(key) for key in self.shared)
        return f"{line[:-1]} action={self.action!r} shared=({keys})>"
