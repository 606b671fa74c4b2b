"""A run's report: one page that loads nothing, for whoever was not there.

Process: kernel, server or the ``kgnb`` command. Loop: none.
"""

from kgnb.panel.report.page import page_html

__all__ = ["page_html"]
