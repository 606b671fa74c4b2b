import asyncio

from kgnb.broker.effects import Commit
from kgnb.broker.writer import PATIENCE, SUSPICION, Writer
from kgnb.errors import Unavailable
from kgnb.storage import Put, Transaction
from kgnb.storage.memory import MemoryLog


class SlowLog(MemoryLog):
    """Answers when it is told to, and says whether it did it."""

    def __init__(self):
        super().__init__()
        self.asked = []

    async def commit(self, batch):
        answer = asyncio.get_running_loop().create_future()
        self.asked.append((len(batch), answer))
        if await answer:
            return await super().commit(batch)
        raise Unavailable("gone")

    async def answer(self, *, is_stored):
        """Answer the question under way; let the writer ask the next."""
        _, answer = self.asked[-1]
        answer.set_result(is_stored)
        await turn()


async def turn():
    for _ in range(5):
        await asyncio.sleep(0)


class World:
    """A writer, and what it said of each transaction by its name."""

    def __init__(self):
        self.log = SlowLog()
        self.said = []
        self.writer = Writer(self.log, self._settle, self._doubt, lambda: None)

    def _settle(self, commit, outcome):
        self.said.append((_name(commit), outcome is not None))

    def _doubt(self, commit):
        self.said.append((_name(commit), "?"))

    async def put(self, *names):
        for name in names:
            transaction = Transaction(puts=(Put(name, b""),))
            self.writer.put(Commit(transaction, lambda *_: None))
        await turn()

    def look(self, times):
        for _ in range(times):
            self.writer.look()

    def heard(self):
        said, self.said = self.said, []
        return said


def _name(commit):
    return commit.transaction.puts[0].key


def played(script):
    async def main():
        world = World()
        await world.log.open()
        running = asyncio.create_task(world.writer.run())
        try:
            async with asyncio.timeout(10):
                await script(world)
        finally:
            running.cancel()
            await asyncio.wait([running])
            await world.log.aclose()

    asyncio.run(main())


def test_writer_of_a_silent_log_doubts_what_is_under_way_and_refuses_the_rest():
    async def script(world):
        await world.put("a")
        await world.put("b", "c")
        world.look(PATIENCE - 1)
        assert world.heard() == []
        world.look(1)
        assert world.heard() == [("a", "?"), ("b", False), ("c", False)]
        await world.put("d")
        world.look(1)
        assert world.heard() == [("d", False)]
        assert not world.writer.is_healthy
        await world.log.answer(is_stored=True)
        assert world.heard() == [("a", True)]
        assert world.writer.is_healthy
        trouble = world.writer.trouble
        assert (trouble.outages, trouble.refused, trouble.doubted) == (1, 3, 1)

    played(script)


def test_writer_of_a_log_that_has_failed_suspects_it_sooner():
    async def script(world):
        await world.put("a")
        await world.log.answer(is_stored=False)
        assert world.heard() == [("a", False)]
        await world.put("b")
        await world.put("c")
        world.look(SUSPICION)
        assert world.heard() == [("c", False)]
        await world.log.answer(is_stored=True)
        assert world.heard() == [("b", True)]

    played(script)


def test_writer_of_a_batch_that_fails_tries_each_by_itself():
    async def script(world):
        await world.put("a")
        await world.put("b", "c")
        await world.log.answer(is_stored=True)
        await world.log.answer(is_stored=False)
        await world.put("d", "e")
        await world.log.answer(is_stored=False)
        await world.log.answer(is_stored=True)
        await world.log.answer(is_stored=True)
        said = [("a", True), ("b", False), ("c", True), ("d", True), ("e", True)]
        assert world.heard() == said
        assert [size for size, _ in world.log.asked] == [1, 2, 1, 1, 2]
        assert world.writer.is_idle

    played(script)


def test_writer_of_a_doubted_batch_that_fails_refuses_it_whole():
    async def script(world):
        await world.put("a")
        await world.put("b", "c")
        await world.log.answer(is_stored=True)
        world.look(PATIENCE)
        await world.log.answer(is_stored=False)
        said = [("b", "?"), ("c", "?"), ("b", False), ("c", False)]
        assert world.heard() == [("a", True), *said]
        assert world.writer.is_idle

    played(script)
