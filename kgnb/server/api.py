"""What every HTTP call of ours does: gate, peer, body, reply, error."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

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
from kgnb.server import access, callers
from kgnb.server.asking import ask
from kgnb.server.closecodes import http_status
from kgnb.server.discreet import Discreet

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.rows import RunRow
    from kgnb.protocol.commands import AnyCommand
    from kgnb.protocol.replies import Ack

Method = TypeVar("Method", bound="Callable[..., Any]")
Body = TypeVar("Body", bound=msgspec.Struct)

_CODES = {401: "unauthorized", 403: "forbidden", 413: "too_large", 503: "unavailable"}
"""Of the statuses that Jupyter and tornado answer with; others below 500 mean that
the request was ``invalid``."""


def needs(action: str, resource: str) -> Callable[[Method], Method]:
    """The gate: a credential, and the authorizer's leave for an action.

    Every method of every call has it, or says ``allow_unauthenticated``.
    """

    def gate(method: Method) -> Method:
        allowed: Method = authenticated(authorized(action, resource)(method))  # type: ignore[assignment]  # typed loosely upstream
        return allowed

    return gate


may_read = needs("read", "kgnb")
may_answer = needs("write", "kgnb:approvals")
may_control = needs("write", "kgnb:runs")
may_start = needs("execute", "kgnb:workflows")


class Api(Discreet, APIHandler):
    """JSON in, JSON out; errors are ``{code, message, …}``."""

    @property
    def driver(self) -> BrokerDriver:
        """The broker.

        Raises:
            Unavailable: Before the start and after the stop.
        """
        if self.host.driver is None:
            raise Unavailable("kgnb is starting or stopping; try again")
        return self.host.driver

    # ---- the gate

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler's own
        """Refuse foreign pages, and whoever has no credential.

        Raises:
            Forbidden: The page is not on the list.
            Unauthorized: No valid credential where one is needed.
        """
        if not self.check_origin():
            raise Forbidden("pages of this origin may not call; see allow_origins")
        await super().prepare()
        method = getattr(self, (self.request.method or "").lower())
        is_public = getattr(method, "__allow_unauthenticated", False)
        if not self.current_user and not is_public:
            raise Unauthorized("no valid token or cookie")

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """As for sockets: a token does not excuse a foreign page."""
        return callers.may_come_from(self, origin_to_satisfy_tornado or None)

    def check_xsrf_cookie(self) -> None:
        """As Jupyter does; who has no credential at all hears that instead."""
        if getattr(self, "_jupyter_current_user", None) is not None:
            super().check_xsrf_cookie()

    def set_cors_headers(self) -> None:
        """Let the pages of ``allow_origins`` read the reply; their token is theirs."""
        super().set_cors_headers()
        origin = self.request.headers.get("Origin", "")
        if origin and access.listed_origin(origin, self.host.settings.allow_origins):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.add_header("Vary", "Origin")

    def get_login_url(self) -> str:
        """Nothing to go to.

        Raises:
            Unauthorized: Always; it is asked for where a login is missing.
        """
        raise Unauthorized("no valid token or cookie")

    async def peer(self) -> Peer:
        """Who asks, as the broker knows people.

        Raises:
            Forbidden: The authorizer grants no role.
        """
        may = callers.rights(self)
        role = await access.role_of(may)
        if role is None:
            raise Forbidden("this needs leave to read 'kgnb'")
        is_page = "Origin" in self.request.headers
        return Peer(
            identity=await callers.identity_of(self),
            role=role,
            via=access.via(self._query("via"), is_page=is_page, otherwise="http"),
        )

    # ---- in

    def _query(self, name: str) -> str | None:
        value: str | None = self.get_query_argument(name, None)
        return value

    def body(self, kind: type[Body]) -> Body:
        """The request's JSON; an empty body is an empty object.

        Raises:
            FrameTooLarge, BadFrame: It is too large, or not of that kind.
        """
        limit = self.host.settings.max_message_size
        size = len(self.request.body)
        if size > limit:
            raise FrameTooLarge(
                f"body: expected at most {limit} bytes, got {size}",
                size=size,
                limit=limit,
            )
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
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

    # ---- out

    def reply(self, body: Any, *, status: int = 200) -> None:
        """Finish with a JSON body."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.encode(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Finish with what went wrong, without details where it is our fault."""
        error: BaseException | None = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, KgnbError):
            body: dict[str, Any] = {"code": error.code, "message": str(error)}
            body |= error.data
            status_code = http_status(error.code)
        else:
            default = "internal" if status_code >= 500 else "invalid"  # noqa: PLR2004  # as HTTP has it
            body = {
                "code": _CODES.get(status_code, default),
                "message": _told(error) or responses.get(status_code, "error"),
            }
        if status_code == http_status("unauthorized"):
            self.set_header("WWW-Authenticate", "Bearer")
        retry_after = body.get("retry_after")
        if retry_after is not None:
            self.set_header("Retry-After", str(max(1, round(retry_after))))
        self.reply(body, status=status_code)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """A refusal is no error of ours."""
        if isinstance(value, KgnbError) and value.code != "internal":
            self.log.debug("%s: %s", type(self).__name__, value.code)
        else:
            super().log_exception(typ, value, tb)


def _told(error: BaseException | None) -> str:
    """What Jupyter or tornado say of a bad request; it names no value of ours."""
    return str(error.log_message or "") if isinstance(error, HTTPError) else ""


def whole_number(text: str, name: str, *, least: int, most: int) -> int:
    """A number of a query.

    Raises:
        BadFrame: It is none, or out of bounds.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # digits
        raise BadFrame(f"{name}: expected a number, got {text[:40]!r}")
    number = int(text)
    if not least <= number <= most:
        raise BadFrame(f"{name}: expected {least} to {most}, got {number}")
    return number


class NotFound(Discreet):
    """Any other path under ``kgnb/``: found by no one, logged by no one in full."""

    hidden_after = "/kgnb/"

    @authenticated
    def get(self, *_args: str) -> None:
        """Say 404, to those who may know."""
        raise HTTPError(404)
