"""What every handler of ours does first: forget what must not reach a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from kgnb.server.scrub import one_line, origin_only, path_only

if TYPE_CHECKING:
    from types import TracebackType

    from kgnb.server.host import Host


class Discreet(JupyterHandler):
    """A handler whose requests can be logged by anybody without harm.

    tornado has parsed the arguments before a handler is made, so credentials
    in the query still count; only the text that loggers print is replaced.
    """

    auth_resource = "kgnb"
    hidden_after: ClassVar[str | None] = None
    """A part of the path behind which a credential may stand."""

    def initialize(self, *, host: Host) -> None:
        """Strip the request; called by tornado before anything else."""
        self.host = host
        request = self.request
        uri = request.uri or request.path
        request.uri = path_only(uri, hidden_after=self.hidden_after)
        if self.hidden_after is not None:
            request.path = request.uri
        if "Referer" in request.headers:
            request.headers["Referer"] = origin_only(request.headers["Referer"])

    @property
    def template_namespace(self) -> dict[str, Any]:
        """For Jupyter's error pages, without its token.

        They would have it in them for whoever is logged in: for those, too, whom the
        authorizer has just refused.
        """
        return {**super().template_namespace, "token": ""}

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what went wrong, without the request that tornado would print."""
        name = type(self).__name__
        if isinstance(value, HTTPError):
            self.log.debug("%s: %d %s", name, value.status_code, _shown(value))
        elif typ is not None and value is not None:
            self.log.error("%s: uncaught exception", name, exc_info=(typ, value, tb))


def _shown(error: HTTPError) -> str:
    text: Any = error.log_message or error.reason or ""
    return one_line(str(text))
