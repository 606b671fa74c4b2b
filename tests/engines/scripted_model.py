"""A chat model that says what it is told to, in pieces, with tools and thoughts."""

import re
import time
from collections.abc import Callable

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Each call gives the next of ``script``, or what it returns for the messages.

    That is a list of chunks, an exception among them where it breaks off. A chunk is a
    str, or the keywords of an ``AIMessageChunk``.
    """

    script: list | Callable
    pace: float = 0
    """Seconds before each chunk."""
    calls: list = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _next(self, messages):
        self.calls.append(messages)
        if callable(self.script):
            return self.script(messages)
        return self.script[len(self.calls) - 1]

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for piece in self._next(messages):
            if isinstance(piece, Exception):
                raise piece
            time.sleep(self.pace)
            fields = {"content": piece} if isinstance(piece, str) else piece
            chunk = ChatGenerationChunk(
                message=AIMessageChunk(**{"content": "", **fields})
            )
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        whole = None
        for chunk in self._stream(messages, stop, run_manager):
            whole = chunk if whole is None else whole + chunk
        said = whole.message
        message = AIMessage(said.content, tool_calls=said.tool_calls, id=said.id)
        return ChatResult(generations=[ChatGeneration(message=message)])


def in_words(text):
    """A text as chunks, a word each."""
    return re.findall(r"\S+\s*|\s+", text)


def thinks(text):
    """The chunks of a thought, a word each, as standard content blocks have it."""
    return [
        {"content": [{"type": "reasoning", "reasoning": word, "index": 0}]}
        for word in in_words(text)
    ]


def calls_tool(name, arguments, call_id="c1", *, index=0, pieces=2):
    """The chunks of a call of a tool, its arguments in pieces."""
    size = max(1, -(-len(arguments) // pieces))
    parts = [arguments[at : at + size] for at in range(0, len(arguments), size)] or [""]
    return [
        {
            "tool_call_chunks": [
                {
                    "name": None if number else name,
                    "args": part,
                    "id": None if number else call_id,
                    "index": index,
                    "type": "tool_call_chunk",
                }
            ]
        }
        for number, part in enumerate(parts)
    ]
