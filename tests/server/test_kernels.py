"""Telling the broker which kernels have died."""

import asyncio

import pytest

from kgnb.broker.rows import RunRow
from kgnb.server.kernels import KernelWatcher


class FakeKernel:
    def __init__(self, pid=100):
        self.provisioner = self
        self.pid = pid
        self.lives = True

    async def is_alive(self):
        return self.lives


class FakeManager(dict):
    def get_kernel(self, kernel_id):
        return self[kernel_id]


class FakeBroker:
    def __init__(self):
        self.runs = []
        self.gone = []

    def start(self, kernel_id="k1", process_id="p1"):
        run_id = f"run{len(self.runs)}"
        row = RunRow(run_id=run_id, kernel_id=kernel_id, process_id=process_id)
        self.runs.append(row)

    async def kernels(self):
        found = {}
        for row in self.runs:
            found.setdefault(row.kernel_id, set()).add(row.process_id)
        return found

    async def kernel_gone(self, kernel_id, reason, *, processes):
        self.processes = processes
        self.gone.append((kernel_id, reason))
        self.runs = [row for row in self.runs if row.kernel_id != kernel_id]


@pytest.fixture
def manager():
    return FakeManager(k1=FakeKernel())


@pytest.fixture
def broker():
    return FakeBroker()


@pytest.fixture
def watcher(manager, broker):
    return KernelWatcher(manager, lambda: broker)


async def test_kernel_that_lives_is_left_alone(watcher, broker):
    broker.start()
    for _ in range(3):
        await watcher.look()
    assert broker.gone == []


async def test_kernel_that_died_is_told_once(watcher, manager, broker):
    broker.start()
    await watcher.look()
    manager["k1"].lives = False
    await watcher.look()
    await watcher.look()
    assert broker.gone == [("k1", "the kernel died")]


async def test_kernel_that_was_restarted_is_told(watcher, manager, broker):
    broker.start()
    await watcher.look()
    manager["k1"].pid = 101
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was restarted")]


async def test_runs_of_a_process_that_was_quicker_than_the_look_are_spared(
    watcher, manager, broker
):
    broker.start(process_id="old")
    await watcher.look()
    manager["k1"].pid = 101
    broker.runs = []  # the new process's hello has ended them
    broker.start(process_id="new")
    await watcher.look()
    assert broker.gone == []
    manager["k1"].pid = 102
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was restarted")]


async def test_kernel_that_was_restarted_takes_no_run_of_its_successor_along(
    watcher, manager, broker
):
    broker.start(process_id="old")
    await watcher.look()
    manager["k1"].pid = 101
    broker.start(process_id="new")  # and the log has not yet stored the old one's end
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was restarted")]
    assert broker.processes == {"old"}


async def test_kernel_that_cannot_be_asked_hides_no_other(
    watcher, manager, broker, caplog
):
    class Broken(FakeKernel):
        async def is_alive(self):
            raise RuntimeError("no answer from its host")

    manager["k0"], manager["k2"] = Broken(), Broken()
    for kernel_id in ("k0", "k1", "k2"):
        broker.start(kernel_id)
    manager["k1"].lives = False
    await watcher.look()
    assert broker.gone == [("k1", "the kernel died")]
    assert "no answer from its host" in caplog.text


async def test_kernel_that_was_shut_down_is_told(watcher, manager, broker):
    broker.start()
    await watcher.look()
    del manager["k1"]
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was shut down")]


async def test_kernel_of_an_earlier_server_is_told_at_the_first_look(watcher, broker):
    broker.start("old")
    await watcher.look()
    assert broker.gone == [("old", "the kernel ended with its server")]


async def test_kernel_restarted_before_the_first_look_is_told(watcher, manager, broker):
    watcher.greeted("k1", "p1")
    await watcher.look()  # it has nothing to lose yet
    broker.start()
    manager["k1"].pid = 101
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was restarted")]
    watcher.greeted("k1", "p2")
    broker.start(process_id="p2")
    await watcher.look()
    assert len(broker.gone) == 1


async def test_process_that_comes_back_to_a_newer_server_is_told_when_it_ends(
    watcher, manager, broker
):
    broker.start(process_id="old")
    watcher.greeted("k1", "old")
    manager["k1"].pid = 101
    watcher.greeted("k1", "new")
    broker.start(process_id="new")
    await watcher.look()
    assert broker.processes == {"old"}


async def test_hello_of_an_unknown_kernel_is_nothing(watcher, broker):
    watcher.greeted("of another server", "p1")
    await watcher.look()
    assert broker.gone == []


async def test_look_that_fails_is_not_the_last(manager, broker, caplog):
    class Broken(FakeBroker):
        async def kernels(self):
            if not self.runs:
                self.start("old")
                raise RuntimeError("once")
            return await super().kernels()

    broken = Broken()
    watcher = KernelWatcher(manager, lambda: broken, interval=0)
    watcher.start()
    async with asyncio.timeout(2):
        while not broken.gone:
            await asyncio.sleep(0)
    await watcher.aclose()
    await watcher.aclose()
    assert "trying again" in caplog.text
