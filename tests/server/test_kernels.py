"""Telling the broker which kernels have died."""

import asyncio

import pytest

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
        self.unfinished = set()
        self.gone = []

    def kernels(self):
        return self.unfinished

    async def kernel_gone(self, kernel_id, reason):
        self.gone.append((kernel_id, reason))
        self.unfinished.discard(kernel_id)


@pytest.fixture
def manager():
    return FakeManager(k1=FakeKernel())


@pytest.fixture
def broker():
    return FakeBroker()


@pytest.fixture
def watcher(manager, broker):
    return KernelWatcher(manager, broker)


async def test_kernel_that_lives_is_left_alone(watcher, broker):
    broker.unfinished = {"k1"}
    for _ in range(3):
        await watcher.look()
    assert broker.gone == []


async def test_kernel_that_died_is_told_once(watcher, manager, broker):
    broker.unfinished = {"k1"}
    await watcher.look()
    manager["k1"].lives = False
    await watcher.look()
    await watcher.look()
    assert broker.gone == [("k1", "the kernel died")]


async def test_kernel_that_was_restarted_is_told(watcher, manager, broker):
    broker.unfinished = {"k1"}
    await watcher.look()
    manager["k1"].pid = 101
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was restarted")]


async def test_kernel_that_was_shut_down_is_told(watcher, manager, broker):
    broker.unfinished = {"k1"}
    await watcher.look()
    del manager["k1"]
    await watcher.look()
    assert broker.gone == [("k1", "the kernel was shut down")]


async def test_kernel_of_an_earlier_server_is_told_at_the_first_look(watcher, broker):
    broker.unfinished = {"old"}
    await watcher.look()
    assert broker.gone == [("old", "the kernel ended with its server")]


async def test_kernel_without_unfinished_runs_is_forgotten(watcher, manager, broker):
    broker.unfinished = {"k1"}
    await watcher.look()
    broker.unfinished = set()
    await watcher.look()
    manager["k1"].pid = 101
    broker.unfinished = {"k1"}
    await watcher.look()
    assert broker.gone == []


async def test_look_that_fails_is_not_the_last(manager, broker, caplog):
    class Broken(FakeBroker):
        def kernels(self):
            if not self.unfinished:
                self.unfinished = {"old"}
                raise RuntimeError("once")
            return self.unfinished

    broken = Broken()
    watcher = KernelWatcher(manager, broken, interval=0)
    watcher.start()
    async with asyncio.timeout(2):
        while not broken.gone:
            await asyncio.sleep(0)
    await watcher.aclose()
    await watcher.aclose()
    assert "trying again" in caplog.text
