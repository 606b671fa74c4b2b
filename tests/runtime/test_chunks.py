"""What chunks of known shapes say; objects and dicts alike."""

from types import SimpleNamespace

import pytest

from kgnb.runtime.chunks import read
from kgnb.runtime.texts import Gathered, ToolCall


def chat(**delta):
    return {"choices": [{"index": 0, "delta": delta}]}


def as_object(value):
    if isinstance(value, dict):
        return SimpleNamespace(**{k: as_object(v) for k, v in value.items()})
    return [as_object(v) for v in value] if isinstance(value, list) else value


OPENAI = [
    chat(role="assistant", content=""),
    chat(reasoning_content="hm"),
    chat(content="Hel"),
    chat(content="lo"),
    chat(
        tool_calls=[
            {"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}
        ]
    ),
    chat(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
    chat(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
    {"choices": [], "usage": {"total_tokens": 3}},
]
RESPONSES = [
    {"type": "response.created"},
    {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
    {"type": "response.output_text.delta", "delta": "Hel"},
    {"type": "response.output_text.delta", "delta": "lo"},
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"type": "function_call", "name": "f", "call_id": "c1"},
    },
    {
        "type": "response.function_call_arguments.delta",
        "output_index": 1,
        "delta": '{"a":1}',
    },
    {"type": "response.completed", "response": {"usage": {"total_tokens": 3}}},
]
ANTHROPIC = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 1}}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "hm"},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hel"},
    },
    {"type": "text", "text": "Hel", "snapshot": "Hel"},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "lo"},
    },
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "c1", "name": "f"},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
    },
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end"},
        "usage": {"total_tokens": 3},
    },
    {"type": "message_stop"},
]
LANGCHAIN = [
    {
        "type": "AIMessageChunk",
        "content": "",
        "additional_kwargs": {"reasoning_content": "hm"},
    },
    {"type": "AIMessageChunk", "content": "Hel"},
    (
        {"type": "AIMessageChunk", "content": [{"type": "text", "text": "lo"}]},
        {"langgraph_node": "n"},
    ),
    {
        "type": "AIMessageChunk",
        "content": "",
        "tool_call_chunks": [{"name": "f", "args": '{"a":1}', "id": "c1", "index": 0}],
    },
    {"type": "AIMessageChunk", "content": "", "usage_metadata": {"total_tokens": 3}},
]


@pytest.mark.parametrize("make", [lambda x: x, as_object], ids=["dicts", "objects"])
@pytest.mark.parametrize(
    "chunks",
    [OPENAI, RESPONSES, ANTHROPIC, LANGCHAIN],
    ids=["openai", "responses", "anthropic", "langchain"],
)
def test_chunks_of_a_known_library_give_text_reasoning_tools_and_usage(chunks, make):
    gathered = Gathered()
    for chunk in chunks:
        made = (
            tuple(make(c) for c in chunk) if isinstance(chunk, tuple) else make(chunk)
        )
        gathered.add(read(made))
    whole = gathered.whole()
    assert whole == "Hello"
    assert whole.reasoning == "hm"
    assert whole.tool_calls == [ToolCall(name="f", arguments='{"a":1}', id="c1")]
    assert whole.usage in ({"total_tokens": 3}, SimpleNamespace(total_tokens=3))


def test_plain_text_and_none():
    assert read("a").text == "a"
    assert read(None).text == ""


@pytest.mark.parametrize("chunk", [3, {"a": 1}, object()])
def test_chunk_of_no_known_shape_says_what_would_do(chunk):
    with pytest.raises(TypeError, match="give an iterator of str"):
        read(chunk)
