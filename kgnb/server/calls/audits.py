"""The audit over HTTP: who decided what, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.server.calls.call import Reply

if TYPE_CHECKING:
    from kgnb.broker.audit import Numbered
    from kgnb.server.calls.call import Call

_MOST = 1000
_PAGE = 256
_LOOKED_AT = 10_000
"""Entries that one call reads at most, where it looks for some."""


async def audit(call: Call) -> Reply:
    """Decisions and refused attempts; ``next`` is the ``after`` of the page after it.

    Raises:
        BadFrame: An argument is wrong.
    """
    after = call.number("after", default=0, least=0, most=999_999_999)
    most = call.number("limit", default=_MOST, least=1, most=_MOST)
    wanted = {
        name: call.query[name]
        for name in ("run_id", "approval_id", "action", "outcome")
        if name in call.query
    }
    told: list[dict[str, Any]] = []
    looked_at = after
    is_over = False
    while not is_over and len(told) < most and looked_at - after < _LOOKED_AT:
        page = await call.driver.audit(looked_at, _PAGE)
        is_over = len(page) < _PAGE
        for each in page:
            looked_at = each.seq
            if _fits(each, wanted):
                told.append({"seq": each.seq, **msgspec.to_builtins(each.entry)})
            if len(told) == most:
                is_over = is_over and each is page[-1]
                break
    return Reply.json({"entries": told, "next": None if is_over else looked_at})


def _fits(each: Numbered, wanted: dict[str, str]) -> bool:
    return all(getattr(each.entry, name) == text for name, text in wanted.items())
