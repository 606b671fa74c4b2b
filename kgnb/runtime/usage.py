"""What a model says that a reply cost, in one form for all clients."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kgnb.protocol.events import Usage
from kgnb.runtime.fields import get

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where the clients tell it: OpenAI's chat (and LiteLLM), OpenAI's responses,
# Anthropic, LangChain. Anthropic counts what a cache read or wrote beside the input,
# all others within it.
_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "input": (("prompt_tokens",), ("input_tokens",)),
    "output": (("completion_tokens",), ("output_tokens",)),
    "total": (("total_tokens",),),
    "cached": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("input_token_details", "cache_read"),
    ),
    "reasoning": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_token_details", "reasoning"),
    ),
}
_BESIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "read": (("cache_read_input_tokens",),),
    "written": (("cache_creation_input_tokens",),),
}


class Meter:
    """Reads the usage of one stream, which may come in several chunks."""

    def __init__(self) -> None:
        self.raw: Any = None
        """As the client gave it last."""
        self._counts: Counter[str] = Counter()

    def take(self, raw: Any, *, adds: bool) -> None:
        """Take what a chunk says; ``adds``: on top of earlier ones, not in place."""
        self.raw = raw
        for name, count in _counts(raw):
            self._counts[name] = count + (self._counts[name] if adds else 0)

    @property
    def usage(self) -> Usage | None:
        """What it comes to; None where nothing was told."""
        if self.raw is None:
            return None
        counts = self._counts
        read = counts["input"] + counts["read"] + counts["written"]
        return Usage(
            input_tokens=read,
            output_tokens=counts["output"],
            total_tokens=counts["total"] or read + counts["output"],
            cached_tokens=counts["cached"] or counts["read"],
            reasoning_tokens=counts["reasoning"],
        )


def _counts(raw: Any) -> Iterator[tuple[str, int]]:
    # LiteLLM hands on Anthropic's own fields beside its sums.
    is_inclusive = get(raw, "prompt_tokens") is not None
    for name, places in (_PLACES if is_inclusive else _PLACES | _BESIDE).items():
        for place in places:
            value = raw
            for step in place:
                value = get(value, step)
            if isinstance(value, int):
                yield name, value
                break
