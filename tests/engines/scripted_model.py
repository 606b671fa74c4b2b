"""A chat model that says what it is told to, in pieces, with tools and thoughts."""

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Each call gives the next of ``script``: a list of chunks, or an exception.

    A chunk is a str, or the keywords of an ``AIMessageChunk``.
    """

    script: list
    calls: list = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _next(self, messages):
        self.calls.append(messages)
        return self.script[len(self.calls) - 1]

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for piece in self._next(messages):
            if isinstance(piece, Exception):
                raise piece
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


def calls_tool(name, arguments, call_id="c1"):
    """The chunks of a call of a tool, its arguments in pieces."""
    half = len(arguments) // 2
    pieces = [(name, arguments[:half], call_id), (None, arguments[half:], None)]
    return [
        {
            "tool_call_chunks": [
                {
                    "name": n,
                    "args": args,
                    "id": i,
                    "index": 0,
                    "type": "tool_call_chunk",
                }
            ]
        }
        for n, args, i in pieces
    ]
