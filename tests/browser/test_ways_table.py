"""The README's table of ways is the one that the browser tests click through."""

import re
from pathlib import Path

import ways
from harness import PINNED

README = Path(__file__).parents[2] / "README.md"


def test_readme_shows_the_table_that_is_tested():
    text = README.read_text("utf-8")
    (shown,) = re.findall(r"<!-- ways -->\n(.*?)\n<!-- /ways -->", text, re.DOTALL)
    assert shown == ways.table_markdown()


def test_control_channel_and_server_reach_every_kernel_in_every_case():
    cannot = {way for (_, _, way), said in ways.TABLE.items() if said == ways.CANNOT}
    assert cannot == {"comm", "widget comm"}


def test_table_names_the_ipykernels_that_are_tested():
    for name, shown in ways.KERNELS.items():
        assert PINNED[name].startswith(shown + ".")
