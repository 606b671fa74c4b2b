"""The server extension: its settings, its routes, its start and its stop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import prometheus_client
from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Enum, Float, Int, List, Unicode

from kgnb.broker.driver import BrokerDriver
from kgnb.broker.limits import DAY, BrokerLimits
from kgnb.broker.peer import Voters
from kgnb.protocol import Limits
from kgnb.server import access, addresses, closecodes, logs
from kgnb.server.backplane import joining
from kgnb.server.beginning import Beginning
from kgnb.server.calls.table import ROUTES
from kgnb.server.figures import Series
from kgnb.server.handlers import ClientSocket, LinkSocket, WorkflowSocket
from kgnb.server.host import Host, Settings
from kgnb.server.http import NotFound, handlers
from kgnb.server.identities import names_people
from kgnb.server.kernels import KernelWatcher
from kgnb.server.links import Signer
from kgnb.server.rounds import Rounds
from kgnb.storage import open_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_server.serverapp import ServerApp

    from kgnb.server.backplane.member import Member

_STOP_TIMEOUT = 8.0
"""Seconds that stopping may take; the log gets 5 of them."""

URL = "KGNB_LINK_URL"
SECRET = "KGNB_LINK_SECRET"  # noqa: S105  # a variable's name
PID = "KGNB_LINK_PID"


class KgnbApp(ExtensionApp):
    """Hosts the broker in Jupyter Server.

    On as soon as the package is installed; configured like any part of Jupyter,
    for example ``c.KgnbApp.max_connections = 50`` in jupyter_server_config.py.
    """

    name = "kgnb"

    max_connections = Int(
        1000, min=1, help="How many sockets may be open at once; more get 4013."
    ).tag(config=True)
    max_connections_per_identity = Int(
        100, min=1, help="The same, for the sockets of one identity."
    ).tag(config=True)
    ping_interval = Float(
        30, min=0, help="Seconds between pings to each client; 0 sends none."
    ).tag(config=True)
    ping_timeout = Float(
        10, min=0, help="Seconds to wait for a pong before closing with 4008."
    ).tag(config=True)
    max_message_size = Int(
        1024 * 1024,
        min=1024,
        help="Bytes that a client's message may have; a larger one closes with 1009."
        " Binds kgnb's own sockets only.",
    ).tag(config=True)
    compression = Enum(
        ("deflate", "none"),
        default_value="deflate",
        help="Compression of messages to and from browsers; costs about 130 kB of"
        " memory for each connection, which has about 26 kB without it. Never used"
        " on a kernel's link.",
    ).tag(config=True)
    link_secret = Unicode(
        "",
        help="The secret of which those are made that kernels dial in with and that"
        " share links are signed with. Empty: derived from Jupyter's cookie secret."
        " Servers that share kernels or links must share it.",
    ).tag(config=True)
    public_url = Unicode(
        "",
        help="Where people reach this server from outside, with its base URL, such as"
        " 'https://example.org/user/ann/': share links and QR codes begin with it."
        " Empty: the address of whoever asks for the link.",
    ).tag(config=True)
    share_link_max_ttl = Float(
        86_400, min=1, help="Seconds for which a share link may hold, at most."
    ).tag(config=True)
    recheck_interval = Float(
        30,
        min=0.01,
        max=60,
        help="Seconds after which whoever is connected is judged again, by the"
        " credential he came with: closed with 4001 once it holds no more, and sent"
        " back in where his rights have changed.",
    ).tag(config=True)
    allow_origins = List(
        Unicode(),
        help="Origins, such as 'https://example.org:8443', whose pages may connect"
        " besides this server's own. Compared exactly. Empty: Jupyter's own"
        " allow_origin and allow_origin_pat hold.",
    ).tag(config=True)
    rate_limit_messages = Int(
        100, min=1, help="Messages that one client may send in rate_limit_window."
    ).tag(config=True)
    rate_limit_window = Float(60, min=0.001, help="Seconds.").tag(config=True)
    memory_limit = Int(
        None,
        min=1,
        allow_none=True,
        help="Bytes of the server process, on Linux, past which kgnb/health says"
        " 'degraded' and new sockets get 4013; those that are open stay. None: any.",
    ).tag(config=True)
    groups_open = List(
        Unicode(),
        help="Groups of clients that anybody who may connect may join. Others are"
        " joined by whoever Jupyter's authorizer lets write 'kgnb:groups', and by"
        " those that a notebook's kgnb.manager lets in.",
    ).tag(config=True)
    offline_queue = Int(
        1000,
        min=1,
        help="Messages of its groups and topics that a client with a client_id gets"
        " when it comes back; older ones are dropped, and it is told how many.",
    ).tag(config=True)
    offline_ttl = Float(
        86_400, min=0, help="Seconds after which such a message is dropped."
    ).tag(config=True)
    retention_days = Float(
        30,
        min=0,
        help="Days for which finished runs are kept, with their approvals and sessions,"
        " and the audit. 0: for ever. Of more than 10,000 finished runs the oldest go"
        " in any case.",
    ).tag(config=True)
    log_url = Unicode(
        "",
        help="Where runs are kept: 'sqlite:///absolute/path.sqlite', 'memory://',"
        " 'redis://host:port/0' (extra redis) or 'postgresql://user@host/database'"
        " (extra postgres); one server each. Empty: a file under Jupyter's data"
        " directory; servers that run at the same time take one each. It holds"
        " prompts, payloads and answers.",
    ).tag(config=True)

    session_url = Unicode(
        "",
        help="Where the messages of sessions are kept: the same choices as log_url."
        " Empty, or the same: with the runs. They are deleted with the last run of"
        " their session, and retention_days after the last message.",
    ).tag(config=True)

    backplane_url = Unicode(
        "",
        help="Joins several servers, which then act as one: 'redis://host:port/0', or"
        " 'rediss://' with TLS, the same for all (extra redis). They need the same"
        " log_url, of Redis or PostgreSQL, and the same link_secret. Empty: this"
        " server is alone.",
    ).tag(config=True)

    _beginning: Beginning | None = None
    _member: Member | None = None
    _watcher: KernelWatcher | None = None
    _rounds: Rounds | None = None
    _series: Series | None = None
    _environment: Mapping[str, str] = MappingProxyType({})

    def initialize_handlers(self) -> None:
        """The routes; the broker behind them starts later.

        Raises:
            InvalidValue: The settings cannot join servers.
        """
        joining.check(self.backplane_url, self.log_url, self.session_url)
        self.host = Host(self._read_settings())
        shared = {"host": self.host}
        self.handlers.extend(
            [
                (r"kgnb/ws/?", ClientSocket, shared),
                (r"kgnb/ws/workflow", ClientSocket, shared),
                *((path, handler, shared) for path, handler in handlers(ROUTES)),
                # After the calls: ``kgnb/ws/health`` is no workflow's.
                (r"kgnb/ws/([^/]+)(?:/([^/]+))?", WorkflowSocket, shared),
                (r"kgnb/link", LinkSocket, shared),
                (r"kgnb/.*", NotFound, shared),
            ]
        )

    def _read_settings(self) -> Settings:
        return Settings(
            max_connections=self.max_connections,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            max_message_size=self.max_message_size,
            compression=self.compression,
            recheck_interval=self.recheck_interval,
            allow_origins=tuple(self.allow_origins),
            link_secret=access.derive_link_secret(self._root),
            public_url=addresses.with_slash(self.public_url),
        )

    @property
    def _root(self) -> str:
        """The secret of which the others are made; it stays in this process."""
        given: str = self.link_secret
        return given or access.derive_root(self._serverapp.cookie_secret)

    @property
    def _serverapp(self) -> ServerApp:
        if self.serverapp is None:  # Jupyter links it before it loads us
            msg = "KgnbApp: expected to be loaded by a Jupyter server"
            raise RuntimeError(msg)
        return self.serverapp

    # ---- start

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Open the log and let kernels and people in.

        Called once the server listens, so its port is the real one. The
        environment comes first, without waiting for anything: a kernel that
        starts meanwhile inherits it, and dials until the broker is there.
        """
        self._set_environment(serverapp)
        if self.backplane_url:
            self._member = joining.join(
                self.host,
                self.backplane_url,
                root=self._root,
                make=lambda: self._driver(self.log_url, self.session_url),
            )
            await self._member.start()
        else:
            self._beginning = Beginning(
                self.host,
                self._claim_log,
                self._driver,
                what="KgnbApp.log_url",
                session_url=self.session_url,
                log=self.log,
            )
            await self._beginning.start()
        self._watcher = KernelWatcher(serverapp.kernel_manager, lambda: self.host.doors)
        self.host.greeted = self._watcher.greeted
        self._watcher.start()
        self._rounds = Rounds(self.host)
        self._rounds.start()
        self._show_series()

    def _show_series(self) -> None:
        """Let Jupyter's own ``/metrics`` show our series too."""
        series = Series(self.host)
        try:
            prometheus_client.REGISTRY.register(series)
        except ValueError:
            self.log.warning(
                "kgnb: another server of this process shows its series in /metrics;"
                " those of this one are at kgnb/metrics only"
            )
        else:
            self._series = series

    def _set_environment(self, serverapp: ServerApp) -> None:
        if serverapp.sock:
            self.log.info(
                "kgnb: this server listens on a UNIX socket, which kernels do not"
                " dial; each keeps its own log"
            )
            return
        self._environment = {
            URL: addresses.link_url(
                ip=serverapp.ip,
                port=serverapp.port,
                base_url=serverapp.base_url,
                secure=bool(serverapp.certfile),
            ),
            SECRET: self.host.settings.link_secret,
            PID: str(os.getpid()),
        }
        os.environ.update(self._environment)

    def _claim_log(self) -> logs.Claim:
        if self.log_url:
            return logs.claim_url(self.log_url)
        return logs.claim_in(Path(jupyter_data_dir()) / "kgnb")

    def _driver(self, url: str, session_url: str) -> BrokerDriver:
        limits = BrokerLimits(
            max_connections=self.max_connections,
            max_connections_per_identity=self.max_connections_per_identity,
            frame=Limits(max_size=self.max_message_size),
            memory_limit=self.memory_limit,
            rate_limit_messages=self.rate_limit_messages,
            rate_limit_window=self.rate_limit_window,
            groups_open=tuple(self.groups_open),
            offline_queue=self.offline_queue,
            offline_ttl=self.offline_ttl,
            share_ttl=self.share_link_max_ttl,
            retention=self.retention_days * DAY,
        )
        signer = Signer(
            access.derive_share_key(self._root),
            public_url=self.host.settings.public_url,
        )
        # Servers that are one know a voter by one mark.
        secret = self._serverapp.cookie_secret
        voters = Voters(
            are_known=names_people(self._serverapp.identity_provider),
            key=access.derive_voter_key(
                self._root.encode() if self.backplane_url else secret
            ),
        )
        return BrokerDriver(
            open_log(
                url,
                session_url=session_url,
                session_ttl=self.retention_days * DAY,
            ),
            limits=limits,
            server="jupyter",
            voters=voters,
            tokens=signer,
        )

    # ---- stop

    async def stop_extension(self) -> None:
        """Let everybody go and close the log, within a few seconds.

        Never raises: Jupyter would then leave its kernels running.
        """
        for name, value in self._environment.items():
            if os.environ.get(name) == value:
                del os.environ[name]
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await self._stop()
        except TimeoutError:
            self.log.warning("kgnb: stopping took over %s s; left", _STOP_TIMEOUT)
        except Exception:
            # The root of the stop: see above.
            self.log.exception("kgnb: stopping failed")
        finally:
            if self._beginning is not None:
                self._beginning.release()

    async def _stop(self) -> None:
        series, self._series = self._series, None
        if series is not None:
            prometheus_client.REGISTRY.unregister(series)
        if self._beginning is not None:
            self._beginning.shut()
        if self._rounds is not None:
            await self._rounds.aclose()
        if self._watcher is not None:
            await self._watcher.aclose()
        self.host.close_sockets(*closecodes.RESTARTING)
        if self._member is not None:
            await self._member.aclose()
        if self._beginning is not None:
            await self._beginning.aclose()
