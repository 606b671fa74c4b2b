"""``kgnb.manager``: who is connected, and messages to them from node code and cells.

The connection manager of a web application, where the kernel has no sockets of its
own: its orders travel over the link to the broker that has them. Everything may be
called from sync and async nodes, cells and any other thread; nothing blocks a loop.

    kgnb.manager.broadcast({"type": "system_alert", "message": "High CPU usage"})
    reached = await kgnb.manager.broadcast_to_group("admins", {"type": "deploy"})

A call acts at once, awaited or not. Awaited (or by ``.result()`` in sync code) it
gives what became of it. Messages of one kernel arrive in the order of the calls.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from kgnb.errors import KgnbError, RateLimited, Unavailable
from kgnb.graph.context import current_context
from kgnb.protocol import link, mail
from kgnb.runtime import home as homes
from kgnb.runtime import process
from kgnb.runtime.callbacks import current_mail
from kgnb.runtime.context import RunContext
from kgnb.runtime.mail import Client, Counted, Listing, Order, Recipients, Seconds
from kgnb.runtime.reader import settle
from kgnb.runtime.waiting import wait_async

if TYPE_CHECKING:
    from kgnb.runtime.mail import Mail

__all__ = ["Client", "Manager", "Order", "Recipients", "manager"]

MOST_OPEN = 1_000
"""Calls under way; with more, sync code waits its turn and async code is refused."""
ROOM_WAIT = 30.0
"""Seconds that sync code waits for its turn."""
FIRST_WAIT = 5.0
"""Seconds that sync code waits for the broker when it first asks who is there."""

T = TypeVar("T")
Callback = TypeVar("Callback", bound=Callable[..., Any])


class Manager:
    """The connections of the server, or of this kernel where there is no server.

    A *client* is a socket, or all sockets that came with one ``?client_id=`` and one
    identity. Such a named one keeps its groups and subscriptions while it is away,
    and gets what they brought when it is back, up to ``offline_queue`` messages and
    ``offline_ttl`` seconds; so does what was sent to it alone. A broadcast is for
    who is there.

    Groups, topics and clients are those of the server: two kernels that use one name
    mean one group.
    """

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MOST_OPEN)

    # Messages.

    def send_personal_message(
        self, message: Mapping[str, Any], client_id: str, *, user: str | None = None
    ) -> Order[Recipients]:
        """Send a message to one client.

        Args:
            message: A dict with a ``type``; it is sent as it is, with a ``timestamp``
                unless it has one.
            client_id: As ``list_clients`` has it.
            user: Whose client, where several identities have one of that name.

        Returns:
            Awaitable: 1, or 0 where it is not connected; ``.queued`` says whether it
            gets the message when it is back. A name that several identities have
            raises ``Conflict``.

        Raises:
            InvalidValue: It is no such dict, or its type is the protocol's own.
            FrameTooLarge: It is larger than ``max_message_size``.
            RateLimited: 1,000 calls are under way, and this is a loop's thread.
        """
        return self._post(
            "send_personal_message", message, "client", name=client_id, user=user
        )

    def broadcast(
        self,
        message: Mapping[str, Any],
        exclude: str | Iterable[str] | None = None,
    ) -> Order[Recipients]:
        """Send a message to every client that is connected.

        Args:
            message: See ``send_personal_message``.
            exclude: The ``client_id`` that does not get it, or several.

        Returns:
            Awaitable: the number of clients that it was sent to.
        """
        left_out = [exclude] if isinstance(exclude, str) else exclude or ()
        return self._post("broadcast", message, "all", exclude=left_out)

    def broadcast_to_group(
        self, group: str, message: Mapping[str, Any]
    ) -> Order[Recipients]:
        """Send a message to the members of a group; it says ``group`` as well.

        Returns:
            Awaitable: the number of members that it was sent to; ``.queued`` counts
            those that get it when they are back.
        """
        return self._post("broadcast_to_group", message, "group", name=group)

    def publish(self, topic: str, message: Mapping[str, Any]) -> Order[Recipients]:
        """Send a message to the subscribers of a topic; it says ``topic`` as well.

        Returns:
            Awaitable: as for ``broadcast_to_group``.

        Raises:
            InvalidValue: The topic is one of the runs' own, such as ``progress``.
        """
        mail.check_topic(topic)
        return self._post("publish", message, "topic", name=topic)

    # Groups and topics.

    def add_to_group(
        self, client_id: str, group: str, *, user: str | None = None
    ) -> Order[int]:
        """Make a client a member of a group.

        Returns:
            Awaitable: 1, or 0 where no such client is known. As for the other three.
        """
        return self._enrol("add_to_group", "group", group, client_id, user)

    def remove_from_group(
        self, client_id: str, group: str, *, user: str | None = None
    ) -> Order[int]:
        """End a client's membership."""
        return self._enrol("remove_from_group", "group", group, client_id, user)

    def subscribe(
        self, client_id: str, topic: str, *, user: str | None = None
    ) -> Order[int]:
        """Subscribe a client to a topic, as it may do itself."""
        return self._enrol("subscribe", "topic", topic, client_id, user)

    def unsubscribe(
        self, client_id: str, topic: str, *, user: str | None = None
    ) -> Order[int]:
        """End a client's subscription."""
        return self._enrol("unsubscribe", "topic", topic, client_id, user)

    # What is known.

    def connection_count(self) -> Counted:
        """Open connections of clients; a client may have several."""
        return Counted(*self._look(lambda found: found.connections, 0))

    def message_count(self) -> Counted:
        """Messages delivered for this kernel: a broadcast to three is three."""
        return Counted(*self._look(lambda found: found.delivered, 0))

    def uptime(self) -> Seconds:
        """Seconds since the server's broker, or the kernel's own, was started."""
        return Seconds(*self._look(lambda found: found.uptime, 0.0))

    def list_clients(self) -> Listing:
        """Who is connected, in the order of their coming.

        Returns:
            Dicts with ``client_id, user, name, via, connected_at, connections,
            groups, subscriptions``. ``user`` is the identity, ``name`` what people
            are shown of it, or None.
        """
        nobody: list[Client] = []
        return Listing(*self._look(lambda found: found.clients, nobody))

    # Callbacks.

    def on_connect(self, callback: Callback) -> Callback:
        """Call ``callback(client)`` when a client connects; usable as a decorator.

        Sync or async; ``client`` is as in ``list_clients``. Calls come one after the
        other, off the loops of runs and link. Who is connected already is not told.
        """
        return self._call_at("connected", callback)

    def on_disconnect(self, callback: Callback) -> Callback:
        """Call ``callback(client)`` when a client's last connection has ended."""
        return self._call_at("disconnected", callback)

    def on_join(self, callback: Callback) -> Callback:
        """Call ``callback(client, group)`` when a client has become a member."""
        return self._call_at("joined", callback)

    def on_leave(self, callback: Callback) -> Callback:
        """Call ``callback(client, group)`` when a client is a member no more.

        A client that disconnects keeps its groups if it is named, and leaves without
        a call if it is not: see ``on_disconnect``.
        """
        return self._call_at("left", callback)

    def remove_callback(self, callback: Callable[..., Any]) -> None:
        """Call it no more."""
        homes.current().callbacks.remove(callback)

    def _call_at(self, change: link.ClientChange, callback: Callback) -> Callback:
        home = homes.current()
        home.callbacks.add(change, callback)
        home.link.submit(home.mail())
        return callback

    # The way to the broker.

    def _post(
        self,
        what: str,
        message: Mapping[str, Any],
        to: link.Audience,
        *,
        name: str = "",
        user: str | None = None,
        exclude: Iterable[str] = (),
    ) -> Order[Recipients]:
        seen = _seen()
        limit = seen.max_message_size if seen else link.MESSAGE_SIZE
        body = msgspec.Raw(mail.encode_message(message, limit))
        post = link.Post(
            n=1, to=to, message=body, name=name, user=user, exclude=[*exclude]
        )
        return self._place(what, post, Recipients.of)

    def _enrol(
        self,
        what: str,
        kind: Literal["group", "topic"],
        name: str,
        client_id: str,
        user: str | None,
    ) -> Order[int]:
        if kind == "topic":
            mail.check_topic(name)
        enrol = link.Enrol(
            n=1,
            kind=kind,
            name=name,
            client_id=client_id,
            user=user,
            is_member=what in ("add_to_group", "subscribe"),
        )
        return self._place(what, enrol, lambda frame: frame.count)

    def _place(
        self,
        what: str,
        frame: link.Post | link.Enrol,
        read: Callable[[link.Handled], T],
    ) -> Order[T]:
        """Hand an order to the link's thread, in turn."""
        self._take_room(what)
        home = homes.current()
        order: Order[T] = Order(what, home.loop)
        future = order.future
        answer: concurrent.futures.Future[link.Handled] = concurrent.futures.Future()

        def done(answered: concurrent.futures.Future[link.Handled]) -> None:
            self._room.release()
            error = answered.exception()
            if error is not None:
                settle(future, error=error)
            else:
                settle(future, value=read(answered.result()))

        answer.add_done_callback(done)
        self._on_link(lambda found: found.place(frame, answer), answer)
        return order

    def _take_room(self, what: str) -> None:
        wait = None if _is_on_a_loop() else ROOM_WAIT
        if not self._room.acquire(blocking=wait is not None, timeout=wait):
            raise RateLimited(
                f"manager.{what}(): {MOST_OPEN} calls are under way; await some of them"
            )

    def _look(
        self, read: Callable[[Mail], T], unknown: T
    ) -> tuple[T, Callable[[], Awaitable[T]]]:
        """What is known now, and how to know it for sure."""

        def reach() -> concurrent.futures.Future[Mail]:
            reached: concurrent.futures.Future[Mail] = concurrent.futures.Future()
            self._on_link(lambda found: settle(reached, value=found), reached)
            return reached

        async def again() -> T:
            found = await wait_async(reach())
            await wait_async(found.known)
            return read(found)

        seen = _seen()
        if seen is None or not seen.known.done():
            reached = reach()
            if not _is_on_a_loop():
                with contextlib.suppress(TimeoutError, KgnbError):
                    seen = reached.result(FIRST_WAIT)
                    seen.known.result(FIRST_WAIT)
        return unknown if seen is None else read(seen), again

    @staticmethod
    def _on_link(
        act: Callable[[Mail], object], on_failure: concurrent.futures.Future[Any]
    ) -> None:
        """Call ``act`` with the mail on the link's thread, after earlier calls."""
        home = homes.current()
        seen = _seen()
        if seen is not None and seen is not home.mail_at_hand:
            if not home.link.call_soon(act, seen):
                settle(on_failure, error=Unavailable("the link's thread has ended"))
            return

        async def reach() -> None:
            try:
                act(await home.mail())
            except KgnbError as error:
                settle(on_failure, error=error)

        home.link.submit(reach())


def _seen() -> Mail | None:
    """The mail of the run around this code, or else the one at hand, if any is."""
    context = current_context.get()
    if isinstance(context, RunContext):
        return context.execution.port.conversation.mail
    return current_mail.get() or homes.current().mail_at_hand


def _is_on_a_loop() -> bool:
    """Whether waiting here would hold up a loop; a cell may wait, though on one."""
    if threading.current_thread() is threading.main_thread() and process.kernel():
        return False
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


manager = Manager()
