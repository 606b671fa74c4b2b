"""Messages to groups, topics and clients, and what who was away gets of them."""

from collections import Counter

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from model_faults import Faults
from model_kernels import Kernel
from model_world import World

from kgnb.broker import BrokerLimits, Identity, Peer

LIMITS = BrokerLimits(
    read_page=3,
    read_bytes=500,
    offline_queue=6,
    offline_ttl=600.0,
    rate_limit_messages=10**6,
    rate_limit_light=10**6,
    # What a kernel without runs has ordered is known until it was silent for that long
    # and the server was restarted then.
    stall_after=10.0**9,
)
PEOPLE = ("ada", "bob", "eve")
GROUPS = ("g", "h")
PLACES = (("group", "g"), ("group", "h"), ("topic", "t"), ("client", "ada"))


def positions(world):
    """Of all messages that were ever stored."""
    return [
        msgspec.json.decode(payload)["position"]
        for stream, history in world.history.items()
        if stream.startswith("mail/")
        for payload in history
    ]


class Poster(Kernel):
    """A kernel whose connection manager numbers its orders and repeats them."""

    def __init__(self, world, kernel_id):
        super().__init__(world, kernel_id)
        self.orders = {}
        """Of this process, by number; those of dead ones are forgotten."""
        self.posted = []
        """Text, stream and answer of all that were answered, of any process."""

    def begin_process(self):
        super().begin_process()
        self.orders = {}

    def post(self, kind, name, size):
        number = len(self.orders) + 1
        text = f"{self.process_id}/{number}"
        message = {"type": "note", "text": text, "pad": "x" * size}
        order = {"type": "post", "n": number, "to": kind, "message": message}
        if kind == "client":
            order["user"] = name
        self.orders[number] = {**order, "name": name}
        self.order(number)

    def order(self, number):
        if self.link is not None and self.is_welcome:
            self.world.send(self.link, self.orders[number])

    def _welcomed(self, frame):
        super()._welcomed(frame)
        for number in sorted(self.orders):
            self.order(number)

    def heard(self, frame):
        if frame["type"] == "handled" and frame["n"] in self.orders:
            text = self.orders[frame["n"]]["message"]["text"]
            self.posted.append((text, frame))


class Person:
    """A named client that says what it had when it comes back."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.socket = None
        self.last = None
        """Position of the last message that it has."""
        self.got = []
        """Positions."""
        self.excused = 0
        """It was told that some are gone, of those up to this position: how many, the
        broker may not know either, of what it does not keep."""
        self.is_member = {}
        """By group, as it was told last; None: it cannot know."""
        self.asked = Counter()
        """Its moves in or out of a group without a reply."""

    def come_back(self):
        identity = Identity(user=self.name, name=self.name)
        peer = Peer(
            identity=identity,
            role="start",
            client_id=self.name,
            may_join=True,
            position=self.last or 0,
        )
        self.socket = self.world.connect(peer)

    def leave(self):
        self.asked.clear()
        socket, self.socket = self.socket, None
        return socket

    def move(self, group, kind):
        self.is_member[group] = None
        self.asked[group] += 1
        self.world.send(self.socket, {"type": kind, "group": group})

    def subscribe(self):
        self.world.send(self.socket, {"type": "subscribe", "topics": ["t"]})

    def read(self, count=None):
        if self.socket is None:
            return
        for frame in self.socket.take(count):
            match frame["type"]:
                case "note" if "position" in frame:
                    self._take(frame["position"])
                case "joined_group" | "left_group":
                    self._moved(frame["group"], frame["type"] == "joined_group")
                case "error" if frame["code"] == "gap":
                    assert frame["data"]["dropped"] > 0
                    self.excused = max(positions(self.world), default=0)
        if self.socket.closed is not None and not len(self.socket.outbox):
            self.socket = None

    def _moved(self, group, is_member):
        self.asked[group] -= 1
        self.is_member[group] = None if self.asked[group] else is_member

    def _take(self, position):
        assert self.last is None or position > self.last, "twice, or out of order"
        self.last = position
        self.got.append(position)


class Mail(Faults):
    """Who comes back gets each message once, in one order, or is told how many not."""

    # Positions are times: none of what a stream held tells the next one where to go on
    # once that stream was dropped, if the clock is set back over that very restart.
    furthest_back = 0.001

    @initialize()
    def begin(self):
        self.world = World(LIMITS)
        self.kernel = Poster(self.world, "k1")
        self.kernels = [self.kernel]
        self.kernel.begin_process()
        self.people = [Person(self.world, name) for name in PEOPLE]
        self.all_goes_well()
        for person in self.people:
            person.move("g", "join_group")
            person.subscribe()
        self.all_goes_well()

    @rule(
        where=st.sampled_from(PLACES),
        count=st.integers(1, 4),
        size=st.sampled_from([1, 200]),
    )
    def kernel_posts(self, where, count, size):
        for _ in range(count):
            self.kernel.post(*where, size)

    @rule(back=st.integers(0, 5))
    def kernel_repeats_orders(self, back):
        for number in sorted(self.kernel.orders)[-back:]:
            self.kernel.order(number)

    @rule(is_known=st.booleans())
    def kernel_dies(self, is_known):
        self.kernel.begin_process()
        self.kernel.link = None
        if is_known:
            self.world.broker.kernels.gone("k1", "killed", self.world.now)
            self.world.perform()

    @rule(
        who=st.integers(0, 2),
        group=st.sampled_from(GROUPS),
        kind=st.sampled_from(["join_group", "join_group", "leave_group"]),
    )
    def somebody_joins_or_leaves(self, who, group, kind):
        person = self.people[who]
        if person.socket is not None:
            person.move(group, kind)

    @rule(who=st.integers(0, 3), is_noticed=st.booleans())
    def connection_is_cut_or_back(self, who, is_noticed):
        end = self.people[who] if who < len(self.people) else self.kernel
        if end is self.kernel:
            socket, end.link = end.link, None
        else:
            end.read(3)
            socket = end.leave()
        if socket is None:
            self._back(end)
        elif is_noticed:
            self.world.drop(socket)

    def _back(self, end):
        (end.dial if end is self.kernel else end.come_back)()

    @rule(who=st.integers(0, 2), count=st.sampled_from([1, 4, None]))
    def somebody_reads(self, who, count):
        self.people[who].read(count)

    def restarted(self):
        for end in (self.kernel, *self.people):
            end.leave()

    def check(self):
        self.kernel.hear()
        for stream in self.world.broker.audience.streams.values():
            assert len(stream.marks) <= LIMITS.offline_queue

    def teardown(self):
        if self.world is None:
            return
        for _ in range(4):
            self.world.tick(2.0)
            self.all_goes_well()
        for _ in range(40):
            self.all_goes_well()
        stored = {}
        for stream, history in self.world.history.items():
            if stream.startswith("mail/"):
                stored[stream] = [msgspec.json.decode(payload) for payload in history]
        texts = [each["text"] for found in stored.values() for each in found]
        assert len(set(texts)) == len(texts), "one order, two messages"
        for text, answer in self.kernel.posted:
            assert not answer.get("queued") or text in texts, "accepted, and not stored"
        for person in self.people:
            self._check_complete(person, stored)

    def _check_complete(self, person, stored):
        places = self.world.broker.audience.clients[person.name, person.name].places
        for group, is_member in person.is_member.items():
            assert is_member is None or is_member == (f"group/{group}" in places)
        expected = {
            each["position"]
            for name, place in places.items()
            for each in stored.get(f"mail/{name}", [])[place.joined :]
        }
        missing = expected - set(person.got)
        assert max(missing, default=0) <= person.excused, "lost, and nobody said so"
        assert set(person.got) <= set(positions(self.world)), "shown, and not stored"
