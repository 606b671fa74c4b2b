"""An address as a QR code: for a phone that is held up to the screen."""

from __future__ import annotations

import io


def qr_svg(text: str, *, scale: int = 4) -> str:
    """Draw a text as one ``<svg>`` element, black on white with its quiet zone.

    It names no font, style or address, so it may stand in any page. The same text
    gives the same bytes.

    Args:
        text: At most 2,953 bytes of UTF-8, as the largest code holds (ISO 18004).
        scale: Pixels of a module.

    Raises:
        ValueError: The text is longer.
    """
    import segno  # noqa: PLC0415  # most kernels never draw one

    drawn = io.BytesIO()
    code = segno.make(text, error="l", micro=False, boost_error=False)
    code.save(
        drawn,
        kind="svg",
        scale=scale,
        border=4,
        dark="#000",
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        nl=False,
    )
    return drawn.getvalue().decode()
