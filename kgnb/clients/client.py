"""The asynchronous client."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.clients.addresses import address_of
from kgnb.clients.connection import Backoff, Connection
from kgnb.clients.readings import Reading
from kgnb.errors import InvalidValue
from kgnb.protocol import codec, commands
from kgnb.protocol.ids import ApprovalId, ArgsHash, NodeId, RunId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from kgnb.clients.addresses import Server


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A run that began."""

    run_id: str
    session_id: str | None = None


class Client:
    """A connection to a server, kept up; made by :func:`connect`.

    Every command waits while the connection is down and is sent again when it is
    back, with one effect. What the server refuses raises the class of
    ``kgnb.errors`` that has the error's code, with its facts as attributes.
    Belongs to the loop on which it was made.
    """

    def __init__(self, connection: Connection) -> None:
        self._exchange = connection.exchange
        self.session_id = uuid.uuid4().hex
        """The session of :meth:`say` where none is named."""

    @property
    def identity(self) -> dict[str, Any]:
        """Who we are to the server: ``{"user": …, "name": …, …}``."""
        return self._exchange.identity

    @property
    def log_id(self) -> str:
        """The server's log; the ``seq`` of an event means nothing in another one."""
        return self._exchange.log_id

    async def start(
        self,
        workflow: str,
        params: dict[str, Any] | None = None,
        *,
        session_id: str | None = None,
    ) -> Started:
        """Start a published workflow; returns when it has begun.

        Raises:
            NoSuchWorkflow: Nothing of that name is published.
            InvalidValue: The params do not fit; ``problems`` says where.
            Forbidden: This identity may not start workflows.
            Unavailable: Its kernel cannot be reached.
        """
        reply = await self._exchange.command(
            commands.StartWorkflow(
                workflow=workflow,
                params=_plain(params or {}),
                session_id=session_id,
            )
        )
        return Started(run_id=reply["run_id"], session_id=session_id)

    async def events(
        self,
        *,
        run_id: str | None = None,
        topics: Iterable[str] = ("all",),
        since: int | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """What happens, as the frames that ``kgnb/protocol/README.md`` describes.

        Args:
            run_id: A run: its events, from its start or after ``since``, up to the
                end of the run, each once and in order. None: all runs from their
                start, and what the application sends to the client, to its groups
                and its topics, until the client is closed. A run that begins and
                ends while the connection is down is then not seen.
            topics: Kinds of events, or an application's topics.
            since: The ``seq`` of the last event that is known; needs a ``run_id``.

        Yields:
            Events; and where the log no longer has some of them, a ``snapshot``
            with the ``view`` of the run in their place.

        Raises:
            NoSuchRun: There is none.
            Gap: The server's log was made anew, or too many messages of the
                application waited to be read.
            Unavailable: The server stayed away.
        """
        if since is not None and (run_id is None or since < 0):
            raise InvalidValue("events(since=…): expected a run_id and a number >= 0")
        reading = Reading(run_id, frozenset(topics), since or 0)
        self._exchange.open(reading)
        try:
            while True:
                try:
                    event = reading.next_nowait()
                except StopAsyncIteration:
                    return
                if event is not None:
                    yield event
                elif reading.has_drained():
                    self._exchange.catch_up(reading)
                else:
                    await reading.wait()
        finally:
            self._exchange.close(reading)

    async def answer(
        self,
        approval_id: str,
        value: Any,
        *,
        reason: str | None = None,
        args_hash: str | None = None,
    ) -> None:
        """Answer a question; returns when the answer counts.

        Args:
            approval_id: From its ``approval_request``.
            value: The option, the text, or what the form asks for.
            reason: Shown beside the answer.
            args_hash: Of the ``approval_request`` that was read; another text is then
                not answered.

        Raises:
            AlreadyAnswered: Somebody was faster; ``value`` and ``by`` say who.
            NoSuchApproval: There is none.
            InvalidValue: It is no answer to this question.
            Expired: The deadline has passed.
            Conflict: It was cancelled, or asks something else than ``args_hash``.
        """
        await self._exchange.command(
            commands.AnswerApproval(
                approval_id=ApprovalId(approval_id),
                value=_plain(value),
                reason=reason,
                args_hash=ArgsHash(args_hash) if args_hash is not None else None,
            )
        )

    async def cancel(self, run_id: str) -> None:
        """End a run.

        Raises:
            Conflict: It has ended.
        """
        await self._exchange.command(commands.Cancel(run_id=RunId(run_id)))

    async def pause(self, run_id: str) -> None:
        """Let a run start no further node."""
        await self._exchange.command(commands.Pause(run_id=RunId(run_id)))

    async def resume(self, run_id: str) -> None:
        """End a pause."""
        await self._exchange.command(commands.Resume(run_id=RunId(run_id)))

    async def fork(
        self,
        run_id: str,
        at: int | str | None = None,
        shared: Mapping[str, Any] | None = None,
    ) -> str:
        """Begin a new run in the past of one that keeps its state.

        Args:
            run_id: The run; its kernel must be there.
            at: The number of a step, of which 0 is the start; a checkpoint's id; or a
                node, or a visit of it such as ``"Draft:2"``, for the state in which
                that began. None: the latest.
            shared: Edits of the state.

        Returns:
            The new run's id.

        Raises:
            Forbidden: This needs the role ``start``, and no share link gives it.
            InvalidValue: There is no such place.
            Unavailable: It keeps no checkpoints, or its kernel cannot be reached.
        """
        reply = await self._exchange.command(
            commands.Fork(run_id=RunId(run_id), at=at, shared=_plain(shared or {}))
        )
        return str(reply["run_id"])

    async def send_input(
        self, node_id: str, data: Any, *, run_id: str | None = None
    ) -> None:
        """Give a waiting node its input.

        Args:
            node_id: The node.
            data: Anything that JSON can hold.
            run_id: Its run; None: the one unfinished run that this client reads.

        Raises:
            Conflict: The node does not wait, and keeps an early input already.
        """
        await self._exchange.command(
            commands.NodeInput(
                node_id=NodeId(node_id),
                data=_plain(data),
                run_id=RunId(run_id) if run_id is not None else None,
            )
        )

    async def say(self, content: Any, *, session_id: str | None = None) -> Started:
        """Say something in a session: to its run that waits for it, or to a new one.

        Args:
            content: The message.
            session_id: None: this client's own, :attr:`session_id`.

        Returns:
            The run that got it.
        """
        session_id = session_id or self.session_id
        reply = await self._exchange.command(
            commands.SendMessage(content=_plain(content), session_id=session_id)
        )
        return Started(run_id=reply["run_id"], session_id=session_id)

    async def end_chat(self, *, session_id: str | None = None) -> None:
        """Tell the chat node of a session that the conversation is over.

        Args:
            session_id: None: this client's own, :attr:`session_id`.

        Raises:
            Conflict: No chat is running there.
        """
        command = commands.EndChat(session_id=session_id or self.session_id)
        await self._exchange.command(command)

    async def join_group(self, group: str) -> None:
        """Join a group, again after each break; :meth:`events` has what it brings.

        Raises:
            Forbidden: The group is not open to this identity.
        """
        await self._exchange.command(commands.JoinGroup(group=group))

    async def leave_group(self, group: str) -> None:
        """Leave a group."""
        await self._exchange.command(commands.LeaveGroup(group=group))


@asynccontextmanager
async def connect(
    url: str | Server,
    *,
    token: str | None = None,
    client_id: str | None = None,
    backoff: Backoff | None = None,
) -> AsyncIterator[Client]:
    """A client of a server, for the time of an ``async with``.

    Args:
        url: As in a browser, ``http://localhost:8888/``, or of a socket that is bound
            to a workflow, ``ws://localhost:8888/kgnb/ws/chat``.
        token: Jupyter's; None: the one in the URL. It is sent in a header.
        client_id: A name under which this client, when it comes back, gets the
            messages that its groups and topics had for it.
        backoff: How it dials again after a break.

    Raises:
        Unavailable: The server cannot be reached, or has no kgnb.
        Unauthorized, Forbidden, NoSuchWorkflow: It refused.
        InvalidValue: The URL is none.
    """
    address = address_of(url, token=token, client_id=client_id)
    connection = Connection(address, backoff or Backoff())
    await connection.start()
    try:
        yield Client(connection)
    finally:
        await connection.aclose()


def _plain(value: Any) -> Any:
    """A user's value as JSON carries it; models and subclasses of plain types too."""
    try:
        return msgspec.json.decode(codec.encode_value(value))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidValue(f"expected a value that JSON can hold: {error}") from None
