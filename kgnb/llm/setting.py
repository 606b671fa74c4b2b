"""``KGNB_LLM`` and its companions: whom the tutorials ask."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from kgnb.errors import InvalidValue

RECORDED = "recorded"
LOCAL = "local"


def chosen() -> str:
    """``"recorded"``, ``"local"``, or the address of an OpenAI-compatible server.

    Read at each call: a cell may set ``os.environ["KGNB_LLM"]``.

    Raises:
        InvalidValue: It is none of these.
    """
    told = os.environ.get("KGNB_LLM", "").strip() or RECORDED
    if told in (RECORDED, LOCAL):
        return told
    if _is_address(told):
        return told.rstrip("/")
    raise InvalidValue(
        f"KGNB_LLM={told!r}: expected 'recorded', 'local', or the address of an "
        f"OpenAI-compatible server, such as http://127.0.0.1:11434/v1"
    )


def _is_address(told: str) -> bool:
    try:
        address = urlsplit(told)
        is_whole = bool(address.hostname) and address.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False
    return is_whole and address.scheme in ("http", "https")


def key() -> str | None:
    """The key of the server at the address, if there is one."""
    told = os.environ.get("KGNB_LLM_KEY") or os.environ.get("OPENAI_API_KEY")
    return told or None


def model() -> str | None:
    """The model to ask there, if it is named."""
    return os.environ.get("KGNB_LLM_MODEL") or None
