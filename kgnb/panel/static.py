"""The record that stays, in three forms: page, picture, plain text."""

from kgnb.panel.static_html import record_html, record_svg
from kgnb.panel.static_text import record_text

__all__ = ["record_html", "record_svg", "record_text"]
