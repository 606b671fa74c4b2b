"""What never gets into a recording."""

import pytest

from kgnb.runtime.cassette import hide, redaction
from kgnb.runtime.cassette.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-proj-abcdef0123456789 end", "key [redacted] end"),
        ("sk-ant-api03-abcdefghijkl", "[redacted]"),
        ("ghp_abcdefghijklmnop", "[redacted]"),
        ("AKIAABCDEFGHIJKLMNOP", "[redacted]"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("postgres://joe:hunter2@db/x", "postgres://joe:[redacted]@db/x"),
        ("GET /lab?token=abc123&x=1", "GET /lab?token=[redacted]&x=1"),
        ("https://x/?api_key=abc", "https://x/?api_key=[redacted]"),
        ("OPENAI_API_KEY=abc next", "OPENAI_API_KEY=[redacted] next"),
        ('call {"db_password": "a\\"b"}', 'call {"db_password": "[redacted]"}'),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.sig", "[redacted]"),
        ("the key = to the city, a token: of love", None),
        ("https://example.org/a:b@c", None),
        ("task-manager risk-adjusted-returns", None),
    ],
)
def test_text_is_shown_without_its_secrets(text, shown):
    assert redact(text) == (shown or text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "key",
    [
        "key",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "openaiApiKey",
        "token",
        "accessToken",
        "client_secret",
        "Password",
        "dbpassword",
        "Authorization",
    ],
)
def test_text_under_the_name_of_a_secret_is_hidden(key):
    assert redact([{key: "abc", "n": 1}]) == [{key: "[redacted]", "n": 1}]


@pytest.mark.parametrize("key", ["keyword", "monkey", "keyboard", "tokenizer", "hash"])
def test_text_under_another_name_is_shown(key):
    assert redact({key: "abc"}) == {key: "abc"}


def test_counts_of_tokens_are_shown():
    usage = {"prompt_tokens": 3, "total_tokens": 4, "token": None, "key": ""}
    assert redact(usage) == usage


def test_pattern_of_the_users_is_hidden_too(monkeypatch):
    monkeypatch.setattr(redaction, "_patterns", list(redaction._patterns))
    hide(r"customer \d+")
    assert redact({"text": "for customer 42"}) == {"text": "for [redacted]"}
