"""The processes of a fault test, apart from the test and from each other.

    python actors.py server FOLDER --port PORT
    python actors.py kernel FOLDER --url URL --life 1
    python actors.py clients FOLDER --url URL

The server is an application's. The kernel runs one graph after the other over the
runtime's own link: nodes send notes and messages, and ask. The clients read every
run, answer every question at the same time, and hear the messages. What they do goes
to the journals in FOLDER; a file ``stop`` there ends the work.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import random
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, Tail, fact_of

TOKEN = SECRET = "faults"
ROLES = ("server", "kernel", "clients")
GROUP = "everybody"
CLIENTS = ["ann", "bob", "eve"]
ENDS = {"workflow_completed", "workflow_failed", "workflow_lost"}
LOOK_AGAIN = 0.2
"""Seconds after which a dead run may have been taken up again."""
PATIENCE = 40.0
"""Seconds that clients wait, after the last run, for what is still to come."""


def main():
    options = options_of()
    faulthandler.register(signal.SIGUSR1)
    written = f"%(asctime)s {options.role} %(name)s: %(message)s"
    logging.basicConfig(format=written)
    logging.getLogger("kgnb").setLevel(logging.DEBUG)
    keep_wrong_time(options.folder / "clock")
    if options.plant:
        import planted

        planted.FAULTS[options.plant]()
    {"server": serve, "kernel": work, "clients": watch}[options.role](options)


def keep_wrong_time(file):
    """Have the wall clock of this process be wrong by the seconds that a file says.

    libfaketime would do the same for C code, and breaks absolute sleeps with it.
    """
    right = time.time

    def wrong():
        try:
            return right() + float(file.read_text() or 0)
        except FileNotFoundError:
            return right()

    time.time = wrong


def options_of(words=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--url", default="")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--log-url", default="")
    parser.add_argument("--life", type=int, default=1)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--plant", default="")
    parser.add_argument("--hang-at", default="", help="of the first process: a node")
    parser.add_argument("--durable", action="store_true")
    return parser.parse_args(words)


# The server.


def serve(options):
    import uvicorn

    from kgnb.server.asgi import create_app
    from kgnb.server.asgi.config import read_config

    config = {"rate_limit_messages": 100_000, "groups_open": (GROUP,)}
    app = create_app(token=TOKEN, secret=SECRET, log_url=options.log_url, config=config)
    uvicorn.run(
        app,
        port=options.port,
        log_level="warning",
        **read_config(config).uvicorn_options(),
    )


# The kernel.


def work(options):
    """As a process that is nobody's child and no IPython: it is told where to dial."""
    from kgnb.runtime import home, process
    from kgnb.runtime.link import Address
    from kgnb.server.access import derive_link_secret

    address = Address(options.url, derive_link_secret(SECRET))
    home.find_address = lambda: address
    process.kernel_id = lambda: "kernel"
    labour(options)


def labour(options):
    """One run after the other, until the file ``stop`` is there."""
    from workload import Workload

    from kgnb.runtime import home
    from kgnb.runtime.conversation import Conversation

    # A run takes the server's log, however long that is not there.
    home.LINK_WAIT = home.START_WAIT = 600.0
    journal = Journal(options.folder, f"kernel-{options.life}")
    listen_to_acknowledgements(Conversation, journal)
    chance = random.Random(f"{options.seed}/{options.life}")
    hangs_at = options.hang_at if options.life == 1 else ""
    workload = Workload(
        journal, options.life, chance, CLIENTS, GROUP, hangs_at=hangs_at
    )
    dead = unfinished(options.folder) if options.durable else None
    is_told = False
    while not is_told:
        # A run first: by it a process tells the server that it is the kernel now.
        run = begin(workload.graph(), dead, durable=options.durable)
        dead = None
        journal.note("begun", run=run.id)
        run.result()
        wait_stored(run)
        journal.note("ended", run=run.id, life=options.life)
        is_told = (options.folder / "stop").exists()
    journal.note("finished")


def wait_stored(run):
    """Wait until the log has all of a run; its result is there when it is away, too."""
    unstored = run._execution.port.conversation._outgoing
    while run.id in unstored:
        time.sleep(0.01)


def begin(graph, dead, *, durable):
    """Go on with a dead run where that is possible, else begin another."""
    import kgnb
    from kgnb.errors import Conflict, NoSuchRun

    options = {"panel": False, "mode": "live", "durable": durable}
    if dead is not None:
        # It was never stored, or had its end before its process had.
        with contextlib.suppress(NoSuchRun, Conflict):
            return kgnb.run(graph, {}, resume=dead, **options)
    return kgnb.run(graph, {}, **options)


def unfinished(folder):
    """The run that an earlier process did not end, as its journal has it."""
    told = [e for e in Tail(folder, "kernel-*.jsonl").new() if "run" in e]
    begun = {entry["run"] for entry in told if entry["what"] == "begun"}
    ended = {entry["run"] for entry in told if entry["what"] == "ended"}
    return next(iter(begun - ended), None)


def listen_to_acknowledgements(conversation, journal):
    """Write down what a kernel is told is stored, before it goes by that."""
    heard = conversation._on_append

    def on_append(self, frame):
        if getattr(frame, "seq", None) is not None:
            journal.note("stored_to", run=frame.run_id, seq=frame.seq)
        heard(self, frame)

    conversation._on_append = on_append


# The clients.


def watch(options):
    asyncio.run(Watch(options).run())


class Watch:
    """All clients."""

    def __init__(self, options):
        self._url = options.url
        self._token = options.token
        self._kernels = Tail(options.folder, "kernel-*.jsonl")
        self._journals = {name: Journal(options.folder, name) for name in CLIENTS}
        self._confirmed = set()
        self._heard = {name: set() for name in CLIENTS}
        self._readings = {}
        self._is_finished = False

    async def run(self):
        from kgnb.clients import connect
        from kgnb.clients.connection import Backoff

        quick = Backoff(first=0.01, longest=0.1)
        async with AsyncExitStack() as stack:
            self._clients = {
                name: await stack.enter_async_context(
                    connect(self._url, token=self._token, client_id=name, backoff=quick)
                )
                for name in CLIENTS
            }
            self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            hearing = [
                self._tasks.create_task(self._hear(*each))
                for each in self._clients.items()
            ]
            await self._follow()
            for task in (*hearing, *self._readings.values()):
                task.cancel()

    async def _follow(self):
        """Have each run read that begins; wait until all of it is known."""
        while not self._is_finished:
            self._look()
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._readings or any(
                    self._confirmed - heard for heard in self._heard.values()
                ):
                    await asyncio.sleep(0.01)

    def _look(self):
        for entry in self._kernels.new():
            match entry["what"]:
                case "begun":
                    for name in CLIENTS:
                        self._begin(name, entry["run"])
                case "posted":
                    self._confirmed.add((entry["life"], entry["n"]))
                case "finished":
                    self._is_finished = True

    def _begin(self, name, run):
        if (name, run) not in self._readings:
            reading = self._tasks.create_task(self._read(name, run))
            self._readings[name, run] = reading

    async def _hear(self, name, client):
        journal = self._journals[name]
        await client.join_group(GROUP)
        journal.note("joined", client=name)
        async for message in client.events(topics=["alerts"]):
            if message["type"] == "letter":
                key = message["life"], message["n"]
                journal.note("heard", client=name, life=key[0], n=key[1])
                self._heard[name].add(key)

    async def _read(self, name, run):
        """A run, to its end; also one that is lost, and goes on."""
        from kgnb.errors import NoSuchRun

        journal = self._journals[name]
        seq, is_over = 0, False
        try:
            while not is_over:
                is_last = self._is_finished
                try:
                    async for event in self._clients[name].events(
                        run_id=run, since=seq
                    ):
                        if event["type"] == "snapshot":
                            # In place of events that are gone: the judge misses them.
                            seq = event["view"]["seq"]
                            continue
                        seq, fact = event["seq"], fact_of(event)
                        journal.note("read", reader=name, run=run, seq=seq, fact=fact)
                        is_over = event["type"] in ENDS and not event.get("resumable")
                        if event["type"] == "approval_request":
                            await self._answer(name, event["data"])
                except NoSuchRun:  # yet: its kernel could not reach the log so far
                    pass
                is_over = is_over or is_last
                await asyncio.sleep(0 if is_over else LOOK_AGAIN)
        except asyncio.CancelledError:
            journal.note("gave_up", reader=name, run=run)
            raise
        del self._readings[name, run]

    async def _answer(self, name, data):
        from kgnb.errors import AlreadyAnswered, Conflict, NoSuchApproval, Unavailable

        journal, approval = self._journals[name], data["approval_id"]
        try:
            await self._clients[name].answer(approval, name)
        except Unavailable:  # for long: the log is away
            await self._answer(name, data)
        except AlreadyAnswered as error:
            journal.note("told", client=name, approval=approval, value=error.value)
        except NoSuchApproval:
            journal.note("unknown", client=name, approval=approval)
        except Conflict:  # its run was lost
            pass
        else:
            journal.note("accepted", client=name, approval=approval, value=name)


if __name__ == "__main__":
    main()
