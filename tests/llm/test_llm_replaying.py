"""The replay server, asked by the clients that people have."""

import asyncio
import json
import threading
import time
import urllib.request

import openai
import pytest
from langchain_openai import ChatOpenAI

import kgnb
from kgnb.errors import InvalidValue, Unavailable
from kgnb.llm import ReplayServer

TIDES = "Write one short paragraph about the ocean tides."
TITLE = "Write a friendly title for a short article about the sea."
ASKED = [{"role": "user", "content": TIDES}]


def text_of(prompt):
    return "".join(kgnb.recorded(prompt, speed=0))


@pytest.fixture
def server():
    with ReplayServer(speed=0) as server:
        yield server


@pytest.fixture
def client(server):
    where = server.endpoint
    with openai.OpenAI(
        base_url=where.base_url, api_key=where.api_key, max_retries=0
    ) as client:
        yield client


def create(client, messages=ASKED, **options):
    return client.chat.completions.create(model="any", messages=messages, **options)


def test_replay_lists_whose_replies_it_has(client):
    assert [model.id for model in client.models.list()] == ["smollm2-135m"]


def test_replay_streams_in_openais_order(client):
    chunks = list(create(client, stream=True))
    first, *_, last = [chunk.choices[0] for chunk in chunks]
    assert first.delta.role == "assistant"
    assert last.finish_reason == "stop"
    said = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(said) == text_of(TIDES)
    assert len([piece for piece in said if piece]) == 90
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_replay_tells_usage_where_it_is_asked_for(client):
    options = {"include_usage": True}
    *_, last = create(client, stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage.completion_tokens == 90


def test_replay_without_stream_gives_the_same_text(client):
    answer = create(client)
    assert answer.choices[0].message.content == text_of(TIDES)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 90


def test_replay_is_labelled_as_recorded(client):
    label = "recorded from smollm2-135m"
    assert {chunk.model for chunk in create(client, stream=True)} == {label}
    assert create(client).model == label


def test_replay_takes_a_message_in_parts(client):
    parts = [{"type": "text", "text": TIDES[:9]}, {"type": "text", "text": TIDES[9:]}]
    answer = create(client, [{"role": "user", "content": parts}])
    assert answer.choices[0].message.content == text_of(TIDES)


def test_replay_of_what_was_not_recorded_names_the_nearest(client):
    with pytest.raises(openai.NotFoundError) as raised:
        create(client, [{"role": "user", "content": "Write about the ocean tides."}])
    assert raised.value.code == "no_such_recording"
    assert f"the nearest one is {TIDES!r}" in raised.value.message


@pytest.mark.parametrize("messages", [[], ["Why?"]])
def test_replay_of_no_messages_says_what_is_expected(client, messages):
    with pytest.raises(openai.BadRequestError, match="a list of objects with role"):
        create(client, messages)


def test_replay_without_its_key_is_refused(server):
    with openai.OpenAI(
        base_url=server.endpoint.base_url, api_key="wrong", max_retries=0
    ) as client:
        for ask in (lambda: create(client), client.models.list):
            with pytest.raises(openai.AuthenticationError, match="the key is wrong"):
                ask()


def test_replay_of_another_address_says_what_there_is(client):
    with pytest.raises(openai.NotFoundError, match="POST /v1/chat/completions"):
        client.embeddings.create(model="any", input="tides")


def test_replay_allows_no_other_origin(server):
    request = urllib.request.Request(
        f"{server.endpoint.base_url}/models",
        headers={
            "Authorization": f"Bearer {server.endpoint.api_key}",
            "Origin": "http://evil.example",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_replay_that_a_client_leaves_early_serves_the_next(client, caplog):
    with create(client, stream=True) as stream:
        next(stream)
    assert create(client).choices
    assert not caplog.records


def test_replay_left_early_between_two_tokens_waits_for_none(tmp_path, caplog):
    tape = tmp_path / "slow.jsonl"
    tape.write_text(line("Why?", [[0, "The "], [3600, "moon."]]))
    began = time.monotonic()
    with ReplayServer([tape]) as server:
        where = server.endpoint
        with (
            openai.OpenAI(base_url=where.base_url, api_key=where.api_key) as client,
            create(client, [{"role": "user", "content": "Why?"}], stream=True) as got,
        ):
            assert [next(got).choices[0].delta.content for _ in range(2)] == [
                "",
                "The ",
            ]
    assert time.monotonic() - began < 60
    assert not caplog.records


def test_replay_serves_async_clients_at_a_time(server):
    where = server.endpoint

    async def read(client, prompt):
        stream = await client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": prompt}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def scene():
        async with openai.AsyncOpenAI(
            base_url=where.base_url, api_key=where.api_key
        ) as client:
            prompts = [TIDES, TITLE] * 4
            return await asyncio.gather(*(read(client, each) for each in prompts))

    assert asyncio.run(scene()) == [text_of(TIDES), text_of(TITLE)] * 4


def test_replay_at_no_speed_leaves_its_port_free():
    with ReplayServer() as server:
        port = int(server.endpoint.base_url.split(":")[2].split("/")[0])
    with pytest.raises(InvalidValue, match="speed"):
        ReplayServer(port=port, speed=-1)
    with ReplayServer(port=port):
        pass


def test_replay_at_a_speed_takes_that_time():
    took = []
    for speed in (1.0, 4.0):
        with ReplayServer(speed=speed) as paced:
            where = paced.endpoint
            with openai.OpenAI(
                base_url=where.base_url, api_key=where.api_key
            ) as client:
                began = time.monotonic()
                list(create(client, [{"role": "user", "content": TITLE}], stream=True))
                took.append(time.monotonic() - began)
    assert took[0] >= 0.2788  # its last token's
    assert took[1] >= 0.2788 / 4


def test_replay_streams_to_langchain(server):
    where = server.endpoint
    chat = ChatOpenAI(
        base_url=where.base_url, api_key=where.api_key, model="any", stream_usage=True
    )

    async def read():
        chunks = [chunk async for chunk in chat.astream(TIDES)]
        await chat.root_async_client.close()
        return chunks

    for chunks in (list(chat.stream(TIDES)), asyncio.run(read())):
        assert "".join(chunk.text for chunk in chunks) == text_of(TIDES)
        assert chunks[-1].usage_metadata or chunks[-2].usage_metadata
    assert chat.invoke(TIDES).text == text_of(TIDES)
    chat.root_client.close()


# ---- recordings of one's own


def line(prompt, events, **more):
    messages = [{"role": "user", "content": prompt}]
    reply = {"model": "moon-1", "request": {"messages": messages}, "events": events}
    return json.dumps(reply | more) + "\n"


def asked_of(tape, *conversations, **options):
    with ReplayServer([tape], speed=0) as server:
        where = server.endpoint
        with openai.OpenAI(
            base_url=where.base_url, api_key=where.api_key, max_retries=0
        ) as client:
            return [create(client, each, **options) for each in conversations]


def test_replay_of_equal_requests_gives_replies_in_order(tmp_path):
    tape = tmp_path / "tape.jsonl"
    tape.write_text(line("Why?", [[0, "One."]]) + line("Why?", [[0, "Two."]]))
    ask = [{"role": "user", "content": "Why?"}]
    answers = asked_of(tape, ask, ask, ask)
    said = [answer.choices[0].message.content for answer in answers]
    assert said == ["One.", "Two.", "Two."]


def test_replay_prefers_the_same_conversation(tmp_path):
    tape = tmp_path / "tape.jsonl"
    history = [{"role": "system", "content": "Be rude."}]
    ask = {"role": "user", "content": "Why?"}
    request = {"messages": [*history, ask]}
    tape.write_text(
        line("Why?", [[0, "Kind."]]) + line("Why?", [[0, "Rude."]], request=request)
    )
    answers = asked_of(tape, [ask], [*history, ask], [ask, ask])
    said = [answer.choices[0].message.content for answer in answers]
    assert said == ["Kind.", "Rude.", "Kind."]


def test_replay_of_thoughts_and_tools_is_openais(tmp_path):
    tape = tmp_path / "tape.jsonl"

    def delta(**fields):
        return {"choices": [{"delta": fields}]}

    def call(**function):
        return delta(tool_calls=[{"index": 0, "id": "c1", "function": function}])

    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    events = [
        delta(reasoning_content="Hm."),
        call(name="look", arguments=""),
        call(arguments='{"at": '),
        call(arguments='"moon"}'),
        {"choices": [], "usage": usage},
    ]
    tape.write_text(line("Why?", [[0, event] for event in events]))
    ask = [{"role": "user", "content": "Why?"}]
    (answer,) = asked_of(tape, ask)
    choice = answer.choices[0]
    assert choice.message.reasoning_content == "Hm."
    assert choice.message.tool_calls[0].function.arguments == '{"at": "moon"}'
    assert choice.finish_reason == "tool_calls"
    assert answer.usage.total_tokens == 12
    with ReplayServer([tape], speed=0) as server:
        where = server.endpoint
        with openai.OpenAI(base_url=where.base_url, api_key=where.api_key) as client:
            text = kgnb.stream(create(client, ask, stream=True)).result()
    assert text.reasoning == "Hm."
    assert [(each.name, each.arguments) for each in text.tool_calls] == [
        ("look", '{"at": "moon"}')
    ]


def test_replay_of_a_recorded_run_is_found_by_its_prompt(tmp_path):
    tape = tmp_path / "run.jsonl"

    def says(topic):
        return kgnb.stream(kgnb.recorded(TITLE, speed=0), name="title").result()

    kgnb.run(says, {"topic": "sea"}, record=tape).result(timeout=10)
    by_prompt = [{"role": "user", "content": TITLE}]
    (answer,) = asked_of(tape, by_prompt)
    assert answer.choices[0].message.content == text_of(TITLE)


def test_replay_of_no_replies_says_so(tmp_path):
    tape = tmp_path / "empty.jsonl"
    tape.write_text("")
    with pytest.raises(InvalidValue, match="no model's reply is recorded there"):
        ReplayServer([tape])


def test_replay_on_a_port_that_is_taken_says_so(server):
    port = int(server.endpoint.base_url.split(":")[2].partition("/")[0])
    with pytest.raises(Unavailable, match=f"on 127.0.0.1, port {port}"):
        ReplayServer(port=port)


# ---- kgnb.llm.endpoint


def test_endpoint_recorded_is_started_once_and_ends_with_close():
    where = kgnb.llm.endpoint()
    assert kgnb.llm.endpoint() == where
    kgnb.llm.close()
    assert not [t for t in threading.enumerate() if t.name == "kgnb-llm-replay"]
    again = kgnb.llm.endpoint()
    assert again.api_key != where.api_key
    with openai.OpenAI(base_url=again.base_url, api_key=again.api_key) as client:
        answer = create(client, [{"role": "user", "content": TITLE}])
    assert answer.choices[0].message.content == text_of(TITLE)
