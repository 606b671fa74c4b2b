"""Puts server, kernel and clients up, and breaks them as it is told."""

import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections import Counter
from pathlib import Path

from actors import CLIENTS, TOKEN
from asgi_harness import AppProcess
from journals import Journal, Tail, entries_of, fact_of, figures, violations
from server_harness import free_port

from kgnb.broker import rows
from kgnb.storage import open_log
from kgnb.testing.proxy import NO_FAULT, FaultProxy

ACTORS = Path(__file__).with_name("actors.py")
PAGE = 1_000
ASKING = 0.5
"""Seconds in which a run comes to its question, and stays there."""
CLOCKS = (7200, -7200, 86_400, -86_400, 0)
"""Seconds by which the clock of all is wrong."""
PATIENCE = 60
"""Seconds until work has to go on after a fault; on a busy machine."""


class Actor(AppProcess):
    """One of the processes; use with ``with``, again after its death."""

    def __init__(self, role, folder, *options, port=None, environment=()):
        command = map(str, (ACTORS, role, folder, *options))
        super().__init__(folder, *command, port=port, environment=environment)

    def __enter__(self):
        if self.process is not None:
            self.output.close()
        return super().__enter__()

    def kill(self):
        """As kill -9 does; again does no harm."""
        self.process.kill()
        self.process.wait(20)

    async def wait_ended(self, seconds):
        """Wait until it ends by itself; its exit status, None if it does not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.process.poll() is None:
                    await asyncio.sleep(0.02)
        return self.process.poll()


class Stage:
    """The three, at work, kernel and clients behind a proxy; use with ``async with``.

    Args:
        folder: For the journals, and the log if it is a file.
        seed: Decides what the nodes do.
        log_url: The store; by default SQLite.
        planted: Faults of ``planted.py`` by role: ``{"server": "skips_a_seq"}``.
        faults: What befalls the connections, once all are up; of clients and kernel.
        environments: Variables by role: ``{"server": {"LD_PRELOAD": …}}``.
        durable: Whether runs are, and the kernel's next process goes on with them.
        hang_at: The node, or item, in which the kernel's first process never ends.
        patience: Seconds for the work to go on after a fault, and to come to its end.
    """

    base, token = "", TOKEN

    def __init__(
        self,
        folder,
        *,
        seed=0,
        log_url=None,
        planted=(),
        faults=(),
        environments=(),
        patience=PATIENCE,
        durable=False,
        hang_at="",
    ):
        self.folder = folder
        self.log_url = log_url or f"sqlite://{folder}/log.sqlite"
        self.injected = Counter()
        """Faults, by kind."""
        self._planted = dict(planted)
        self._environments = dict(environments)
        self._seed = seed
        self._of_kernel = ["--durable"] if durable else []
        self._of_kernel += ["--hang-at", hang_at]
        self._patience = patience
        self._faults = iter(faults)
        self._is_up = False
        self._life = 0
        self._all = contextlib.AsyncExitStack()
        self._journal = Journal(folder, "faults")
        self._all.callback(self._journal.close)
        self._journals = Tail(folder)
        self.port = free_port()
        per_connection = (self._fault() for _ in itertools.count())
        self.proxy = FaultProxy("127.0.0.1", self.port, per_connection)

    async def __aenter__(self):
        try:
            await self._begin()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _begin(self):
        self.server = self._start_server()
        await self.server.wait_ready(PATIENCE)
        await self._all.enter_async_context(self.proxy)
        where = ["--url", self._url("http", self.base), "--token", self.token]
        self.clients = self._actor("clients", *where)
        await self._wait(lambda: self._told["joined"] == len(CLIENTS))
        await self.start_kernel()
        await self._wait(lambda: self._told["read"] > 0)
        self._is_up = True

    async def __aexit__(self, *_):
        await self._all.aclose()

    def _start_server(self):
        return self._actor("server", "--log-url", self.log_url)

    def _actor(self, role, *options):
        more = ["--plant", self._planted[role]] if role in self._planted else []
        port = ["--port", str(self.port)] if role == "server" else []
        actor = Actor(
            role,
            self.folder,
            *options,
            *more,
            *port,
            port=self.port,
            environment=self._environments.get(role, {}),
        )
        actor.__enter__()
        self._all.callback(self._end, actor)
        return actor

    def _end(self, actor):
        if actor.process.poll() is None:
            actor.process.send_signal(signal.SIGCONT)
            actor.kill()
        actor.output.close()

    def _url(self, scheme, path):
        return f"{scheme}://127.0.0.1:{self.proxy.port}/{path}"

    def _fault(self):
        return next(self._faults, NO_FAULT) if self._is_up else NO_FAULT

    @property
    def _told(self):
        return Counter(entry["what"] for entry in entries_of(self.folder))

    async def _wait(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._check_alive()
                await asyncio.sleep(0.02)

    def _check_alive(self):
        for actor in (self.server, self.clients):
            assert actor.process.poll() is None, actor.log

    # What goes on.

    async def go_on(self, lines):
        """Wait until so many more lines were written in the journals.

        Raises:
            TimeoutError: Nothing goes on any more.
        """
        try:
            async with asyncio.timeout(self._patience):
                while lines > 0:
                    lines -= sum(1 for _ in self._journals.new())
                    self._check_alive()
                    await asyncio.sleep(0.005)
        except TimeoutError:
            self._say_where()
            raise

    def _say_where(self):
        """Have all say in ``app.log`` where they are."""
        for actor in (self.server, self.kernel, self.clients):
            if isinstance(actor, Actor):
                actor.process.send_signal(signal.SIGUSR1)
                time.sleep(0.2)

    async def wait_shown(self, node):
        """Wait until somebody has read a note of that node, or of that item."""

        def is_shown():
            read = [e["fact"] for e in entries_of(self.folder) if e["what"] == "read"]
            return any(fact[0] == "note" and fact[3] == node for fact in read)

        await self._wait(is_shown)

    async def start_kernel(self):
        """Another process of the kernel."""
        url = self._url("ws", "kgnb/link")
        self.kernel = self._actor("kernel", "--url", url, *self._next_life())

    def _next_life(self):
        self._life += 1
        return ["--life", self._life, "--seed", self._seed, *self._of_kernel]

    # Faults.

    async def suffer(self, schedule):
        """One fault after the other; see ``schedules.py``."""
        for strike in schedule:
            await self.go_on(strike.after)
            self._journal.note("fault", kind=strike.kind, hold=strike.hold)
            await getattr(self, strike.kind)(strike.hold)
            self.injected[strike.kind] += 1

    async def kill_server(self, hold):
        """kill -9, and another one ``hold`` seconds later; perhaps not yet ready."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(hold)
        self.server.__enter__()

    async def kill_kernel(self, hold):
        await asyncio.to_thread(self.kernel.kill)
        await asyncio.sleep(hold)
        await self.start_kernel()

    async def stop_server(self, hold):
        await self._stop(self.server, hold)

    async def stop_kernel(self, hold):
        await self._stop(self.kernel, hold)

    async def stop_clients(self, hold):
        await self._stop(self.clients, hold)

    @staticmethod
    async def _stop(actor, hold):
        actor.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(hold)
        actor.process.send_signal(signal.SIGCONT)

    async def set_clock(self, hold):
        """Set the clock of all, while a question waits for its answer; and back."""
        self.clients.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(ASKING)
        for offset in CLOCKS:
            (self.folder / "clock").write_text(str(offset))
            await asyncio.sleep(hold)
        self.clients.process.send_signal(signal.SIGCONT)

    async def reset(self, _hold):
        """Reset every connection."""
        self.proxy.reset_all()

    async def cut(self, hold):
        """Close every connection, each in the middle of what it carries."""
        self.proxy.break_after(int(1000 * hold))

    async def black_hole(self, hold):
        """Nothing comes through for a while, and nobody is told."""
        self.proxy.stall()
        await asyncio.sleep(hold)
        self.proxy.flow()

    # The end.

    async def finish(self):
        """Let all come to their end; what was promised and not kept.

        A fault that is planted may keep them from it: then they are killed.
        """
        self._is_up = False
        (self.folder / "stop").touch()
        for actor in (self.kernel, self.clients):
            status = await actor.wait_ended(self._patience)
            if status is None and not self._planted:
                self._say_where()
            assert status == 0 or (status is None and self._planted), actor.log
            self._end(actor)
        self.server.stop()
        await self._copy_log()
        entries = entries_of(self.folder)
        self.figures = figures(entries)
        return violations(entries)

    async def _copy_log(self):
        """Write down what the store holds, each run of it."""
        journal = Journal(self.folder, "log")
        log = open_log(self.log_url)
        await log.open()
        try:
            for state in await log.streams(rows.STREAM):
                run, seq = state.stream.removeprefix(rows.STREAM), 0
                while page := await log.read(state.stream, seq, PAGE):
                    for record in page:
                        event = json.loads(record.payload)
                        seq = record.seq
                        journal.note("holds", run=run, seq=seq, fact=fact_of(event))
        finally:
            await log.aclose()
            journal.close()
