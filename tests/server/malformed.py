"""Frames that no client may send, each with the close code that answers it.

After RFC 6455: section 5.2 (heads), 5.4 (fragments), 5.5 (control frames), 7.4 (close
codes), 8.1 (UTF-8); and RFC 7692 for what is compressed.
"""

import struct
from typing import NamedTuple

PROTOCOL, NOT_UTF8, TOO_LARGE = 1002, 1007, 1009
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CONTROL = (CLOSE, PING, PONG)
MIB = 1024 * 1024


class Malformed(NamedTuple):
    """What is sent, and how the socket then ends; None: it is just gone."""

    name: str
    sent: bytes
    code: int | None
    is_compressed: bool = False
    """Whether compression was agreed on."""


def frame(opcode, data=b"", *, fin=True, reserved=0, mask=b"\1\2\3\4", size=None):
    """A client's frame; ``size`` is what its head claims."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(data) if size is None else size
    bit = 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    key = mask or b"\0"
    body = bytes(byte ^ key[n % len(key)] for n, byte in enumerate(data))
    return head + mask + body


def heads():
    for reserved in range(1, 8):
        for opcode in (CONTINUATION, TEXT, BINARY, *CONTROL):
            sent = frame(
                opcode, b"{}"[: 0 if opcode == CLOSE else 2], reserved=reserved
            )
            yield Malformed(f"reserved {reserved:03b} of {opcode}", sent, PROTOCOL)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for fin in (True, False):
            for size in (0, 2, 125):
                sent = frame(opcode, b"x" * size, fin=fin)
                yield Malformed(f"opcode {opcode} {fin} {size}", sent, PROTOCOL)
    for opcode in (TEXT, BINARY, *CONTROL):
        for size in (0, 2, 125) if opcode in CONTROL else (0, 2, 125, 126, 65_536):
            sent = frame(opcode, b"\x03\xe8" + b"x" * (size - 2), mask=b"")
            yield Malformed(f"unmasked {opcode} {size}", sent, PROTOCOL)


def claims():
    for claim in (MIB + 1, 2**31, 2**32, 2**53, 2**63 - 1):
        for opcode in (TEXT, BINARY):
            for fin in (True, False):
                sent = frame(opcode, fin=fin, size=claim)
                yield Malformed(f"claims {claim} {opcode} {fin}", sent, TOO_LARGE)


def control():
    for opcode in CONTROL:
        for size in (126, 127, 1000, 65_535, 65_536):
            sent = frame(opcode, b"x" * size)
            yield Malformed(f"control {opcode} of {size}", sent, PROTOCOL)
        for size in (0, 2, 125):
            sent = frame(opcode, b"\x03\xe8" + b"x" * (size - 2), fin=False)
            yield Malformed(f"control {opcode} in pieces {size}", sent, PROTOCOL)
            later = frame(TEXT, b"{", fin=False) + sent
            yield Malformed(f"piece of {opcode} in a message {size}", later, PROTOCOL)


def fragments():
    whole, begun = frame(TEXT, b"{}"), frame(TEXT, b"{", fin=False)
    before = {"at once": b"", "after a message": whole, "after a ping": frame(PING)}
    before["after fragments"] = begun + frame(CONTINUATION, b"}")
    for when, earlier in before.items():
        for fin in (True, False):
            for size in (0, 2, 200):
                sent = earlier + frame(CONTINUATION, b"x" * size, fin=fin)
                yield Malformed(
                    f"nothing to go on with {when} {fin} {size}", sent, PROTOCOL
                )
    for first in (TEXT, BINARY):
        for second in (TEXT, BINARY):
            for fin in (True, False):
                for pieces in (0, 1, 3):
                    sent = frame(first, b"{", fin=False)
                    sent += frame(CONTINUATION, b"x", fin=False) * pieces
                    sent += frame(second, b"{}", fin=fin)
                    name = f"begun twice {first} {second} {fin} {pieces}"
                    yield Malformed(name, sent, PROTOCOL)


CODES = (
    *(0, 1, 99, 100, 500, 998, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1500),
    *(1999, 2000, 2001, 2500, 2998, 2999, 5000, 5001, 9999, 32_768, 65_534, 65_535),
)


def closes():
    """Autobahn's cases 7.3.2, 7.5 and 7.9 among them."""
    for code in CODES:
        for reason in (b"", b"x", b"y" * 123):
            sent = frame(CLOSE, struct.pack("!H", code) + reason)
            yield Malformed(f"close {code} {len(reason)}", sent, PROTOCOL)
    for byte in range(0, 256, 17):
        yield Malformed(
            f"close of one byte {byte}", frame(CLOSE, bytes([byte])), PROTOCOL
        )
    for name, bad in BAD_UTF8.items():
        for code in (1000, 1001, 3000, 4999):
            sent = frame(CLOSE, struct.pack("!H", code) + b"why " + bad)
            yield Malformed(f"close {code}, reason {name}", sent, NOT_UTF8)


BAD_UTF8 = {
    "continuation alone": b"\x80",
    "last continuation alone": b"\xbf",
    "two of two bytes": b"\xc3\xc3",
    "cut after one of two": b"\xc3",
    "cut after one of three": b"\xe2",
    "cut after two of three": b"\xe2\x82",
    "cut after three of four": b"\xf0\x9f\x98",
    "overlong slash": b"\xc0\xaf",
    "overlong slash of three": b"\xe0\x80\xaf",
    "overlong slash of four": b"\xf0\x80\x80\xaf",
    "overlong NUL": b"\xc0\x80",
    "first surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "past the last": b"\xf4\x90\x80\x80",
    "of five bytes": b"\xf8\x88\x80\x80\x80",
    "of six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "FE": b"\xfe",
    "FF": b"\xff",
    "UTF-16": "{}".encode("utf-16"),
    "Latin-1": "é{}".encode("latin-1"),
}


def texts():
    for name, bad in BAD_UTF8.items():
        around = {"alone": (b"", b""), "in JSON": (b'{"type":"ping","id":"', b'"}')}
        for where, (left, right) in around.items():
            data = left + bad + right
            yield Malformed(f"text {name} {where}", frame(TEXT, data), NOT_UTF8)
            for cut in range(len(left) + 1, len(left) + len(bad) + 1):
                sent = frame(TEXT, data[:cut], fin=False)
                sent += frame(PING) + frame(CONTINUATION, data[cut:])
                yield Malformed(f"text {name} {where} cut at {cut}", sent, NOT_UTF8)


def compressed():
    """Blocks of a type or size that are none, and marks where none may stand."""
    for tail in range(0, 256, 32):
        for first in (0x06, 0x07, 0xFE, 0xFF):
            sent = frame(TEXT, bytes([first, tail, tail, tail]), reserved=4)
            yield Malformed(f"block {first} {tail}", sent, PROTOCOL, is_compressed=True)
    for opcode in CONTROL:
        for data in (b"", b"\x03\xe8"):
            sent = frame(opcode, data, reserved=4)
            name = f"compressed control {opcode} {len(data)}"
            yield Malformed(name, sent, PROTOCOL, is_compressed=True)
    for reserved in range(4, 8):
        sent = frame(TEXT, b"{", fin=False)
        sent += frame(CONTINUATION, b"}", reserved=reserved)
        name = f"continuation marked {reserved:03b}"
        yield Malformed(name, sent, PROTOCOL, is_compressed=True)


def cut_off():
    """Every beginning of a frame, after which the peer is gone."""
    for whole in (frame(TEXT, b'{"type":"ping"}'), frame(PING, b"x" * 9)):
        for end in range(1, len(whole)):
            yield Malformed(f"cut off {whole[0]} {end}", whole[:end], None)
    for end in range(1, 14):
        sent = frame(BINARY, size=70_000)[:end]
        yield Malformed(f"cut off head {end}", sent, None)


FAMILIES = (heads, claims, control, fragments, closes, texts, compressed, cut_off)
MALFORMED = [case for family in FAMILIES for case in family()]
