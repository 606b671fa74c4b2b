"""``memory_limit``: what is open stays, and who comes hears why he may not."""

from kgnb.broker import memory


async def test_short_memory_is_degraded_and_turns_new_sockets_away(
    site, call, monkeypatch
):
    async with site.connect() as early:
        assert "hello" in await early.recv()
        monkeypatch.setattr(memory, "is_above", lambda _limit: True)
        answer = await call("kgnb/health")
        assert (answer.status, answer.json["status"]) == (200, "degraded")
        async with site.connect() as late:
            await late.wait_closed()
        assert (late.close_code, late.close_reason) == (4013, "short of memory")
        await early.send('{"type":"ping"}')
        assert "pong" in await early.recv()
        monkeypatch.setattr(memory, "is_above", lambda _limit: False)
        assert (await call("kgnb/health")).json["status"] == "healthy"
        async with site.connect() as again:
            assert "hello" in await again.recv()
