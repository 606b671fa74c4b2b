"""What never gets into a recording: keys, passwords, tokens.

Each text is looked at by itself. A secret that a model says token by token is in
several texts, and is not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

HIDDEN = "[redacted]"

_WORDS = r"(?:api_?key|key|token|secret|password|passwd|pwd|passphrase|credentials?)"
_NAME = re.compile(rf"(?:^|_){_WORDS}s?$|{_WORDS}$|^(?:authorization|cookie)$")
_INNOCENT = frozenset({"monkey", "turkey", "hockey", "donkey", "whiskey", "jockey"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+")

_Replacement = str | Callable[[re.Match[str]], str]
_patterns: list[tuple[re.Pattern[str], _Replacement]] = [
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        # By their own looks: OpenAI, Anthropic, GitHub, GitLab, Hugging Face, Slack,
        # AWS, Google; JSON web tokens.
        (r"\bsk-[\w-]{12,}", 0, HIDDEN),
        (r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-)[\w-]{10,}", 0, HIDDEN),
        (r"\b(?:AKIA[0-9A-Z]{16}|AIza[\w-]{30,})", 0, HIDDEN),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", 0, HIDDEN),
        # By where they stand: a header, a URL, a line of settings, JSON within a text.
        (r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE, rf"\1 {HIDDEN}"),
        (r"(://[^\s/:@]*:)[^\s/@]+(?=@)", 0, rf"\1{HIDDEN}"),
        (rf"([?&][\w-]*{_WORDS}=)[^&\s\"'#]+", re.IGNORECASE, rf"\1{HIDDEN}"),
        (rf"(\b[A-Z_]*{_WORDS.upper()}=)[^\s\"']+", 0, rf"\1{HIDDEN}"),
        (
            rf'("[\w-]*{_WORDS}"\s*:\s*")(?:[^"\\]|\\.)+',
            re.IGNORECASE,
            rf"\1{HIDDEN}",
        ),
    )
]


def hide(pattern: str | re.Pattern[str]) -> None:
    r"""Keep what a pattern matches out of the recordings of this process, too.

    Call it before ``kgnb.run``: ``kgnb.runtime.cassette.hide(r"customer \d+")``.
    """
    _patterns.append((re.compile(pattern), HIDDEN))


def redact(value: Any) -> Any:
    """A copy of JSON's types, with ``[redacted]`` in place of what is secret.

    That is what looks like a secret, and every text under a key named like one.
    """
    if isinstance(value, str):
        for pattern, replacement in _patterns:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {key: _field(key, found) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [redact(found) for found in value]
    return value


def _field(key: Any, value: Any) -> Any:
    if isinstance(value, str) and value and _is_secret(str(key)):
        return HIDDEN
    return redact(value)


def _is_secret(key: str) -> bool:
    words = _HUMP.sub("_", key).lower()
    return words not in _INNOCENT and _NAME.search(words) is not None
