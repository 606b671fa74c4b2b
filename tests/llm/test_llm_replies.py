"""``kgnb.llm.reply``: recorded without a word, live where KGNB_LLM says so."""

import pytest

import kgnb
from kgnb.errors import InvalidValue

TIDES = "Write one short paragraph about the ocean tides."


@pytest.mark.parametrize("told", [None, "", "recorded", " recorded "])
def test_reply_recorded_is_that_of_kgnb_recorded(monkeypatch, told):
    if told is not None:
        monkeypatch.setenv("KGNB_LLM", told)
    reply, recorded = kgnb.llm.reply(TIDES, speed=0), kgnb.recorded(TIDES, speed=0)
    assert type(reply) is type(recorded)
    assert (reply.recording, reply.speed) == (recorded.recording, recorded.speed)
    assert list(reply) == list(recorded)


def test_reply_recorded_to_messages_is_that_to_the_last():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": TIDES},
    ]
    assert list(kgnb.llm.reply(messages, speed=0)) == list(
        kgnb.recorded(TIDES, speed=0)
    )


def test_reply_not_recorded_names_the_nearest():
    with pytest.raises(InvalidValue, match="the nearest one is 'Write one short"):
        kgnb.llm.reply("Write about the ocean tides.")


@pytest.mark.parametrize(
    "told",
    [
        "openai",
        "localhost:11434",
        "ftp://a/v1",
        "http://",
        "http://a:port/v1",
        "http://a:70000/v1",
        "http://[::1/v1",
    ],
)
def test_reply_where_the_setting_is_unknown_says_what_is_known(monkeypatch, told):
    monkeypatch.setenv("KGNB_LLM", told)
    with pytest.raises(InvalidValue, match="expected 'recorded', 'local', or the"):
        kgnb.llm.reply(TIDES)


@pytest.mark.parametrize("prompt", [[], ["Why tides?"], [{}, "Why tides?"]])
def test_reply_to_what_is_no_message_says_what_is_expected(prompt):
    with pytest.raises(InvalidValue, match="a list of messages such as"):
        kgnb.llm.reply(prompt)
