"""Clients of a connection manager, and the kernel whose manager it is, by frames."""

import itertools

from server_harness import Talk

HELLO = {"type": "hello", "kernel_id": "k1", "process_id": "p1", "pid": 4711}


class Client(Talk):
    async def hear_all(self, kind):
        """All messages of this type up to a pong that is asked for now."""
        await self.say(type="ping")
        heard = []
        while (message := await self.hear(kind, "pong"))["type"] == kind:
            heard.append(message)
        return heard

    async def join(self, group):
        await self.say(type="join_group", group=group, id=1)
        await self.hear("joined_group")


class Kernel(Client):
    numbers = itertools.count(1)

    async def order(self, **frame):
        await self.say(n=next(self.numbers), **frame)
        return await self.hear("handled")

    async def group(self, name, text):
        message = {"type": "note", "text": text}
        return await self.order(type="post", to="group", name=name, message=message)


async def greet(link, **fields):
    kernel = Kernel(link)
    await kernel.say(**HELLO | fields)
    await kernel.hear("welcome")
    return kernel


PHONE = "kgnb/ws?client_id=phone"


async def texts(talk, count):
    """Of the notes that come: so many, and any that come before a pong after them."""
    heard = [await talk.hear("note") for _ in range(count)]
    return [note["text"] for note in heard + await talk.hear_all("note")]
