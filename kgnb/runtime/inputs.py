"""What a ``WebSocketNode`` sends to its clients, and what it waits for.

A wait for an input is a question like any other, of kind ``input``: it stands in the
run's log, the panel shows it with a box to type in, and the log decides who was first
and whether the deadline has passed. One ``NodeInputs`` per attempt, on its loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.protocol import codec
from kgnb.runtime.formfields import schema_of_fields
from kgnb.runtime.voting import Rules

if TYPE_CHECKING:
    from kgnb.runtime.asked import Asked
    from kgnb.runtime.context import RunContext
    from kgnb.runtime.result import Answer

_SHOWN = ("options", "payload", "schema", "kind", "accept")
_RULES = ("need", "approvers", "veto")
"""Keys of an ``approval_request`` that mean what they mean to ``ask``."""


class NodeInputs:
    """The approvals that one attempt announced, and its waits."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._unread: deque[Asked] = deque()
        """Questions that no wait has read, oldest first."""
        self._opening: asyncio.Handle | None = None

    def announce(self, data: Any) -> None:
        """Open an approval whose answer the next wait gives.

        It is asked when the node next lets its loop go on: a wait that follows at
        once still gives it a deadline, and readers see one question, not two.

        Raises:
            InvalidValue: It cannot be asked so.
            Unanswerable: Nobody can answer it in this mode.
        """
        self._unread.append(self._context.prepare(**_question_of(data)))
        if self._opening is None:
            loop = asyncio.get_running_loop()
            self._opening = loop.call_soon(self.open_announced)

    def open_announced(self) -> None:
        """Ask what was announced and is not asked yet."""
        self.close()
        for asked in self._unread:
            self._context.execution.questions.open(asked)

    async def wait(
        self,
        seconds: float | None,
        default: Any,
        prompt: str | None,
        name: str | None = None,
    ) -> Answer:
        """The answer to the oldest unread approval, else the next input."""
        if self._unread:
            asked = self._unread.popleft()
        else:
            message = prompt or f"Input for {self._context.visit.node_id}"
            asked = self._context.prepare(message=message, kind="input", name=name)
        questions = self._context.execution.questions
        if seconds is not None:
            questions.expire(asked, seconds, default)
        questions.open(asked)
        self.open_announced()
        try:
            return await asked
        except asyncio.CancelledError:
            # Still open: an input that comes for it is the next wait's.
            self._unread.appendleft(asked)
            raise

    async def send_to(self, client_id: str, kind: str, data: Any) -> int:
        """Send an update to one client; no other sees it, and the log has it not.

        Returns:
            1, or 0 where the client is not connected.

        Raises:
            InvalidValue: It cannot be sent so.
        """
        # Imported late: the manager finds its run by the context, as this does.
        from kgnb.runtime.manager import manager  # noqa: PLC0415  # see above

        plain, _ = codec.json_safe(data)
        message = {"type": kind, "node_id": self._context.visit.node_id, "data": plain}
        return await manager.send_personal_message(message, client_id)

    def close(self) -> None:
        """Forget what is not asked yet: nobody will read its answer."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None


async def announce(
    message: Mapping[str, Any], *, group: str | None, topic: str | None
) -> int:
    """Send a message to a group, to a topic's subscribers, or to all clients.

    Returns:
        How many clients it reached, those included that get it when they are back.
    """
    # Imported late: the manager finds its run by the context, as this does.
    from kgnb.runtime.manager import manager  # noqa: PLC0415  # see above

    if group is not None:
        order = manager.broadcast_to_group(group, message)
    elif topic is not None:
        order = manager.publish(topic, message)
    else:
        order = manager.broadcast(message)
    reached = await order
    return reached + reached.queued


def _question_of(data: Any) -> dict[str, Any]:
    """An ``approval_request`` as the arguments of ``RunContext.prepare``.

    Keys that mean nothing here are shown with it: who approves sees all there is.
    """
    if not isinstance(data, Mapping):
        return {"message": str(data), "name": None}
    rest = dict(data)
    shown = {key: rest.pop(key) for key in _SHOWN if key in rest}
    shown["message"] = str(rest.pop("message", "Approve this?"))
    shown["name"] = rest.pop("name", None)
    shown["rules"] = Rules(**{key: rest.pop(key) for key in _RULES if key in rest})
    type_ = rest.pop("type", None)
    if "fields" in rest:
        shown["schema"] = schema_of_fields(rest.pop("fields"))
    elif type_ == "form" and "schema" not in shown:
        raise InvalidValue(
            "approval_request of type 'form': expected 'fields', a list such as "
            "[{'name': 'email', 'type': 'text', 'label': 'E-mail'}], or a 'schema'"
        )
    if rest:
        payload = shown.get("payload")
        shown["payload"] = rest if payload is None else {"payload": payload, **rest}
    return shown
