"""A recorded reply in the words of OpenAI's chat completions; no I/O and no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.runtime.chunks import read
from kgnb.runtime.texts import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgnb.runtime.cassette import Recording
    from kgnb.runtime.texts import StreamText

_FIELDS = {"text": "content", "reasoning": "reasoning_content"}
"""Of a delta, by the kind of text."""


def label(recording: Recording) -> str:
    """What stands in the place of a model: nobody shall take it for live output."""
    return f"recorded from {recording.model or 'a model'}"


class Completion:
    """One answer with a recording.

    Args:
        recording: What is answered.
        answer_id: The answer's.
        created: When, in seconds since 1970.
    """

    def __init__(self, recording: Recording, answer_id: str, created: int) -> None:
        self._recording = recording
        self._head = {
            "id": answer_id,
            "created": created,
            "model": label(recording),
        }

    def chunks(self, *, tells_usage: bool) -> Iterator[tuple[float, dict[str, Any]]]:
        """Each chunk, and when it is due: in seconds since the request.

        Args:
            tells_usage: Whether a last one says what was spent.
        """
        gathered = Gathered()
        at = 0.0
        yield at, self._chunk({"role": "assistant", "content": ""})
        for at, event in self._recording.events:
            for part in gathered.add(read(event)):
                if part.kind in _FIELDS:
                    yield at, self._chunk({_FIELDS[part.kind]: part.text})
        for part in gathered.rest():
            if part.kind in _FIELDS:
                yield at, self._chunk({_FIELDS[part.kind]: part.text})
        # Whole, each: clients put pieces of one together in ways of their own.
        for index, call in enumerate(_calls(gathered.whole())):
            yield at, self._chunk({"tool_calls": [{"index": index} | call]})
        yield at, self._chunk({}, self._finish(gathered))
        if tells_usage:
            yield at, self._chunk(None) | {"usage": self._usage(gathered)}

    def whole(self) -> dict[str, Any]:
        """All of it at once."""
        gathered = Gathered()
        for _, event in self._recording.events:
            gathered.add(read(event))
        gathered.rest()
        text = gathered.whole()
        message: dict[str, Any] = {"role": "assistant", "content": str(text)}
        if text.reasoning:
            message["reasoning_content"] = text.reasoning
        if text.tool_calls:
            message["tool_calls"] = _calls(text)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._finish(gathered),
        }
        usage = self._usage(gathered)
        told = {"object": "chat.completion", "choices": [choice], "usage": usage}
        return self._head | told

    def duration(self) -> float:
        """Seconds that the model took."""
        return self._recording.events[-1][0] if self._recording.events else 0.0

    def _chunk(
        self, delta: dict[str, Any] | None, finish: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        choices = [] if delta is None else [choice]
        return self._head | {"object": "chat.completion.chunk", "choices": choices}

    def _finish(self, gathered: Gathered) -> str:
        if self._recording.finish:
            return self._recording.finish
        return "tool_calls" if gathered.whole().tool_calls else "stop"

    def _usage(self, gathered: Gathered) -> dict[str, int]:
        """What was told then; else a token for each piece, and none for the prompt."""
        told = gathered.usage
        asked = told.input_tokens if told else 0
        said = told.output_tokens if told else len(self._recording.events)
        return {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
        }


def _calls(text: StreamText) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(text.tool_calls, 1)
    ]
