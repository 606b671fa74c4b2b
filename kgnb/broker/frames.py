"""From a stored event to the frames that its readers get, each made once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.broker.peer import OutFrame
from kgnb.protocol.codec import with_seq

if TYPE_CHECKING:
    from kgnb.protocol.ids import RunId

_COMMON = frozenset(
    {
        "type",
        "run_id",
        "workflow_id",
        "workflow",
        "seq",
        "timestamp",
        "node_id",
        "task_id",
        "attempt",
        "path",
    }
)


class _Call(msgspec.Struct):
    number: int


class _Facts(msgspec.Struct):
    """As much of an event as delivery needs to know."""

    type: str
    node_id: str = ""
    stream: str = ""
    kind: str = "text"
    call: _Call | None = None
    progress: float | None = None
    data: msgspec.Raw = msgspec.Raw()


class _Bar(msgspec.Struct):
    item: str | None = None
    track: str | None = None


_facts = msgspec.json.Decoder(_Facts)
_bar = msgspec.json.Decoder(_Bar)


class StoredEvent:
    """One event of a run, as the log has it; made where somebody reads it.

    ``frame`` is for a ``kgnb.v1`` client.
    """

    def __init__(self, run_id: RunId, seq: int, payload: bytes) -> None:
        facts = _facts.decode(payload)
        self.run_id = run_id
        self.seq = seq
        self.payload = payload
        self.type = facts.type
        self._merge_key = _merge_key(run_id, facts)
        self.frame = self._frame(payload)

    def _frame(self, payload: bytes) -> OutFrame:
        whole = with_seq(payload, self.seq, self.run_id)
        return OutFrame(whole, self.type, self._merge_key, self.seq, self.run_id)

    @cached_property
    def document_frame(self) -> OutFrame:
        """For a client of the documents: every event carries ``data``."""
        fields: dict[str, Any] = msgspec.json.decode(self.payload)
        if "data" in fields:
            return self.frame
        own = {key: value for key, value in fields.items() if key not in _COMMON}
        return self._frame(msgspec.json.encode({**fields, "data": own}))


def _merge_key(run_id: RunId, facts: _Facts) -> tuple[str, ...] | None:
    if facts.type == "token":
        call = "" if facts.call is None else str(facts.call.number)
        return ("token", run_id, facts.stream, facts.kind, call)
    if facts.type == "progress":
        bar = _bar.decode(facts.data)
        place = (repr(bar.item), repr(bar.track))
        return ("progress", run_id, facts.node_id, *place)
    if facts.type == "node_update" and facts.progress is not None:
        return ("node_update", run_id, facts.node_id)
    return None
