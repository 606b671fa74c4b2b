"""What ``interrupt()`` was given as questions, and what is answered as its value.

Three formats of requests about tool calls are known, by their shape, and get the
buttons and the answer that their authors expect; see the classes. Anything else is
shown as it is, and its answer is the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from kgnb.engines.langgraph.values import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLES = ("message", "question", "prompt", "title", "description", "task", "query")
"""Where a payload that is a dict may say in words what it asks."""

_LONGEST = 80
"""Characters of a question in another text."""


class Card(Protocol):
    """One interrupt: what to ask, and what the answers come to."""

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The arguments of ``ask`` for each question, in order."""
        ...

    def value(self, answers: Sequence[Any]) -> Any:
        """What ``interrupt()`` is to return; each ``Answer`` in order."""
        ...


def card_of(payload: Any, schema: Any, node: str) -> Card:
    """The card for an interrupt.

    Args:
        payload: What ``interrupt()`` was given.
        schema: Its ``response_schema`` as JSON Schema, or None.
        node: Asks, where the payload has no words of its own.
    """
    if isinstance(payload, Mapping):
        if payload.get("type") == "tool_approval" and "name" in payload:
            return ToolApproval(payload, schema)
        if _is_list_of(payload.get("action_requests"), "name"):
            return Review(payload)
    requests = [payload] if isinstance(payload, Mapping) else payload
    if _is_list_of(requests, "action_request"):
        return Inbox(requests)
    return Plain(payload, schema, node)


def words_of(payload: Any, node: str) -> str:
    """What an interrupt asks, first of all, in a few words: for other texts."""
    message = str(card_of(payload, None, node).questions[0]["message"])
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"


def _is_list_of(value: Any, key: str) -> bool:
    is_list = isinstance(value, list | tuple) and bool(value)
    return is_list and all(isinstance(v, Mapping) and key in v for v in value)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


class Plain:
    """Any payload. Its ``options``, or its schema, say what may be answered.

    Words and options of a dict are shown as such, and the rest of it below them.
    """

    def __init__(self, payload: Any, schema: Any, node: str) -> None:
        self.questions = [self._question(payload, schema, node)]

    def value(self, answers: Sequence[Any]) -> Any:
        """The answer itself."""
        return answers[0].value

    @staticmethod
    def _question(payload: Any, schema: Any, node: str) -> dict[str, Any]:
        message = f"{node} asks"
        options = None
        if isinstance(payload, str):
            message, payload = payload, None
        elif isinstance(payload, Mapping):
            rest = dict(payload)
            title = next((t for t in _TITLES if _is_words(payload.get(t))), None)
            if title is not None:
                message = rest.pop(title)
            listed = payload.get("options")
            if schema is None and isinstance(listed, list) and listed:
                options = rest.pop("options")
            payload = rest or None
        shown = {"message": message, "payload": plain(payload)}
        if schema is not None:
            return {**shown, "schema": schema}
        if options is not None:
            return {**shown, "options": [plain(option) for option in options]}
        return {**shown, "kind": "input"}  # text from people, any JSON from programs


class _Calls:
    """Requests about tool calls: each has its buttons, and its arguments to edit."""

    approve = "approve"

    def __init__(self, calls: list[tuple[str, Any, Any, list[str]]]) -> None:
        self._calls = calls
        self.questions = [_about_call(*call) for call in calls]

    def decisions(self, answers: Sequence[Any]) -> Iterator[tuple[str, str, Any, str]]:
        """Of each: the button, the tool's name, its arguments, and the reason."""
        for (name, args, _, _), answer in zip(self._calls, answers, strict=True):
            button = answer.value
            if answer.edited:
                args = answer.payload  # noqa: PLW2901 - as they were changed
                # Who changes the arguments and approves means the changed ones.
                button = "edit" if button == self.approve else button
            yield button, name, args, answer.reason or ""


def _about_call(
    name: str, args: Any, description: Any, buttons: list[str]
) -> dict[str, Any]:
    message = str(description or f"Run {name}?")
    said = message.removesuffix(f"\n\nTool: {name}\nArgs: {args}")
    if said != message:  # LangChain's own words; the call itself is shown below them
        message = f"{said}: {name}"
    question = {"message": message, "options": buttons}
    if "edit" in buttons and args is not None:
        return {**question, "kind": "edit", "payload": plain(args)}
    return {**question, "payload": {"name": name, "args": plain(args)}}


class Inbox(_Calls):
    """Agent Inbox's ``HumanInterrupt``, one or a list, answered by a list."""

    approve = "accept"

    def __init__(self, requests: Sequence[Mapping[str, Any]]) -> None:
        super().__init__([self._call(request) for request in requests])

    @staticmethod
    def _call(request: Mapping[str, Any]) -> tuple[str, Any, Any, list[str]]:
        action = request["action_request"]
        config = request.get("config") or {}
        buttons = [
            button
            for button in ("accept", "edit", "respond", "ignore")
            if config.get(f"allow_{button}")
        ]
        name, args = str(action.get("action", "")), action.get("args")
        return name, args, request.get("description"), buttons or ["accept"]

    def value(self, answers: Sequence[Any]) -> list[dict[str, Any]]:
        """``[{type: accept, edit, response or ignore; args}]``."""
        return [self._decision(*each) for each in self.decisions(answers)]

    @staticmethod
    def _decision(button: str, name: str, args: Any, reason: str) -> dict[str, Any]:
        if button == "respond":
            return {"type": "response", "args": reason}
        if button == "ignore":
            return {"type": "ignore", "args": None}
        return {"type": button, "args": {"action": name, "args": args}}


class Review(_Calls):
    """``HITLRequest`` of LangChain's human-in-the-loop middleware."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        configs = request.get("review_configs") or ()
        allowed = {c.get("action_name"): c.get("allowed_decisions") for c in configs}
        super().__init__(
            [
                (
                    str(action["name"]),
                    action.get("args", action.get("arguments")),
                    action.get("description"),
                    list(allowed.get(action["name"]) or ("approve", "reject")),
                )
                for action in request["action_requests"]
            ]
        )

    def value(self, answers: Sequence[Any]) -> Any:
        """``{decisions}``, in the order of the requests."""
        return {"decisions": [_decision(*each) for each in self.decisions(answers)]}


class ToolApproval(Review):
    """The same of one call, answered by one decision, as its schema allows."""

    def __init__(self, request: Mapping[str, Any], schema: Any) -> None:
        allowed = list(_types_in(schema)) or None
        action = {"action_name": request["name"], "allowed_decisions": allowed}
        super().__init__({"action_requests": [request], "review_configs": [action]})

    def value(self, answers: Sequence[Any]) -> Any:
        """One decision."""
        return super().value(answers)["decisions"][0]


def _decision(button: str, name: str, args: Any, reason: str) -> dict[str, Any]:
    if button == "edit":
        return {"type": "edit", "edited_action": {"name": name, "args": args}}
    if button in ("reject", "respond") and (reason or button == "respond"):
        return {"type": button, "message": reason}
    return {"type": button}


def _types_in(schema: Any) -> Iterator[str]:
    """The ``type`` of each decision that a ``response_schema`` takes.

    The schema of the tool's own arguments is in there too, and may know such words.
    """
    schema = schema if isinstance(schema, Mapping) else {}
    for branch in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        name = branch.get("$ref", "").rpartition("/")[2]
        decision = schema.get("$defs", {}).get(name, branch)
        kind = decision.get("properties", {}).get("type", {})
        yield from [kind["const"]] if "const" in kind else kind.get("enum", ())
