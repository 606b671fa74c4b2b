"""The real client libraries, fed by a server that speaks their APIs."""

import contextlib
import os
import threading
import time
import warnings

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = (
    "True"  # else it asks the network at import
)

import anthropic
import httpx
import openai
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from model_dialects import CALLS, TEXT, THOUGHT, Chat, Messages, Responses
from model_server import WAIT, ModelServer, cut

import kgnb
from kgnb.errors import RunCancelled, StreamBroken
from kgnb.runtime import run, stream
from kgnb.runtime.texts import ToolCall

with warnings.catch_warnings():
    # Of pydantic, when it first makes sense of LiteLLM's types; no call of ours.
    warnings.simplefilter("ignore")
    import litellm

    litellm.ModelResponse()
    litellm.ModelResponseStream()

HI = [{"role": "user", "content": "hi"}]
FULL = {"thought": THOUGHT, "calls": CALLS}


@pytest.fixture
def server():
    server = ModelServer()
    yield server
    server.stop()


def openai_client(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0)


def openai_client_async(url):
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0)


def anthropic_client(url):
    return anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)


def anthropic_client_async(url):
    return anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0)


def chat_openai(url, **more):
    return ChatOpenAI(
        model="small", base_url=f"{url}/v1", api_key="x", max_retries=0, **more
    )


def chat_anthropic(url):
    return ChatAnthropic(
        model="small",
        base_url=url,
        api_key="x",
        max_retries=0,
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
    )


CHAT = {"model": "small", "messages": HI}
SAID = {**CHAT, "stream": True}
ASKED = {"model": "small", "input": "hi"}
LONG = {"max_tokens": 500}


class Way:
    """One way to stream: its dialect, and its sync and async sources."""

    def __init__(self, dialect, sync, async_, *, shows_thought=True):
        self.dialect = dialect
        self.open = contextlib.contextmanager(sync)
        self.open_async = contextlib.asynccontextmanager(async_)
        self.shows_thought = shows_thought


def of_client(dialect, make, make_async, ask, **more):
    """A way through a client that is closed in the end; ``ask`` may be a coroutine."""

    def sync(url):
        with make(url) as client:
            yield ask(client)

    async def async_(url):
        async with make_async(url) as client:
            asked = ask(client)
            yield await asked if hasattr(asked, "__await__") else asked

    return Way(dialect, sync, async_, **more)


def of_openai(dialect, ask):
    return of_client(dialect, openai_client, openai_client_async, ask)


def of_anthropic(ask):
    return of_client(Messages, anthropic_client, anthropic_client_async, ask)


def of_langchain_openai(dialect, **more):
    def sync(url):
        with httpx.Client() as http:
            yield chat_openai(url, http_client=http, **more).stream("hi")

    async def async_(url):
        async with httpx.AsyncClient() as http:
            model = chat_openai(url, http_async_client=http, **more)
            yield model.astream("hi")

    # Of the chat API it drops what the API's own text does not name.
    return Way(dialect, sync, async_, shows_thought=dialect is Responses)


def of_langchain_anthropic():
    def sync(url):
        yield chat_anthropic(url).stream("hi")

    async def async_(url):
        yield chat_anthropic(url).astream("hi")

    return Way(Messages, sync, async_)


def of_litellm():
    def asked(url):
        usage = {"stream_options": {"include_usage": True}}
        how = {"api_base": f"{url}/v1", "api_key": "x", "max_retries": 0, **usage}
        return {**SAID, "model": "openai/small", **how}

    def sync(url):
        with openai_client(url) as client:
            yield litellm.completion(**asked(url), client=client)

    async def async_(url):
        async with openai_client_async(url) as client:
            yield await litellm.acompletion(**asked(url), client=client)

    return Way(Chat, sync, async_)


WAYS = {
    "openai-chat": of_openai(Chat, lambda c: c.chat.completions.create(**SAID)),
    "openai-chat-helper": of_openai(Chat, lambda c: c.chat.completions.stream(**CHAT)),
    "openai-responses": of_openai(
        Responses, lambda c: c.responses.create(**ASKED, stream=True)
    ),
    "openai-responses-helper": of_openai(
        Responses, lambda c: c.responses.stream(**ASKED)
    ),
    "anthropic": of_anthropic(lambda c: c.messages.create(**SAID, **LONG)),
    "anthropic-helper": of_anthropic(lambda c: c.messages.stream(**CHAT, **LONG)),
    "langchain-openai": of_langchain_openai(Chat, stream_usage=True),
    "langchain-responses": of_langchain_openai(Responses, use_responses_api=True),
    "langchain-anthropic": of_langchain_anthropic(),
    "litellm": of_litellm(),
}
# LiteLLM calls what pydantic deprecates.
of_litellms_own = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_:DeprecationWarning", "ignore:.*ReadOnly:UserWarning"
)
every_way = pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=name, marks=of_litellms_own if name == "litellm" else ())
        for name, way in WAYS.items()
    ],
)
both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def talker(way, url, is_async, through=lambda source: source):
    """A node that streams and keeps what it got."""

    class Sync(kgnb.Node):
        def exec(self, _):
            with way.open(url) as source:
                return stream(through(source), name="draft").result()

        def post(self, shared, _, text):
            shared["text"] = text

    class Async(kgnb.AsyncNode):
        async def exec_async(self, _):
            async with way.open_async(url) as source:
                return await stream(through(source), name="draft")

        async def post_async(self, shared, _, text):
            shared["text"] = text

    return Async() if is_async else Sync()


def shown(result):
    return [(s.kind, s.tool, s.text, s.final) for s in result.view.streams]


@every_way
@both
def test_client_gives_text_thought_calls_and_usage_apart(server, way, is_async):
    server.says(*cut(way.dialect.reply(**FULL), 7))  # characters fall apart
    result = run(talker(way, server.url, is_async)).result(20)
    text = result.shared["text"]
    thought = "".join(THOUGHT) if way.shows_thought else ""
    assert text == "".join(TEXT)
    assert text.reasoning == thought
    assert [(c.name, c.arguments, c.id) for c in text.tool_calls] == [
        ("search", '{"q":"tides"}', "call-0"),
        ("clock", "{}", "call-1"),
    ]
    assert isinstance(text.tool_calls[0], ToolCall)
    spent = text.spent
    assert (spent.input_tokens, spent.output_tokens, spent.total_tokens) == (
        412,
        96,
        508,
    )
    assert spent.cached_tokens == 100
    assert text.usage is not None
    (usage,) = result.usage.values()
    assert usage == spent == result.view.usage
    expected = [
        ("reasoning", None, thought, True),
        ("text", None, "".join(TEXT), True),
        ("tool_call", "search", '{"q":"tides"}', True),
        ("tool_call", "clock", "{}", True),
    ]
    assert shown(result) == [e for e in expected if e[2]]
    assert {s.name for s in result.view.streams} == {"draft"}


@every_way
@both
def test_cassette_plays_what_the_client_streamed(server, way, is_async, tmp_path):
    server.says(way.dialect.reply(**FULL))
    path = tmp_path / "tape.jsonl"

    def taped(source):
        return kgnb.Cassette(path).play(lambda _asked: source, "hi")

    text = run(talker(way, server.url, is_async, taped)).result(20).shared["text"]
    played = kgnb.Cassette(path, "none", speed=0).play(print, "hi")
    again = stream(played).result()
    assert again == text == "".join(TEXT)
    assert again.tool_calls == text.tool_calls != []
    assert (again.reasoning, again.spent) == (text.reasoning, text.spent)
    assert again.spent.cached_tokens == 100


@every_way
def test_sync_client_in_an_async_node_is_read_beside_the_loop(server, way):
    server.says(way.dialect.reply())

    class Mixed(kgnb.AsyncNode):
        async def exec_async(self, _):
            with way.open(server.url) as source:
                return await stream(source)

    result = run(Mixed()).result(20)
    assert result.value == "".join(TEXT)


@every_way
@both
def test_error_in_mid_stream_fails_the_node_and_keeps_the_text(server, way, is_async):
    server.says(way.dialect.begin(), way.dialect.ERROR)
    handle = run(talker(way, server.url, is_async))
    kinds = (
        openai.APIError,
        anthropic.APIError,
        StreamBroken,
        ValueError,  # LangChain, of the responses API
    )
    with pytest.raises(kinds, match=r"(?s)out of memory|failed"):
        handle.result(20)
    assert handle.status == "failed"
    (said,) = handle.view.streams
    assert said.text == "".join(TEXT[:2])
    assert said.final


HIDDEN = [name for name in WAYS if name.startswith("langchain")]
"""Their sync streams are generators, which hide the connection."""


@pytest.mark.parametrize(
    ("name", "is_async"),
    [(name, True) for name in WAYS]
    + [(name, False) for name in WAYS if name not in HIDDEN],
)
def test_cancel_closes_the_connection_while_the_model_is_silent(
    server, name, is_async, eventually
):
    way = WAYS[name]
    server.says(way.dialect.begin(), WAIT)
    handle = run(talker(way, server.url, is_async))
    assert server.is_waiting.wait(10)
    eventually(lambda: handle.view.streams)
    began = time.monotonic()
    handle.cancel()
    assert server.is_gone.wait(10), "the server still holds the connection"
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", HIDDEN)
def test_cancel_closes_a_hidden_connection_at_the_next_chunk(server, name, eventually):
    way = WAYS[name]
    go = threading.Event()

    def script(_request):
        yield way.dialect.begin()
        assert go.wait(10)
        yield way.dialect.reply()
        yield WAIT

    server.script = script
    handle = run(talker(way, server.url, is_async=False))
    eventually(lambda: handle.view.streams)
    handle.cancel()
    go.set()
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert server.is_gone.wait(10)


def test_spent_is_none_where_the_model_tells_nothing(server):
    way = WAYS["openai-chat"]
    server.says(way.dialect.reply(usage=False))
    result = run(talker(way, server.url, is_async=False)).result(20)
    assert result.shared["text"].spent is None
    assert result.usage == {}
