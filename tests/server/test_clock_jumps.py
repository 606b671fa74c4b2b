"""Share links when the clock of the machine is set."""

import asyncio
import time

import pytest

from kgnb.broker import BrokerDriver, Identity, Peer
from kgnb.broker.shares import Wish
from kgnb.errors import Unauthorized
from kgnb.server.links import Signer
from kgnb.storage import open_log

ANN = Peer(identity=Identity(user="ann", name="Ann"), role="start")
HELLO = b'{"type":"hello","kernel_id":"k","process_id":"p","pid":1}'
BEGUN = (
    b'{"type":"append","run_id":"r1","epoch":1,"n":1,'
    b'"events":[{"type":"workflow_started","run_id":"r1","workflow":"w"}]}'
)


class Sink:
    is_congested = False
    closed = None

    def send_nowait(self, frame):
        pass

    def close_nowait(self, code, reason):
        self.closed = code


@pytest.mark.parametrize("jump", [7200, -7200, 86_400, -86_400])
async def test_share_link_lasts_as_long_when_the_machines_clock_is_set(
    monkeypatch, jump
):
    driver = BrokerDriver(open_log("memory://"), tokens=Signer(b"k" * 32))
    await driver.start()
    try:
        kernel = Peer(identity=Identity(user="kernel", kind="kernel"), role="owner")
        link = driver.connect_link(kernel, Sink())
        link.receive(HELLO)
        link.receive(BEGUN)
        await driver.wait_stored()
        brief, lasting = [
            (await driver.share(ANN, Wish(run_id="r1", ttl=ttl))).token
            for ttl in (2, 600)
        ]
        visitor = Sink()
        driver.connect(driver.shared_peer(brief), visitor)
        wall = time.time()
        monkeypatch.setattr(time, "time", lambda: wall + jump)
        driver.shared_peer(lasting)
        async with asyncio.timeout(6):
            while visitor.closed is None:
                await asyncio.sleep(0.05)
        assert visitor.closed == 4001
        with pytest.raises(Unauthorized):
            driver.shared_peer(brief)
        driver.shared_peer(lasting)
    finally:
        await driver.aclose()
