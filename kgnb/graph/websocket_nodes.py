"""Ready nodes for one person: a chat, a batch with its progress, a review in steps."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

import msgspec

from kgnb.graph.async_nodes import settle
from kgnb.graph.context import current_context
from kgnb.graph.spec import label_of
from kgnb.graph.websocket import WebSocketNode, entry_of


class ChatWebSocketNode(WebSocketNode):
    """A conversation: waits for a message, streams a reply, waits for the next one.

    Subclasses override ``reply(messages)``. The conversation is
    ``shared["messages"]``; one whose last message is a user's is answered first. It
    ends when a client sends ``end_chat``, or when nobody has said anything for
    ``idle_timeout``. Published with ``input="messages"`` it is kept with each reply:
    the next message of the session begins a run that goes on from there.

    A reply that fails is no part of it. The next attempt answers the same message
    again, and none before it.

    Sends ``chat_ready``; for each reply ``typing``, the tokens, ``message`` and
    ``typing``; ``timeout`` at the end of the patience. The result is
    ``{messages_exchanged, conversation}``, of the attempt that came to the end.

    Args:
        args: See ``WebSocketNode``.
        idle_timeout: Seconds; None waits for ever. Left away, the class's.
        settings: See ``WebSocketNode``.
    """

    greeting: str = "Connected to chat. Send a message to begin."
    idle_timeout: float | None = 300.0
    """Seconds; None waits for ever."""

    def __init__(
        self,
        *args: Any,
        idle_timeout: float | msgspec.UnsetType | None = msgspec.UNSET,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        if idle_timeout is not msgspec.UNSET:
            self.idle_timeout = idle_timeout

    def reply(self, messages: list[dict[str, Any]]) -> Any:
        """Answer the conversation, whose last message is the user's.

        Override it as an async generator of texts or of a model client's chunks, or
        as a coroutine that returns a text, or such a stream.
        """
        del messages
        msg = (
            f"{label_of(self)}: override reply(self, messages) to say who answers: an "
            "async generator of texts, or a coroutine that returns a text or a "
            "model's stream"
        )
        raise NotImplementedError(msg)

    async def prep_async(self, shared: Any) -> Any:
        """The conversation so far; there is one afterwards."""
        return shared.setdefault("messages", [])

    async def exec_async(self, prep_res: list[dict[str, Any]]) -> dict[str, Any]:
        """Talk until somebody ends it."""
        messages = prep_res
        start = len(messages)
        await self.send_update("chat_ready", {"message": self.greeting, "system": True})
        if messages and messages[-1].get("role") == "user":
            await self._answer(messages)
        while (text := await self._next_message(len(messages))) is not None:
            messages.append({"role": "user", "content": text})
            await self._answer(messages)
        return {
            "messages_exchanged": len(messages) - start,
            "conversation": list(messages),
        }

    async def _next_message(self, position: int) -> Any:
        """What the user says; None at the end.

        The wait is named after the message's place, not counted: a later attempt
        begins in the middle, and must hear no message again.
        """
        name = f"message {position + 1}"
        while True:
            answer = await self._receive(
                self.idle_timeout, prompt="Your message", name=name
            )
            if answer.outcome == "timed_out":
                text = f"nobody has said anything for {self.idle_timeout:g} s"
                await self.send_update("timeout", {"message": text})
                return None
            match answer.value:
                case {"type": "end_chat"}:
                    return None
                case {"content": said} | {"message": said} | str(said):
                    if said is not None:
                        return said
            name += "'"  # whatever else clients send is no message

    async def _answer(self, messages: list[dict[str, Any]]) -> None:
        await self.send_update("typing", {"status": True})
        try:
            source = self.reply(messages)
            if inspect.isawaitable(source):
                source = await source
            text = source if isinstance(source, str) else await self._show(source)
            # A str of its own class, as a stream's, is a plain one on the way out.
            said = {"role": "assistant", "content": str(text)}
            messages.append(said)
            context = current_context.get()
            if context is not None:
                context.tell_step()  # first: who has read the reply finds it kept
            await self.send_update("message", said)
        finally:
            await self.send_update("typing", {"status": False})

    async def _show(self, source: Any) -> str:
        """Stream a reply as it is made."""
        context = current_context.get()
        if context is not None and self.client_id is None:
            return str(await context.stream(source, name=None))
        pieces: list[str] = []
        if not isinstance(source, AsyncIterable):
            source = _each(source)
        async for piece in source:
            pieces.append(str(piece))
            await self.send_update("token", pieces[-1])
        return "".join(pieces)


async def _each(source: Iterable[Any]) -> Any:
    for piece in source:
        yield piece


class ProgressWebSocketNode(WebSocketNode):
    """Works through ``shared["items"]`` one by one and says how far it is.

    Subclasses override ``process(item)``, sync or async. For each item it sends
    ``progress`` and ``item_completed``. The result is ``{items_processed, results}``.
    """

    async def process(self, item: Any) -> Any:
        """Do the work of one item; its value is the item's result."""
        return item

    async def prep_async(self, shared: Any) -> Any:
        """The items.

        Raises:
            InvalidValue: There are none.
        """
        return entry_of(self, shared, "items", "what to work through")

    async def exec_async(self, prep_res: Iterable[Any]) -> dict[str, Any]:
        """Process each item and tell of it."""
        listed = list(prep_res)
        results = []
        for number, item in enumerate(listed, 1):
            result = await settle(self.process(item))
            results.append(result)
            done = {
                "percent": number / len(listed) * 100,
                "current": number,
                "total": len(listed),
                "message": f"Processed {number} of {len(listed)}",
            }
            await self.send_update("progress", done)
            await self.send_update("item_completed", {"item": item, "result": result})
        return {"items_processed": len(results), "results": results}


class InteractiveWebSocketNode(WebSocketNode):
    """Shows ``shared["data"]``, asks to approve, modify or reject it, then works on it.

    Subclasses override ``process(data)``, and where they want ``fields(data)``. Sends
    ``interactive_step`` for each of its steps and an ``approval_request`` for each
    question. The result has a ``status``: ``completed`` (with ``data`` and
    ``result``), ``rejected`` or ``timeout``; the last two are its action as well, so
    that what follows by ``default`` works on nothing that nobody approved.
    """

    question: str = "Go on with this data?"
    confirm_timeout: float | None = 60.0
    """Seconds for the decision; None waits for ever."""
    form_timeout: float | None = 120.0
    """Seconds for the form."""

    def fields(self, data: Any) -> list[dict[str, Any]]:
        """The fields of the form that modifies the data: one for each plain entry."""
        types = {bool: "boolean", int: "integer", float: "number", str: "text"}
        return [
            {"name": key, "type": types[type(value)], "label": key, "default": value}
            for key, value in (data.items() if isinstance(data, Mapping) else ())
            if type(value) in types
        ]

    async def process(self, data: Any) -> Any:
        """Work on the approved data; sync or async."""
        return data

    async def prep_async(self, shared: Any) -> Any:
        """The data.

        Raises:
            InvalidValue: There are none.
        """
        return entry_of(self, shared, "data", "what to review")

    async def exec_async(self, prep_res: Any) -> dict[str, Any]:
        """Review, work, show."""
        await self._step(1, "Review", "Review the data before it is used", prep_res)
        decision, data = await self._review(prep_res)
        if decision != "approve":
            status = "rejected" if decision == "reject" else "timeout"
            return {"status": status, "step": 1}
        await self._step(2, "Process", "Working on the data", None)
        result = await settle(self.process(data))
        await self._step(3, "Results", "What came out", result)
        return {"status": "completed", "data": data, "result": result}

    async def post_async(self, shared: Any, prep_res: Any, exec_res: Any) -> str | None:
        """Take another way where nothing was approved."""
        del shared, prep_res
        status: str = exec_res["status"]
        return None if status == "completed" else status

    async def _review(self, data: Any) -> tuple[str | None, Any]:
        """The decision, None where nobody took one in time; and the data after it."""
        fields = self.fields(data)
        options = ["approve", "modify", "reject"] if fields else ["approve", "reject"]
        asked = {"message": self.question, "options": options, "payload": data}
        await self.send_update("approval_request", asked)
        decision = await self.wait_for_input(timeout=self.confirm_timeout)
        if decision != "modify":
            return decision, data
        form = {"type": "form", "message": "Modify the data", "fields": fields}
        await self.send_update("approval_request", form)
        changes = await self.wait_for_input(timeout=self.form_timeout)
        if changes is None:
            return None, data
        is_dict = isinstance(data, Mapping)
        return "approve", {**data, **changes} if is_dict else changes

    async def _step(self, number: int, title: str, text: str, data: Any) -> None:
        step = {"number": number, "title": title, "description": text, "data": data}
        await self.send_update("interactive_step", step)
