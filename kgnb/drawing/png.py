"""A picture as PNG, for what shows no SVG: slides, chats, trackers.

Rendered by resvg, whose wheel needs no library of the system (CairoSVG's does) and no
browser. Texts are in a font of the machine, so its bytes are this machine's.
"""

from __future__ import annotations

import re

from kgnb.errors import InvalidValue, Unavailable

MOST_SCALE = 8.0
MOST_PIXELS = 100_000_000
"""Of four bytes each, while it is rendered."""
_SIZE = re.compile(r'<svg\b[^>]*? width="(\d+)" height="(\d+)"')
_SANS = "DejaVu Sans"
"""Has the signs that tell the states; where it is missing, any font that is there."""


def png(svg: str, scale: float = 2.0, *, background: str = "#ffffff") -> bytes:
    """The picture in pixels.

    Args:
        svg: What ``draw`` gives, with states or without.
        scale: Pixels for each of its units.
        background: A colour of CSS.

    Raises:
        Unavailable: The extra ``png`` is not installed.
        InvalidValue: The scale cannot be, or makes more than ``MOST_PIXELS``.
    """
    if not 0 < scale <= MOST_SCALE:
        raise InvalidValue(
            f"scale={scale!r}: expected more than 0, at most {MOST_SCALE:g}"
        )
    _check_size(svg, scale)
    try:
        import resvg_py  # noqa: PLC0415  # an extra
    except ImportError:
        raise Unavailable(
            "a PNG needs an extra: pip install 'kgnb[png]'; to_svg() needs none"
        ) from None
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                background=background,
                zoom=scale,
                font_family=_SANS,
                sans_serif_family=_SANS,
            )
        )
    except ValueError as error:
        raise InvalidValue(f"the picture cannot be rendered: {error}") from None


def _check_size(svg: str, scale: float) -> None:
    found = _SIZE.search(svg)
    if found is None:
        return
    width, height = (round(int(each) * scale) for each in found.groups())
    if width * height > MOST_PIXELS:
        raise InvalidValue(
            f"scale={scale!r}: the picture would have {width:,} by {height:,} pixels, "
            f"expected at most {MOST_PIXELS:,} in all; take a smaller one, or to_svg()"
        )
