"""What clients order of this kernel's runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from kgnb.engines.checkpoints import Fork
from kgnb.errors import InvalidValue, KgnbError, NoSuchRun, Unavailable
from kgnb.protocol import codec, commands, link
from kgnb.protocol import events as e
from kgnb.protocol.ids import RunId
from kgnb.runtime.beside import call_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.runtime.execution import Execution
    from kgnb.runtime.home import Home

    Reply = Callable[[link.OrderReply], None]

logger = logging.getLogger("kgnb.runtime")


def carry_out(home: Home, order: link.Order, reply: Reply) -> None:
    """Act on a run, and reply once. On the link's thread.

    Args:
        home: Of this process.
        order: What is to be done.
        reply: Sends the reply; to be called on the link's thread.
    """
    try:
        command = codec.decode_command(bytes(order.command))
        by = msgspec.convert(order.by, e.By)
        if isinstance(command, commands.Fork):
            home.link.submit(_fork(home, order.order_id, command, reply))
            return
        execution = home.find(order.run_id)
        if execution is None:
            raise NoSuchRun(f"run {order.run_id!r} has ended, or is not here")
        _act(execution, command, by)
    except KgnbError as error:
        reply(_refusal(order.order_id, error))
    except msgspec.MsgspecError as error:
        reply(_refusal(order.order_id, InvalidValue(str(error))))
    else:
        reply(link.OrderReply(order_id=order.order_id))


def _refusal(order_id: int, error: KgnbError) -> link.OrderReply:
    return link.OrderReply(order_id=order_id, code=error.code, message=str(error))


def _act(execution: Execution, command: commands.AnyCommand, by: e.By) -> None:
    match command:
        case commands.Cancel():
            execution.cancel(by)
        case commands.Pause():
            execution.pause(by)
        case commands.Resume():
            execution.resume(by)
        case _:
            raise KgnbError("a kernel cannot carry that out", code="unknown_type")


async def _fork(
    home: Home, order_id: int, command: commands.Fork, reply: Reply
) -> None:
    """Begin the fork beside the link, which has to read the checkpoints meanwhile."""
    try:
        run_id = await call_beside(lambda: _begun(home, command), "kgnb-fork")
    except KgnbError as error:
        reply(_refusal(order_id, error))
    except Exception:
        # The root of a client's order: it learns no details.
        logger.exception("run %s could not be forked", command.run_id)
        fault = KgnbError("the fork could not be begun", code="internal")
        reply(_refusal(order_id, fault))
    else:
        reply(link.OrderReply(order_id=order_id, run_id=RunId(run_id)))


def _begun(home: Home, command: commands.Fork) -> str:
    from kgnb.runtime.checkpoints import fork  # noqa: PLC0415  # it needs a home

    execution = home.known(command.run_id)
    if execution is None:
        raise NoSuchRun(
            f"run {command.run_id!r}: its kernel has let go of it; fork it there by "
            f"kgnb.history(run_id) and kgnb.run(graph, resume=checkpoint)"
        )
    if execution.own_task is not None:
        raise Unavailable(
            f"run {command.run_id!r} ran on its notebook's own loop; fork it there"
        )
    # Nobody's cell shows it: it has its page. What it says is no part of the first
    # one's chat; a LangGraph graph's fork is on its thread, whatever stands here.
    options = msgspec.structs.replace(
        execution.options, panel=False, mode="live", session_id=None
    )
    where = Fork(at=command.at, values=command.shared or None)
    return fork(execution, where, None, options=options).id
