"""The broker under bad input, and what must hold whatever was sent to it."""

import json
import math
import sys
import time
from pathlib import Path

import jsonschema
import messages

sys.path.insert(0, str(Path(__file__).parent.parent / "broker"))

from broker_harness import Host

from kgnb.broker import BrokerLimits
from kgnb.errors import KgnbError
from kgnb.protocol import codec, events
from kgnb.protocol.view import RunView, fold

LIMITS = BrokerLimits(
    rate_limit_messages=10**6,
    rate_limit_light=10**6,
    max_wrong_ids=10**6,
    max_subscriptions=10**6,
    groups_open=("g1",),
)
"""So that frames are judged by what is in them, not by how many there are."""
SLOW = 1.0
"""Seconds of processor time that no frame may take (a tenth of that is usual at most;
collecting garbage and other processes on one machine are counted too)."""


_ = jsonschema.validate  # loaded here: the first start would wait for it, once
APPENDS = tuple(kind for kind in messages.KERNELS if kind.tag == "append")


class World:
    """A kernel with a run that asks, a client who breaks things, and a bystander."""

    def __init__(self):
        self.host = Host(limits=LIMITS)
        self.sent = 0
        self.view = RunView()
        self.token = None
        self._dial()
        self.kernel.start("r1", self.kernel.request(self.host))
        self.bystander = self.host.client()
        self.bystander.send(type="subscribe", run_id="r1", topics=["all"])
        self.client = self.host.client()
        self._look()

    def _dial(self):
        self.kernel = self.host.kernel(token=self.token)
        (welcome,) = self.kernel.take("welcome")
        self.token = welcome["owner_token"]
        described = {"name": "w", "published_at": 1.0, "is_default": True}
        self.kernel.send(type="publish", n=1, workflows=[described])
        self.kernel.send(type="open", channel="c1", via="comm")

    # ---- what is sent

    def client_sends(self, chance):
        """One frame of the client; it is told what came of it, or it is let go."""
        raw = messages.made(chance, messages.CLIENTS)
        self._timed(self.client, raw)
        if self.client.closed:
            assert self.client.closed[0] in (1008, 1009, 4001, 4003, 4029)
            self.client = self.host.client()
        self._look()

    def kernel_sends(self, chance):
        """One frame of the kernel; a link that is cut is dialled again."""
        kinds = APPENDS if chance.random() < 0.5 else messages.KERNELS
        raw = messages.made(chance, kinds, self._with_events)
        self._timed(self.kernel, raw)
        if self.kernel.closed:
            assert self.kernel.closed[0] in (1008, 1009, 1012, 4001, 4003)
            self._dial()
        self._look()

    def _with_events(self, chance, kind, tree):
        """An append that goes on with the run, and a channel's frame from a view."""
        if kind.tag == "append" and chance.random() < 0.8:
            inner = [_event(chance) for _ in range(chance.randrange(1, 4))]
            tree |= {"run_id": "r1", "epoch": 1, "n": self._expected(), "events": inner}
        elif kind.tag == "frame":
            tree["channel"] = "c1"
            tree["frame"] = messages.struct(chance, chance.choice(messages.CLIENTS))

    def _expected(self):
        return len(self.host.tables.records.get("run/r1", [])) + 1

    def _timed(self, peer, raw):
        self.sent += 1
        began = time.process_time()
        peer.send_raw(raw)
        taken = time.process_time() - began
        assert taken < SLOW, f"{taken:.2f} s for {raw[:200]!r}"

    # ---- what must hold

    def _look(self):
        """All that anybody was sent is a frame of the protocol, and folds."""
        for conn, frames in self.host.out_frames.items():
            for frame in frames:
                self._judge(conn, frame.payload)
        self.host.out_frames.clear()
        self.host.frames.clear()

    def _judge(self, conn, payload):
        _finite(json.loads(payload, parse_constant=_refused))
        if conn == self.kernel.conn or b'"frames":' in payload[:40]:
            codec.decode_server_frame(payload)
            return
        try:
            found = codec.decode_frame(payload)
        except KgnbError:
            codec.decode_server_frame(payload)  # of a link that is closed by now
            return
        assert getattr(found, "code", None) != "internal", payload
        if conn == self.bystander.conn and isinstance(found, events.Event):
            fold(self.view, found)
            self.view.to_dict()

    def end(self):
        """Everybody else is served as before."""
        self.host.tick(1.0)
        self._look()
        self.bystander.send(type="ping", id="last")
        assert [f["id"] for f in self.bystander.take("pong")] == ["last"]
        for stream in [*self.host.tables.records]:
            if stream.startswith("run/"):
                for stored in self.host.tables.records[stream]:
                    codec.decode_event(stored)


def _event(chance):
    kind = chance.choice(messages.EVENTS)
    tree = messages.struct(chance, kind)
    return tree | {"run_id": "r1"} if chance.random() < 0.95 else tree


def _refused(constant):
    raise AssertionError(constant)


def _finite(value):
    if isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, dict):
        for each in value.values():
            _finite(each)
    elif isinstance(value, list):
        for each in value:
            _finite(each)


def play(chance, most=100):
    """A world that gets up to ``most`` frames; how many it got."""
    world = World()
    for _ in range(most):
        if chance.random() < 0.6:
            world.client_sends(chance)
        else:
            world.kernel_sends(chance)
    world.end()
    return world.sent
