"""Questions for several people, or for named ones: their rules, and who counts.

The broker counts; see ``kgnb.broker.voting``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import ApprovalCancelled, InvalidValue, Unanswerable, Undecided
from kgnb.protocol import codec, ids

if TYPE_CHECKING:
    from kgnb.protocol import events as e

MOST = 1000
"""Voters that a question may need."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """``need=``, ``approvers=`` and ``veto=`` of a question, as they were given."""

    need: int = 1
    approvers: Sequence[str] | None = None
    veto: Any = None

    @property
    def count_people(self) -> bool:
        """Whether it matters who answers."""
        return self.need != 1 or self.approvers is not None

    def apply(self, data: e.ApprovalData) -> None:
        """Write them into a question.

        They are part of what its hash is of: a vote is one under the rules shown.

        Raises:
            InvalidValue: It cannot be voted on so.
        """
        text = f"ask({data.message!r})"
        if type(self.need) is not int or not 1 <= self.need <= MOST:
            raise InvalidValue(
                f"{text}: need={self.need!r}: expected a number of people from 1 to "
                f"{MOST}"
            )
        approvers = self._approvers(text)
        veto = self._veto(text, data)
        is_fixed = data.kind == "confirm" or (
            data.kind == "choice" and data.options is not None
        )
        if self.need > 1 and not is_fixed:
            raise InvalidValue(
                f"{text}: need={self.need}: people agree by choosing the same option; "
                f"give options=, or kind='confirm'"
            )
        data.need, data.approvers, data.veto = self.need, approvers, veto
        if self.count_people:
            data.args_hash = ids.args_hash(
                data.message,
                data.options,
                data.schema,
                data.payload,
                [self.need, approvers, veto],
            )

    def _approvers(self, text: str) -> list[str] | None:
        given = self.approvers
        if given is None:
            return None
        is_list = isinstance(given, Sequence) and not isinstance(given, str)
        if not is_list or not all(isinstance(name, str) and name for name in given):
            raise InvalidValue(
                f"{text}: approvers={given!r}: expected a list of user names"
            )
        names = list(dict.fromkeys(given))
        if len(names) < self.need or not names:
            raise InvalidValue(
                f"{text}: need={self.need} of approvers={names!r}: these are too few"
            )
        return names

    def _veto(self, text: str, data: e.ApprovalData) -> list[Any] | None:
        if self.veto is None:
            return None
        if self.need == 1:
            raise InvalidValue(
                f"{text}: veto={self.veto!r} without need= above 1: every answer "
                f"decides by itself"
            )
        given = self.veto if isinstance(self.veto, list | tuple) else [self.veto]
        known = [True, False] if data.kind == "confirm" else data.options or []
        veto = [codec.json_safe(each)[0] for each in given]
        if not veto or not all(_is_among(known, each) for each in veto):
            options = ", ".join(repr(each) for each in known)
            raise InvalidValue(
                f"{text}: veto={self.veto!r}: expected one or some of {options}"
            )
        return veto


ANYBODY = Rules()
"""One answer, of whoever may answer."""


def nobody_counts(data: e.ApprovalData, *, log_host: str) -> Unanswerable:
    """Why a question for several or named people cannot be asked, and what would help.

    Args:
        data: The question.
        log_host: ``server`` or ``kernel``: who would count.
    """
    if log_host == "kernel":
        why = (
            "this run's log is in the kernel, to which nobody signs in. Start the "
            "kernel from a Jupyter server that has kgnb and whose users have names "
            "of their own: JupyterHub, or an identity provider with users"
        )
    else:
        why = (
            "this server's login makes everybody the same user. Use JupyterHub, or "
            "set c.ServerApp.identity_provider_class to a provider with users"
        )
    asked = "approvers=" if data.approvers else f"need={data.need}"
    return Unanswerable(
        f"ask({data.message!r}): {asked} counts people, and nobody can be told apart "
        f"here: {why}. A script decides alone: run(..., "
        f"answers={{{data.message!r}: ...}})"
    )


def cancelled_error(data: e.ApprovalData, decided: e.ResolvedData) -> ApprovalCancelled:
    """What whoever waits for a question gets when it was closed with no answer."""
    text = f"ask({data.message!r})"
    reason = f": {decided.reason}" if decided.reason else ""
    if decided.by is not None and decided.by.via == "votes":
        return Undecided(f"{text} was not decided{reason}", votes=decided.votes or [])
    return ApprovalCancelled(f"{text} was cancelled{reason}")


def _is_among(known: Sequence[Any], value: Any) -> bool:
    # In JSON true is not 1, as it is in Python.
    return any(
        each == value and isinstance(each, bool) == isinstance(value, bool)
        for each in known
    )
