"""The same reply in the words of each API: thought, text, two tool calls, usage.

``reply(...)`` of each gives the bytes that a server sends.
"""

from typing import ClassVar

from model_server import sse

THOUGHT = ["let me ", "think… "]
TEXT = ["Zwölf ", "Boote 🛶", " auf ", "dem 湖."]
CALLS = [("search", ['{"q":', '"ti', 'des"}']), ("clock", ["{}"])]


class Chat:
    """OpenAI's chat completions, and whoever speaks like them."""

    @staticmethod
    def chunk(finish=None, **delta):
        return {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "small",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    USAGE: ClassVar = {
        "prompt_tokens": 412,
        "completion_tokens": 96,
        "total_tokens": 508,
        "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }

    @classmethod
    def reply(cls, *, thought=(), text=TEXT, calls=(), usage=True):
        events = [cls.chunk(role="assistant", content="")]
        events += [cls.chunk(reasoning_content=piece) for piece in thought]
        events += [cls.chunk(content=piece) for piece in text]
        for index, (name, arguments) in enumerate(calls):
            for at, piece in enumerate(["", *arguments]):
                function = {"arguments": piece}
                call = {"index": index, "function": function}
                if at == 0:
                    function["name"] = name
                    call |= {"id": f"call-{index}", "type": "function"}
                events.append(cls.chunk(tool_calls=[call]))
        events.append(cls.chunk("tool_calls" if calls else "stop"))
        if usage:
            events.append({**cls.chunk(), "choices": [], "usage": cls.USAGE})
        return sse(*events, done=True)

    ERROR = sse({"error": {"message": "out of memory", "type": "server_error"}})

    @classmethod
    def begin(cls):
        return sse(*(cls.chunk(content=piece) for piece in TEXT[:2]))


class Responses:
    """OpenAI's responses API."""

    USAGE: ClassVar = {
        "input_tokens": 412,
        "output_tokens": 96,
        "total_tokens": 508,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens_details": {"reasoning_tokens": 20},
    }

    @staticmethod
    def _response(status, **more):
        return {
            "id": "r1",
            "object": "response",
            "created_at": 1,
            "model": "small",
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "status": status,
            "error": None,
            **more,
        }

    @classmethod
    def reply(cls, *, thought=(), text=TEXT, calls=(), usage=True):
        events = [cls._created()]
        events += cls._reasoning(thought) if thought else []
        events += cls._message(text, at=len(events) > 1)
        for number, (name, arguments) in enumerate(calls, 1 + (len(thought) > 0)):
            item = {
                "type": "function_call",
                "id": f"f{number}",
                "call_id": f"call-{[name for name, _ in calls].index(name)}",
                "name": name,
                "arguments": "",
                "status": "in_progress",
            }
            at = {"output_index": number}
            events.append({"type": "response.output_item.added", **at, "item": item})
            what = "response.function_call_arguments"
            where = {**at, "item_id": item["id"]}
            events += [
                {"type": f"{what}.delta", **where, "delta": piece}
                for piece in arguments
            ]
            whole = "".join(arguments)
            events.append({"type": f"{what}.done", **where, "arguments": whole})
            item = {**item, "arguments": whole, "status": "completed"}
            events.append({"type": "response.output_item.done", **at, "item": item})
        more = {"usage": cls.USAGE} if usage else {}
        done = cls._response("completed", **more)
        events.append({"type": "response.completed", "response": done})
        return cls._numbered(events)

    @classmethod
    def _created(cls):
        return {"type": "response.created", "response": cls._response("in_progress")}

    @staticmethod
    def _numbered(events):
        return sse(*({**e, "sequence_number": n} for n, e in enumerate(events)))

    @staticmethod
    def _reasoning(thought):
        item = {"type": "reasoning", "id": "t1", "summary": []}
        where = {"output_index": 0, "item_id": "t1", "summary_index": 0}
        what = "response.reasoning_summary"
        part = {"type": "summary_text", "text": ""}
        return [
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": f"{what}_part.added", **where, "part": part},
            *({"type": f"{what}_text.delta", **where, "delta": t} for t in thought),
            {"type": f"{what}_text.done", **where, "text": "".join(thought)},
        ]

    @staticmethod
    def _message(text, *, at):
        item = {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        at = {"output_index": int(at)}
        where = {**at, "item_id": "m1", "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": []}
        deltas = [
            {
                "type": "response.output_text.delta",
                **where,
                "delta": piece,
                "logprobs": [],
            }
            for piece in text
        ]
        return [
            {"type": "response.output_item.added", **at, "item": item},
            {"type": "response.content_part.added", **where, "part": part},
            *deltas,
        ]

    @classmethod
    def begin(cls):
        return cls._numbered([cls._created(), *cls._message(TEXT[:2], at=0)])

    ERROR = sse(
        {
            "type": "response.failed",
            "sequence_number": 9,
            "response": {
                "id": "r1",
                "object": "response",
                "created_at": 1,
                "model": "small",
                "output": [],
                "parallel_tool_calls": True,
                "tool_choice": "auto",
                "tools": [],
                "status": "failed",
                "error": {"code": "server_error", "message": "out of memory"},
            },
        }
    )


class Messages:
    """Anthropic's messages. What a cache gave is counted beside the input."""

    USAGE: ClassVar = {
        "input_tokens": 312,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 0,
    }

    @classmethod
    def reply(cls, *, thought=(), text=TEXT, calls=(), usage=True):
        events = [cls._start()]
        index = 0
        if thought:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": t} for t in thought]
            events += cls._block(index, block, deltas)
            index += 1
        deltas = [{"type": "text_delta", "text": piece} for piece in text]
        events += cls._block(index, {"type": "text", "text": ""}, deltas)
        for number, (name, arguments) in enumerate(calls):
            block = {
                "type": "tool_use",
                "id": f"call-{number}",
                "name": name,
                "input": {},
            }
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in arguments
            ]
            events += cls._block(index + 1 + number, block, deltas)
        stop = "tool_use" if calls else "end_turn"
        events += [
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {**cls.USAGE, "output_tokens": 96},
            },
            {"type": "message_stop"},
        ]
        return sse(*events)

    @classmethod
    def _start(cls):
        return {
            "type": "message_start",
            "message": {
                "id": "m1",
                "type": "message",
                "role": "assistant",
                "model": "small",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {**cls.USAGE, "output_tokens": 1},
            },
        }

    @staticmethod
    def _block(index, block, deltas):
        at = {"index": index}
        return [
            {"type": "content_block_start", **at, "content_block": block},
            *({"type": "content_block_delta", **at, "delta": d} for d in deltas),
            {"type": "content_block_stop", **at},
        ]

    @classmethod
    def begin(cls):
        deltas = [{"type": "text_delta", "text": piece} for piece in TEXT[:2]]
        block = cls._block(0, {"type": "text", "text": ""}, deltas)
        return sse(cls._start(), *block[:-1])

    ERROR = sse(
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "out of memory"},
        }
    )
