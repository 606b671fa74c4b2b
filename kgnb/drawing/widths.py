"""How wide a text will be, from a table: no font is ever measured.

The advance widths are those of DejaVu Sans, in thousandths of the font size.
It is the widest of the faces that browsers choose for ``system-ui`` and
``sans-serif``, so a box made for it holds the label on every machine. The
table is code, so the same graph is the same picture everywhere.
"""

from __future__ import annotations

from bisect import bisect_right

_BY_WIDTH = {
    280: "'ijl",
    320: " ,.IJ",
    360: "/:;\\f|",
    400: "()-[]t",
    440: "!r",
    480: '"',
    520: "*_`",
    560: "?Lcsz",
    600: "Fkvxy",
    640: "$0123456789EPSTYabdeghnopqu{}",
    680: "K",
    720: "ABCRVXZ",
    760: "HNU",
    800: "&DGOQ",
    840: "#+<=>^w~",
    880: "M",
    960: "%",
    1000: "@Wm\N{HORIZONTAL ELLIPSIS}",
}
_ASCII = {char: width for width, chars in _BY_WIDTH.items() for char in chars}

_OTHER = 700
"""Latin, Greek and Cyrillic letters with marks: most are 590 to 790 wide."""

# Ranges of characters that take no room, and of those as wide as they are high;
# (first, one past the last, width), disjoint and ascending.
_RANGES = (
    (0x0300, 0x0370, 0),
    (0x0483, 0x048A, 0),
    (0x0591, 0x05BE, 0),
    (0x064B, 0x0660, 0),
    (0x1100, 0x1160, 1000),
    (0x200B, 0x2010, 0),
    (0x20D0, 0x2100, 0),
    (0x2190, 0x2400, 1000),
    (0x2460, 0x2E00, 1000),
    (0x2E80, 0xA4D0, 1000),
    (0xAC00, 0xD7A4, 1000),
    (0xF900, 0xFB00, 1000),
    (0xFE00, 0xFE10, 0),
    (0xFE30, 0xFE70, 1000),
    (0xFF00, 0xFF61, 1000),
    (0xFFE0, 0xFFE7, 1000),
    (0xFFFD, 0xFFFE, 1000),
    (0x1F000, 0x1FC00, 1350),
    (0x20000, 0x40000, 1000),
)
_STARTS = [first for first, _, _ in _RANGES]

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def char_width(char: str) -> int:
    """Advance width of one character in thousandths of the font size."""
    known = _ASCII.get(char)
    if known is not None:
        return known
    code = ord(char)
    at = bisect_right(_STARTS, code) - 1
    if at >= 0 and code < _RANGES[at][1]:
        return _RANGES[at][2]
    return _OTHER


def text_width(text: str, size: int) -> int:
    """Width of a line of text in whole pixels, rounded up.

    Args:
        text: One line.
        size: Font size in pixels.
    """
    return -(-sum(map(char_width, text)) * size // 1000)


def fit(text: str, size: int, room: int) -> str:
    """The text, cut with an ellipsis where it is wider than ``room`` pixels."""
    if text_width(text, size) <= room:
        return text
    left = room * 1000 // size - char_width(ELLIPSIS)
    kept: list[str] = []
    for char in text:
        left -= char_width(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS
