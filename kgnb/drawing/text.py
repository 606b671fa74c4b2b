"""Text of users and models, made safe to put into a picture or a page.

Everything that a run produced passes through here before it becomes markup.
"""

from __future__ import annotations

import re
from html import escape as _html_escape

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Not allowed in XML 1.0 §2.2, even as a character reference.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

# Direction overrides and invisible characters can make a text read as another
# one (Unicode TR 36 §3); the two joiners that scripts need are let through.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


# ECMA-48 §5.4: what programs write to a terminal to colour their output.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def plain(value: object) -> str:
    """The text with terminal colours gone and what XML forbids replaced.

    New lines and tabs stay.
    """
    return _NOT_XML.sub(REPLACEMENT, _TERMINAL.sub("", str(value)))


def one_line(value: object) -> str:
    """The text on one line, for labels: runs of white space become a blank."""
    return " ".join(plain(value).split())


def reveal(value: object) -> str:
    """The text with hidden characters spelt out, for what a person approves."""
    return _HIDDEN.sub(_spell, plain(value))


def _spell(match: re.Match[str]) -> str:
    return f"\u27e8U+{ord(match[0]):04X}\u27e9"


def label(value: object) -> str:
    """A name fit for a picture: one line, and no character that turns it round."""
    return _HIDDEN.sub(REPLACEMENT, one_line(value))


def escape(value: object) -> str:
    """Markup's text or attribute value (in double quotes) for ``value``."""
    return _html_escape(plain(value), quote=True)
