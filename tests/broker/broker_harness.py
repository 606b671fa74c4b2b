"""A broker under a passed-in clock, its log in memory, and clients that remember."""

import json

from kgnb.broker import Broker, Identity, Peer, Voters
from kgnb.broker.effects import Close, Commit, Get, Read, Send
from kgnb.protocol import ids
from kgnb.protocol.ids import timestamp
from kgnb.storage.memory import _Tables
from kgnb.storage.transact import apply

ALICE = Peer(identity=Identity(user="alice", name="Alice"), role="start", via="panel")
VOTERS = Voters(are_known=True, key=b"secret")
KERNEL = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner", via="link")


class Host:
    """Carries out effects at once, or, while ``is_held``, when told to."""

    def __init__(
        self, limits=None, tables=None, now=1_000_000.0, voters=VOTERS, tokens=None
    ):
        self.now = now
        self.tables = tables or _Tables()
        self.broker = Broker("log-1", now, limits=limits, voters=voters, tokens=tokens)
        self.broker.load(
            [r for k, r in sorted(self.tables.rows.items()) if k.startswith("run/")],
            list(self.tables.states.values()),
            [r for k, r in sorted(self.tables.rows.items()) if k.startswith("appr")],
            [r for k, r in sorted(self.tables.rows.items()) if k.startswith("kern")],
            now,
        )
        published = [r for k, r in self.tables.rows.items() if k.startswith("workf")]
        self.broker.load_workflows(published)
        shared = [r for k, r in self.tables.rows.items() if k.startswith("share/")]
        self.broker.load_shares(shared, now)
        self._load_mail()
        self.frames = {}
        self.out_frames = {}
        self.closed = {}
        self.is_held = False
        self.is_failing = False
        self.work = []

    def _load_mail(self):
        def found(prefix):
            return [r for k, r in self.tables.rows.items() if k.startswith(prefix)]

        self.broker.load_mail(found("client/"), found("manager/"), self.now)
        kept = self.broker.limits.offline_queue
        for state in self.tables.states.values():
            if state.stream.startswith("mail/"):
                after = max(0, state.seq - kept)
                newest = self.tables.read(state.stream, after, kept)
                self.broker.load_stream(state, newest)

    def perform(self):
        while effects := self.broker.effects.take():
            for effect in effects:
                match effect:
                    case Send(conn, frame):
                        assert conn not in self.closed
                        self.out_frames.setdefault(conn, []).append(frame)
                        self.frames.setdefault(conn, []).append(
                            json.loads(frame.payload)
                        )
                    case Close(conn, code, reason):
                        self.closed[conn] = (code, reason)
                        self.broker.disconnect(conn, self.now)
                    case Commit() | Read() | Get():
                        self.work.append(effect)
            if not self.is_held:
                self.settle()

    def settle(self):
        """Let the log do all that it was given."""
        while self.work:
            self.step()

    def step(self):
        """Let the log do one thing."""
        self._do(self.work.pop(0))

    def store_silently(self):
        """Let the log store what is first, and say so only with a later step."""
        if self.work and isinstance(self.work[0], Commit) and not self.is_failing:
            transaction, done, _ = self.work[0]
            outcome = apply(self.tables, transaction)
            self.work[0] = lambda: done(outcome, self.now)

    def doubt(self):
        """Let the log be silent on what is first."""
        first = self.work[0]
        if isinstance(first, Commit) and first.doubt is not None:
            first.doubt(self.now)
            self.perform()

    def read_early(self):
        """Let the first read overtake the commits before it."""
        reads = [n for n, effect in enumerate(self.work) if isinstance(effect, Read)]
        if reads:
            self._do(self.work.pop(reads[0]))

    def _do(self, effect):
        match effect:
            case Commit(transaction, done, _):
                outcome = None if self.is_failing else apply(self.tables, transaction)
                done(outcome, self.now)
            case Read(_, stream, after, limit, done):
                found = None if self.is_failing else self.read(stream, after, limit)
                done(found, self.now)
            case Get(key, done):
                row = self.tables.rows.get(key)
                found = [] if row is None else [row]
                done(None if self.is_failing else found, self.now)
            case _:
                effect()
        self.perform()

    def read(self, stream, after, limit):
        return self.tables.read(stream, after, limit)

    def tick(self, seconds=0.0):
        self.now += seconds
        self.broker.tick(self.now)
        self.perform()

    def client(self, peer=ALICE):
        client = Client(self, self.broker.connect(peer, self.now))
        self.perform()
        return client

    def kernel(self, kernel_id="k1", process_id="p1", token=None, pid=1):
        kernel = self.bare_link()
        kernel.send(
            type="hello",
            kernel_id=kernel_id,
            process_id=process_id,
            pid=pid,
            **({"owner_token": token} if token else {}),
        )
        return kernel

    def bare_link(self):
        return Kernel(self, self.broker.connect_link(KERNEL))

    def events(self, run_id="r1"):
        return [json.loads(p) for p in self.tables.records.get(f"run/{run_id}", [])]


class Client:
    """One end of a connection."""

    def __init__(self, host, conn):
        self.host = host
        self.conn = conn

    def send(self, **frame):
        self.send_raw(json.dumps(frame))

    def send_raw(self, raw):
        self.host.broker.receive(self.conn, raw, self.host.now)
        self.host.perform()

    def take(self, *types):
        """What came since the last call; of these types only, where given."""
        frames = self.host.frames.pop(self.conn, [])
        return [f for f in frames if not types or f["type"] in types]

    def ask(self, **frame):
        """Send, and give the one reply."""
        self.take()
        self.send(**frame)
        replies = self.take("ack", "error", "subscribed", "unsubscribed", "pong")
        assert len(replies) == 1, replies
        return replies[0]

    def seqs(self):
        return [f["seq"] for f in self.take() if "workflow_id" in f]

    def drop(self):
        self.host.broker.disconnect(self.conn, self.host.now)
        self.host.perform()

    @property
    def closed(self):
        return self.host.closed.get(self.conn)


class Kernel(Client):
    """A link, and the frames of its runs; who comes and goes only if asked for."""

    def take(self, *types):
        frames = super().take(*types)
        return [f for f in frames if f["type"] in (types or {f["type"]} - {"client"})]

    def append(self, run_id, n, *events, epoch=1):
        self.send(
            type="append",
            run_id=run_id,
            epoch=epoch,
            n=n,
            events=[{"run_id": run_id, "workflow": "w", **e} for e in events],
        )

    def start(self, run_id="r1", *events):
        self.append(run_id, 1, {"type": "workflow_started"}, *events)

    def log(self, run_id, n, text="x"):
        self.append(
            run_id,
            n,
            {
                "type": "log",
                "node_id": "A",
                "data": {"stream": "stdout", "text": str(text)},
            },
        )

    def request(self, host, approval="a1", *, timeout=None, node="A", **data):
        shown = {"message": "Publish?", "options": ["yes", "no"], **data}
        hashed = ids.args_hash(
            shown["message"],
            shown["options"],
            shown.get("schema"),
            shown.get("payload"),
        )
        if timeout is not None:
            shown["expires_at"] = timestamp(host.now + timeout)
        return {
            "type": "approval_request",
            "node_id": node,
            "task_id": f"{node}:1",
            "timestamp": timestamp(host.now),
            "data": {"approval_id": approval, "args_hash": hashed, **shown},
        }
