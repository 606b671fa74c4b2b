"""Runs on their way from kernels to readers, against a model of lists."""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from model_faults import Faults
from model_kernels import Kernel, Run, Stamps
from model_readers import Viewer
from model_world import World

from kgnb.broker import BrokerLimits, Identity, Peer
from kgnb.broker.rows import RunRow, decode
from kgnb.broker.shares import Wish
from kgnb.errors import KgnbError, NoSuchLink, Unauthorized
from kgnb.server.links import Signer

LIMITS = BrokerLimits(
    read_page=4,
    read_bytes=600,
    rate_limit_messages=10**6,
    rate_limit_light=10**6,
    retention=3_600.0,
    max_finished_runs=2,
)
SIGNER = Signer(b"k" * 32, public_url="https://example.org/")
ANN = Peer(identity=Identity(user="ann"), role="start", via="http")
MOST_RUNS = 6
MOST_LINKS = 3
WHICH = st.integers(0, 1)
WHO = st.integers(0, 2)
RUN = st.integers(0, MOST_RUNS - 1)
COMPLETED = {"type": "workflow_completed", "data": 1}
CANCELLED = {"type": "workflow_cancelled"}
FAILED = {"type": "workflow_failed", "error": {"code": "x", "message": ""}}
OF_THE_BROKER = ("workflow_lost", "workflow_stalled", "workflow_resumed")


class ShareLink:
    """A share link, and what is known of it."""

    def __init__(self, run_id, expires_at):
        self.run_id = run_id
        self.expires_at = expires_at
        self.token = ""
        self.share_id = ""
        self.is_revoked = False
        self.is_settled = True
        """Whether its end is stored: a restart undoes what is not."""


class Delivery(Faults):
    """Each reader has a prefix of the log, or was told; and the log has what each
    kernel sent."""

    @initialize()
    def begin(self):
        self.world = World(LIMITS, tokens=SIGNER)
        self.stamp = Stamps()
        self.runs = []
        self.links = []
        self.ghosts = []
        """Sockets whose peer is gone, and the host does not know."""
        self.kernels = [Kernel(self.world, "k1"), Kernel(self.world, "k2")]
        self.people = [
            Viewer(self.world, "ann", {"all"}),
            Viewer(self.world, "bob", {"all"}),
            Viewer(self.world, "tok", {"tokens", "results"}),
        ]
        for kernel in self.kernels:
            kernel.begin_process()
            self._new_run(kernel)
        self.people[0].wanted = {None}
        self.people[1].wanted = self.people[2].wanted = {"r0", "r1"}
        self.all_are_there()
        self.world.work()

    def _new_run(self, kernel):
        if len(self.runs) < MOST_RUNS:
            run = Run(f"r{len(self.runs)}")
            self.runs.append(run)
            kernel.begin(run, 1, self.stamp)

    # Kernels

    def _producer(self, which):
        """A run that a living process works on."""
        alive = [
            (kernel, producer)
            for kernel in self.kernels
            for producer in kernel.producing.values()
            if not producer.is_over
        ]
        return alive[which % len(alive)] if alive else (None, None)

    @rule(
        which=WHICH,
        kinds=st.sampled_from(["ttt", "tpt", "ptptp", "l", "tlt", "m", "nnn"]),
        size=st.sampled_from([3, 3, 60, 250]),
    )
    def kernel_appends(self, which, kinds, size):
        kernel, producer = self._producer(which)
        if producer is not None:
            made = [self._event(producer, kind, size) for kind in kinds]
            kernel.emit(producer, made, self.stamp)

    def _event(self, producer, kind, size):
        number = len(producer.frames)
        common = {"node_id": "A", "task_id": "A:1", "attempt": 1}
        match kind:
            case "t":
                index, text = producer.text, "é" * size
                producer.text += size
                stream = f"A:1.1/{producer.epoch}"
                own = {"type": "token", "stream": stream, "index": index, "data": text}
            case "p":
                own = {"type": "progress", "data": {"percent": number}}
            case "n":
                own = {"type": "node_update", "status": "running", "progress": number}
            case "l":
                data = {"stream": "stdout", "text": "x" * size}
                own = {"type": "log", "data": data}
            case _:
                own = {"type": "message", "data": {"role": "user", "content": number}}
        return {**own, **common}

    @rule(which=WHICH, what=st.sampled_from(["repeat", "gap", "old"]), back=WHO)
    def kernel_sends_what_it_should_not(self, which, what, back):
        kernel, producer = self._producer(which)
        if producer is None or kernel.link is None or not kernel.is_welcome:
            return
        kernel.hear()
        n, before = len(producer.frames), len(kernel.refusals)
        if what == "repeat":
            kernel.push(producer, max(1, n - back))
            return
        epoch = producer.epoch - (what == "old")
        event = {"run_id": producer.run_id, **CANCELLED}
        if epoch and kernel.link is not None:
            kernel.append(producer.run_id, epoch, n + 2, [event])
            kernel.hear()
            assert kernel.link is None or len(kernel.refusals) == before + 1

    @rule(which=WHICH, how=st.sampled_from([None, COMPLETED, FAILED, CANCELLED]))
    def run_starts_or_ends(self, which, how):
        kernel, producer = self._producer(which)
        if how is None or producer is None:
            self._new_run(self.kernels[which])
        else:
            kernel.emit(producer, [how], self.stamp)
            producer.has_ended = True

    @rule(which=WHICH, run=RUN)
    def run_is_taken_up_again(self, which, run):
        run, kernel = self.runs[run % len(self.runs)], self.kernels[which]
        kernel.hear()
        row = self.world.log._tables.row(run.stream)
        if row is None or run.id not in self.world.broker.runs.by_id:
            return  # it was let go, or is about to be
        found, mine = decode(row.value, RunRow), kernel.producing.get(run.id)
        is_done = mine is None or mine.is_fenced or mine.is_acknowledged
        if found.has_ended and is_done:
            kernel.begin(run, found.epoch + 1, self.stamp, resumed_from=run.id)

    @rule(which=WHICH, is_known=st.booleans())
    def kernel_dies(self, which, is_known):
        """Another process takes its place; the host may have said so before."""
        kernel = self.kernels[which]
        kernel.begin_process()
        kernel.link = None
        if is_known:
            self.world.broker.kernels.gone(kernel.id, "killed", self.world.now)
            self.world.perform()

    # Connections

    @rule(who=st.integers(0, 4), what=st.sampled_from(["cut", "cut unnoticed", "back"]))
    def connection_is_cut_or_back(self, who, what):
        if who >= len(self.people):
            self._move_link(self.kernels[who - 3], what)
            return
        viewer = self.people[who]
        if viewer.socket is None:
            viewer.come_back()
        elif what != "back":
            self._lose(viewer.leave(), what)

    def _move_link(self, kernel, what):
        if kernel.link is None:
            kernel.dial()
        elif what != "back":
            link, kernel.link = kernel.link, None
            self._lose(link, what)

    def _lose(self, socket, what):
        if what == "cut":
            self.world.drop(socket)
        else:
            self.ghosts.append(socket)

    @rule()
    def host_notices_who_is_gone(self):
        while self.ghosts:
            self.world.drop(self.ghosts.pop())

    def restarted(self):
        self.ghosts = []
        for link in self.links:
            link.is_revoked = link.is_revoked and link.is_settled
        for end in (*self.kernels, *self.people):
            end.leave()

    # Readers

    @rule(
        who=WHO,
        run=st.integers(0, MOST_RUNS),
        how=st.sampled_from(["own", "own", "old", "foreign", "beyond", "off"]),
    )
    def viewer_subscribes(self, who, run, how):
        viewer = self.people[who]
        run_id = f"r{run}" if run < MOST_RUNS else None
        if viewer.socket is not None and viewer.peer.run_scope in (None, run_id):
            if how == "off":
                viewer.unsubscribe(run_id)
            else:
                viewer.subscribe(run_id, how)

    @rule(who=WHO, count=st.sampled_from([1, 3, 10, None]))
    def slow_viewer_reads(self, who, count):
        self.people[who].read(count)

    @rule(run=RUN, part=st.sampled_from([0.2, 0.5, 1.0]))
    def log_is_trimmed(self, run, part):
        run = self.runs[run % len(self.runs)]
        ended = len(self.world.history.get(run.stream, []))
        self.world.trim(run.stream, int(part * ended))

    # Share links

    @rule(
        which=st.integers(0, MOST_LINKS - 1),
        what=st.sampled_from(["come", "come", "revoke"]),
        ttl=st.sampled_from([5.0, 600.0]),
    )
    def run_is_shared(self, which, what, ttl):
        if which >= len(self.links):
            self._share(self.runs[which % len(self.runs)], ttl)
        elif what == "come":
            self._come_by(self.links[which])
        else:
            self._revoke(self.links[which])

    def _share(self, run, ttl):
        link = ShareLink(run.id, self.world.now + ttl)

        def made(result):
            if not isinstance(result, KgnbError) and len(self.links) < MOST_LINKS:
                link.token, link.share_id = result.token, result.row.share_id
                self.links.append(link)

        if run.id in self.world.broker.runs.by_id:
            wish = Wish(run_id=run.id, ttl=ttl)
            self.world.broker.shares.make(ANN, wish, self.world.now, made)
            self.world.perform()

    def _come_by(self, link):
        is_over = link.is_revoked or self.world.now >= link.expires_at
        try:
            peer = self.world.broker.shares.peer_of(link.token, self.world.now)
        except Unauthorized:
            return
        assert not is_over, "let in by a link that is over"
        if self.people[2].socket is not None:
            self.world.drop(self.people[2].leave())
        self.people[2] = Viewer(self.world, "", {"all"}, peer=peer)
        self.people[2].wanted = {link.run_id}
        self.people[2].come_back()

    def _revoke(self, link):
        if link.is_revoked or self.world.now >= link.expires_at:
            return
        link.is_revoked, link.is_settled = True, False

        def over(result):
            link.is_settled = not isinstance(result, KgnbError)

        shares = self.world.broker.shares
        try:
            shares.revoke(ANN, link.share_id, self.world.now, over)
        except NoSuchLink:  # it ran out, and then the clock was set back
            link.is_settled = True
        self.world.perform()

    # What holds

    def check(self):
        for kernel in self.kernels:
            kernel.hear()
        over = {link.share_id for link in self.links if link.is_revoked}
        for viewer in self.people:
            is_open = viewer.socket is not None and viewer.socket.closed is None
            assert not (is_open and viewer.peer.share_id in over), "still let in"

    def teardown(self):
        if self.world is None:
            return
        self._settle()
        for run in self.runs:
            self._check_log(run)
        for kernel in self.kernels:
            for producer in kernel.producing.values():
                assert producer.is_fenced or producer.is_acknowledged, "not stored"
        known = self.world.broker.runs.by_id
        unfinished = {key for key, run in known.items() if not run.row.has_ended}
        alive = {key for kernel in self.kernels for key in kernel.producing}
        assert unfinished <= alive, "nobody said that it is lost"
        for viewer in self.people:
            if viewer.socket is not None:
                viewer.check_complete(set(known), unfinished)
                self.world.drop(viewer.leave())
        self.host_notices_who_is_gone()
        assert not self.world.broker.subscriptions._readers
        assert not self.world.broker.subscriptions._broad

    def _settle(self):
        """Until nothing moves; whoever was refused tries again after a while."""
        for _ in range(4):
            self.world.tick(2.0)
            self.all_goes_well()
        self.host_notices_who_is_gone()
        for _ in range(200):
            if self.world.reads:
                self.all_goes_well()
        assert not self.world.reads, "a page is never read"
        self.read_all()

    def _check_log(self, run):
        """The log has the frames of each process, in order, once, none between."""
        by_stamp = {
            frame["timestamp"]: (producer, n)
            for producer in run.producers
            for n, frame in enumerate(producer.frames, 1)
        }
        found = dict.fromkeys(run.producers, 0)
        current = None
        for payload in self.world.history.get(run.stream, []):
            event = msgspec.json.decode(payload)
            if event["type"] in OF_THE_BROKER:
                continue
            producer, n = by_stamp[event["timestamp"]]
            assert n == found[producer] + 1, "stored twice, or out of order"
            if producer is not current:
                assert n == 1, "stored behind the next epoch"
                assert current is None or producer.epoch > current.epoch
                current = producer
            found[producer] = n
        for producer, n in found.items():
            assert n >= producer.acknowledged, "acknowledged, and not stored"
