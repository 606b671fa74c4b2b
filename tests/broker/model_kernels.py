"""Kernels as a model has them: what each process sent, and what it knows is stored."""

from datetime import UTC, datetime

from model_world import START

from kgnb.broker import Identity, Peer

LINK = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner", via="link")


class Producer:
    """One process's part of one run: the frames of one epoch."""

    def __init__(self, run_id, epoch):
        self.run_id = run_id
        self.epoch = epoch
        self.frames = []
        self.acknowledged = 0
        self.has_ended = False
        self.is_fenced = False
        """It was told that its epoch is over."""
        self.text = 0
        """Characters of its token stream."""

    @property
    def is_over(self):
        return self.has_ended or self.is_fenced

    @property
    def is_acknowledged(self):
        return self.acknowledged == len(self.frames)


class Run:
    """One run over all its epochs."""

    def __init__(self, run_id):
        self.id = run_id
        self.stream = f"run/{run_id}"
        self.producers = []


class Kernel:
    """One kernel id; its process, if one lives, and its link, if there is one."""

    def __init__(self, world, kernel_id):
        self.world = world
        self.id = kernel_id
        self.process = 0
        self.link = None
        self.token = None
        self.is_welcome = False
        self.producing = {}
        """Of this process, by run."""
        self.refusals = []

    @property
    def process_id(self):
        return f"{self.id}-{self.process}"

    def begin_process(self):
        self.process += 1
        self.token = None
        self.producing = {}

    def dial(self):
        self.link = self.world.connect_link(LINK)
        self.is_welcome = False
        hello = {
            "type": "hello",
            "kernel_id": self.id,
            "process_id": self.process_id,
            "pid": 1,
        }
        if self.token is not None:
            hello["owner_token"] = self.token
        self.world.send(self.link, hello)

    def leave(self):
        """The link breaks, and what was on its way over it is lost."""
        self.link = None

    def hear(self):
        """Take what came, and answer a welcome with what is not stored yet."""
        if self.link is None:
            return
        for frame in self.link.take():
            match frame["type"]:
                case "welcome":
                    self._welcomed(frame)
                case "appended":
                    self._appended(frame)
                case "refused":
                    self._refused(frame)
                case _:
                    self.heard(frame)
        if self.link.closed is not None:
            self.link = None

    def heard(self, frame):
        """Whatever else a server says to a kernel."""

    def _welcomed(self, frame):
        self.token = frame["owner_token"]
        self.is_welcome = True
        known = {each["run_id"]: each for each in frame.get("runs", [])}
        for producer in self.producing.values():
            found = known.get(producer.run_id)
            if found is not None and found["epoch"] == producer.epoch:
                assert found["n"] >= producer.acknowledged, "lost what it acknowledged"
                producer.acknowledged = found["n"]
            self.push(producer, producer.acknowledged + 1)

    def _appended(self, frame):
        producer = self.producing.get(frame["run_id"])
        if producer is not None and frame["n"] <= len(producer.frames):
            producer.acknowledged = max(producer.acknowledged, frame["n"])

    def _refused(self, frame):
        self.refusals.append(frame)
        producer = self.producing.get(frame["run_id"])
        is_mine = producer is not None and frame["epoch"] == producer.epoch
        if is_mine and frame["code"] == "conflict":
            producer.is_fenced = True

    def push(self, producer, n, count=None):
        """Send frames from the ``n``-th on."""
        frames = producer.frames[n - 1 :][:count]
        if frames and self.is_welcome and self.link is not None:
            self.append(producer.run_id, producer.epoch, n, frames)

    def append(self, run_id, epoch, n, frames):
        frame = {"type": "append", "run_id": run_id, "epoch": epoch, "n": n}
        self.world.send(self.link, {**frame, "events": frames})

    def begin(self, run, epoch, stamp, **fields):
        """Start a run, or take one up again in a higher epoch."""
        producer = Producer(run.id, epoch)
        run.producers.append(producer)
        self.producing[run.id] = producer
        started = {"type": "workflow_started", **fields}
        self.emit(producer, [started], stamp)
        return producer

    def emit(self, producer, made, stamp):
        """Append events, each with a time of its own by which it is known again."""
        first = len(producer.frames) + 1
        for event in made:
            common = {"run_id": producer.run_id, "workflow": "w", "timestamp": stamp()}
            producer.frames.append({**common, **event})
        self.push(producer, first)


class Stamps:
    """Times that are all different."""

    def __init__(self):
        self._last = 0

    def __call__(self):
        self._last += 1
        at = datetime.fromtimestamp(START + self._last / 1000, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
