"""Sessions over HTTP: what was said in one, for whoever goes on with it elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.server.calls import shapes
from kgnb.server.calls.call import Reply
from kgnb.server.calls.runs import summary

if TYPE_CHECKING:
    from kgnb.server.calls.call import Call


async def one(call: Call) -> Reply:
    """The messages of one's own session, and its runs that are under way.

    A session belongs to an identity: what another one said under the same name is not
    here, unless the name is the token that he handed on. Nobody makes a session; one in
    which nothing was said is empty.

    Raises:
        Unauthorized: It is a session's token, and does not hold.
    """
    peer = await call.peer()
    session, runs = await call.driver.session(call.arg(), peer)
    waiting = {row.run_id for row in call.driver.open_approvals(peer)}
    return Reply.json(
        shapes.Session(
            session_id=call.arg(),
            messages=session.messages,
            changed_at=session.changed_at or None,
            runs=[summary(row, waiting) for row in runs],
        )
    )
