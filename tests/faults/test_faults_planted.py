"""The fault tests go red where something is wrong: faults planted on purpose."""

import contextlib

import pytest
from journals import (
    AcceptedThenLost,
    DecidedTwice,
    Duplicate,
    Hole,
    Lost,
    RanAgain,
    Violation,
)
from schedules import Strike, schedule
from stage import Stage

DEATHS = schedule("planted", ["kill_server"], 3)
BREAKS = schedule("planted", ["reset"], 12)
LITTLE = [Strike("reset", 300, 0)]
PLANTED = {
    "acknowledges_before_it_stores": (DEATHS, {Lost}, set(Violation.__subclasses__())),
    "skips_a_seq": (LITTLE, {Hole}, set()),
    "sends_not_everything": (LITTLE, {Hole}, set()),
    "decides_without_comparing": (LITTLE, {DecidedTwice}, set()),
    "stores_repeats": (BREAKS, {Duplicate}, set()),
    "confirms_without_keeping": (BREAKS, {AcceptedThenLost}, set()),
}
"""What befalls them; the promises that are broken then, and those that may be."""
SECONDS = 2
"""For what a planted fault may keep from coming to an end."""


@pytest.mark.parametrize("planted", PLANTED)
async def test_planted_fault_of_the_server_is_found_and_named(tmp_path, planted):
    strikes, broken, perhaps = PLANTED[planted]
    server = {"server": planted}
    async with Stage(tmp_path, planted=server, patience=SECONDS) as stage:
        with contextlib.suppress(TimeoutError):
            await stage.suffer(strikes)
        found = await stage.finish()
    kinds = {type(violation) for violation in found}
    assert broken <= kinds <= broken | perhaps, found


@pytest.mark.parametrize(
    ("planted", "node"), [("begins_anew", "Ask"), ("forgets_items", "Items#2")]
)
async def test_planted_fault_of_the_kernel_is_found_and_named(tmp_path, planted, node):
    kernel = {"kernel": planted}
    async with Stage(tmp_path, planted=kernel, durable=True, hang_at=node) as stage:
        await stage.wait_shown(node)
        await stage.kill_kernel(0)
        found = await stage.finish()
    assert {type(violation) for violation in found} == {RanAgain}, found
