"""A request and its reply, as neither tornado nor ASGI have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.client import responses
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from kgnb.broker.peer import Peer
from kgnb.errors import (
    BadFrame,
    Forbidden,
    FrameTooLarge,
    KgnbError,
    NoSuchRun,
    Unauthorized,
    Unavailable,
)
from kgnb.server import access
from kgnb.server.calls.asking import ask
from kgnb.server.closecodes import http_status
from kgnb.server.links import LinkCaller

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping

    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.peer import Identity
    from kgnb.broker.rows import RunRow
    from kgnb.protocol.commands import AnyCommand
    from kgnb.protocol.replies import Ack
    from kgnb.server.host import Host

Body = TypeVar("Body", bound=msgspec.Struct)


class Permission(NamedTuple):
    """An action on a resource, as Jupyter's authorizer names them."""

    action: str
    resource: str


READ = Permission("read", "kgnb")
ANSWER = Permission("write", "kgnb:approvals")
CONTROL = Permission("write", "kgnb:runs")
START = Permission("execute", "kgnb:workflows")


class Caller(Protocol):
    """Who asks, as the host found out."""

    async def identity(self) -> Identity | None:
        """The person or token; None without a valid credential."""

    async def may(self, action: str, resource: str) -> bool:
        """Whether he may do an action on a resource."""
        ...

    def again(self) -> Caller | None:
        """Whoever the same credential is of now: asked anew, and not remembered.

        None where nobody has to ask: the broker ends it.
        """
        ...


class Stream(Protocol):
    """A body that is made while it is sent.

    The host asks for the next chunk once the last one is out, so a slow reader
    slows nobody else. It calls ``aclose`` when it is done, whatever happened,
    also if it asked for no chunk at all. A stream that raises is cut off: half
    of a file must not look like the whole.
    """

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Itself. A cancelled wait for a chunk has to be followed by ``aclose``."""
        ...

    def aclose(self) -> Coroutine[Any, Any, None]:
        """The reader has gone, or has all; safe to call twice."""
        ...


@dataclass
class Reply:
    """What goes back; a host adds its own headers, and Date and length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Stream = b""
    cut: asyncio.Event | None = None
    """Set when a stream's reader is to be cut off, in the middle of a chunk too."""

    @classmethod
    def json(cls, body: Any, *, status: int = 200) -> Reply:
        """JSON that nobody keeps."""
        return cls._of(msgspec.json.encode(body), "application/json", status)

    @classmethod
    def text(
        cls, body: str | bytes, *, kind: str = "text/plain; charset=utf-8"
    ) -> Reply:
        """Text of any kind that nobody keeps."""
        data = body.encode() if isinstance(body, str) else body
        return cls._of(data, kind, 200)

    @classmethod
    def html(cls, body: str, *, policy: str) -> Reply:
        """A page.

        Args:
            body: All of it.
            policy: Its Content-Security-Policy; the host's own comes on top.
        """
        reply = cls.text(body, kind="text/html; charset=utf-8")
        reply.headers["Content-Security-Policy"] = policy
        reply.headers["Referrer-Policy"] = "no-referrer"
        return reply

    @classmethod
    def _of(cls, body: bytes, kind: str, status: int) -> Reply:
        headers = {"Content-Type": kind, "Cache-Control": "no-store"}
        return cls(status=status, headers=headers, body=body)

    @classmethod
    def error(cls, error: KgnbError) -> Reply:
        """What went wrong, with its facts."""
        return cls.refusal(
            http_status(error.code), error.code, str(error), **error.data
        )

    @classmethod
    def refusal(
        cls, status: int, code: str | None = None, message: str = "", **facts: Any
    ) -> Reply:
        """``{code, message, …}``.

        Args:
            status: Of HTTP.
            code: One of the protocol's; None: the nearest to the status.
            message: Empty: HTTP's own words.
            facts: Such as ``retry_after``, in seconds.
        """
        default = "internal" if status >= 500 else "invalid"  # noqa: PLR2004  # as HTTP has it
        body = {
            "code": code or _CODES.get(status, default),
            "message": message or responses.get(status, "error"),
        }
        reply = cls.json(body | facts, status=status)
        if status == http_status("unauthorized"):
            reply.headers["WWW-Authenticate"] = "Bearer"
        retry_after = facts.get("retry_after")
        if retry_after is not None:
            reply.headers["Retry-After"] = str(max(1, round(retry_after)))
        return reply


_CODES = {401: "unauthorized", 403: "forbidden", 413: "too_large", 503: "unavailable"}
"""Of the statuses that hosts answer with; others below 500 mean that the request
was ``invalid``."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. Belongs to the server's loop."""

    host: Host
    caller: Caller
    method: str
    args: tuple[str | None, ...] = ()
    """The groups of the path, decoded."""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Decoded; of a name given twice the last."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By lower-case names."""
    body: bytes = field(default=b"", repr=False)
    base_url: str = "/"
    """Where ``kgnb/…`` begins, as in a URL; ends with a slash."""
    origin: str = ""
    """This server as the caller sees it, such as ``http://127.0.0.1:8888``."""

    @property
    def driver(self) -> BrokerDriver:
        """The broker.

        Raises:
            Unavailable: Before the start and after the stop.
        """
        if self.host.driver is None:
            raise Unavailable("kgnb is starting or stopping; try again")
        return self.host.driver

    def arg(self, index: int = 0) -> str:
        """A group of the path that is always there."""
        given = self.args[index]
        if given is None:
            raise KgnbError(f"path: expected group {index} of {self.args!r}")
        return given

    async def peer(self) -> Peer:
        """Who asks, as the broker knows people.

        Raises:
            Unauthorized: Nobody that the host knows.
            Forbidden: The authorizer grants no role.
        """
        identity = await self.caller.identity()
        if identity is None:
            raise Unauthorized("no valid token or cookie")
        is_page = "origin" in self.headers
        via = access.via(self.query.get("via"), is_page=is_page, otherwise="http")
        if isinstance(self.caller, LinkCaller) and self.caller.peer is not None:
            return msgspec.structs.replace(self.caller.peer, via=via)
        role = await access.role_of(self.caller.may)
        if role is None:
            raise Forbidden("this needs leave to read 'kgnb'")
        return Peer(identity=identity, role=role, via=via)

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number of the query.

        Raises:
            BadFrame: It is none, or out of bounds.
        """
        text = self.query.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # digits
            raise BadFrame(f"{name}: expected a number, got {text[:40]!r}")
        number = int(text)
        if not least <= number <= most:
            raise BadFrame(f"{name}: expected {least} to {most}, got {number}")
        return number

    def body_as(self, kind: type[Body]) -> Body:
        """The request's JSON; an empty body is an empty object.

        Raises:
            FrameTooLarge, BadFrame: It is too large, or not of that kind.
        """
        limit = self.host.settings.max_message_size
        size = len(self.body)
        if size > limit:
            raise FrameTooLarge(
                f"body: expected at most {limit} bytes, got {size}",
                size=size,
                limit=limit,
            )
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except msgspec.MsgspecError as error:
            raise BadFrame(f"body: {error}") from None
        except (RecursionError, UnicodeDecodeError):
            raise BadFrame("body: not readable as JSON") from None

    async def order(self, command: AnyCommand) -> Ack:
        """Give the broker a command, as over a socket."""
        return await ask(self.driver, await self.peer(), command)

    def row(self, run_id: str, peer: Peer) -> RunRow:
        """A run that the peer may know of.

        Raises:
            NoSuchRun: There is none.
        """
        row = self.driver.run(run_id, peer)
        if row is None:
            raise NoSuchRun(f"no run {run_id!r}")
        return row


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """A regular expression of the whole path, without the base URL."""
    template: str
    """The path for readers, such as ``kgnb/api/runs/{id}``."""
    call: Callable[[Call], Awaitable[Reply]]
    needs: Permission | None
    """None: anybody may, without a credential."""
    form: Literal["api", "page", "file"] = "api"
    """``api``: refuses foreign pages and answers errors as JSON. ``page``: a person
    opens it, and is sent to the login. ``file``: the same bytes for everybody."""
    is_shared: bool = False
    """Whether share links open it, as far as their run or workflow goes; a call that
    lists or tells anything heeds its peer's scope then."""
    is_activity: bool = True
    """Whether it keeps an otherwise idle server alive."""
    is_local: bool = False
    """Of several servers, whether each answers for itself: it asks no broker."""

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return (self.call.__doc__ or "").partition("\n")[0]


async def judge(route: Route, caller: Caller) -> None:
    """The gate, for hosts that let nobody send a body who may not.

    Raises:
        Unauthorized: No valid credential where one is needed.
        Forbidden: The authorizer does not allow it.
    """
    if route.needs is None:
        return
    if await caller.identity() is None:
        raise Unauthorized("no valid token or cookie")
    if isinstance(caller, LinkCaller) and not route.is_shared:
        raise Forbidden("a share link opens its run or workflow, and nothing else")
    if not await caller.may(*route.needs):
        action, resource = route.needs
        raise Forbidden(f"this needs leave to {action} {resource!r}")


async def serve(route: Route, call: Call) -> Reply:
    """The gate and what is behind it: the only way from a request to a call.

    Raises:
        KgnbError: What :func:`judge` says, or the call.
    """
    await judge(route, call.caller)
    doors = call.host.doors
    if route.is_local or doors is None:
        return await route.call(call)
    return await doors.serve(route, call)
