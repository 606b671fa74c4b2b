"""Frames that are none: the close code of the standard, and nobody else notices."""

import asyncio
import contextlib
import struct
import zlib

from malformed import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MALFORMED,
    PING,
    PONG,
    TEXT,
    frame,
)
from server_harness import TOKEN, Talk

AUTHORIZED = f"Authorization: token {TOKEN}"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
AT_ONCE = 20
PATIENCE = 5.0
UVICORNS = "uvicorn.error ERROR Invalid UTF-8 sequence received from client."
"""Which it logs, and answers with 1007."""


async def ended(client):
    """The close code that the server sends before it goes; None: it sends none."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        async with asyncio.timeout(PATIENCE):
            return (await client.closing())[0]
    return None


async def tried(raw, case):
    """How the server ended the socket of one case, if not as it should."""
    headers = [AUTHORIZED, *([DEFLATE] if case.is_compressed else [])]
    client = await raw(headers=headers)
    client.writer.write(case.sent)
    if case.code is None:
        client.writer.write_eof()
    try:
        code = await ended(client)
    except TimeoutError:
        code = "nothing"
    await client.aclose()
    return [] if code == case.code else [f"{case.name}: {code}, not {case.code}"]


def test_malformed_frames_are_many():
    assert len({(case.sent, case.is_compressed) for case in MALFORMED}) >= 500
    assert len({case.name for case in MALFORMED}) == len(MALFORMED)


async def test_malformed_frame_ends_its_own_socket_with_the_right_code(
    site, raw, all_logs
):
    wrong = []
    async with site.connect() as socket:
        bystander = Talk(socket)
        for first in range(0, len(MALFORMED), AT_ONCE):
            some = MALFORMED[first : first + AT_ONCE]
            found = await asyncio.gather(*(tried(raw, case) for case in some))
            wrong += [line for lines in found for line in lines]
            await bystander.say(type="ping", id=first)
            assert (await bystander.hear("pong"))["id"] == first
    assert wrong == []
    errors = [line for line in all_logs.lines if " ERROR " in line or "Trace" in line]
    assert [line for line in errors if not line.startswith(UVICORNS)] == []


PIECES = frame(TEXT, b'{"type":', fin=False) + frame(CONTINUATION, b'"pi', fin=False)
LAST = frame(CONTINUATION, b'ng","id":7}')


RARE = [
    frame(TEXT, b'{"type":"ping","id":7}'),
    frame(TEXT, b'{"type":"ping","id":7}', mask=b"\0\0\0\0"),
    frame(BINARY, b'{"type":"ping","id":7}'),
    PIECES + LAST,
    PIECES + frame(PING, b"between") + LAST,
    PIECES + frame(PONG, b"nobody asked") + LAST,
    frame(TEXT, fin=False) + PIECES.replace(b"\x01", b"\x00", 1) + LAST,
]


async def test_frames_that_are_rare_and_right_are_read(site, raw):
    for sent in RARE:
        client = await raw(headers=[AUTHORIZED])
        client.writer.write(sent)
        payload = b""
        async with asyncio.timeout(PATIENCE):
            while b'"id":7' not in payload:
                opcode, payload = await client.frame()
                assert opcode == TEXT or (opcode, payload) == (PONG, b"between")
        assert b"pong" in payload


async def test_message_compressed_in_pieces_survives_a_ping_between_them(site, raw):
    client = await raw(headers=[AUTHORIZED, DEFLATE])
    press = zlib.compressobj(wbits=-15)
    data = press.compress(b'{"type":"ping","id":7}') + press.flush(zlib.Z_SYNC_FLUSH)
    client.writer.write(
        frame(TEXT, data[:9], fin=False, reserved=4)
        + frame(PING, b"between")
        + frame(CONTINUATION, data[9:-4])
    )
    async with asyncio.timeout(PATIENCE):
        while (await client.frame())[0] != PONG:
            pass
        inflated = zlib.decompressobj(wbits=-15).decompress((await client.frame())[1])
    assert b'"id":7' in inflated


async def test_close_with_a_code_that_may_be_sent_is_answered_with_it(raw):
    for code in (*range(1000, 1004), *range(1007, 1012), 3000, 3999, 4000, 4999):
        client = await raw(headers=[AUTHORIZED])
        client.writer.write(frame(CLOSE, struct.pack("!H", code) + b"bye"))
        assert await ended(client) == code
