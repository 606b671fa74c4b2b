"""Real kernels of a real Jupyter server that are killed in the middle of a cell."""

import pytest
from faults_harness import FULL, injected, seen
from journals import check_kept
from jupyter_stage import JupyterStage
from schedules import schedule

KERNELS, SERVERS = (10, 5) if FULL else (1, 1)


@pytest.mark.timeout(900)
async def test_kernels_and_servers_of_jupyter_are_killed_and_nothing_is_lost(tmp_path):
    kinds = ["kill_kernel"] * KERNELS + ["kill_server"] * SERVERS
    strikes = schedule("jupyter", kinds, len(kinds))
    async with JupyterStage(tmp_path, durable=True) as stage:
        await stage.suffer(strikes)
        found = await stage.finish()
    injected.update(stage.injected)
    seen.update(stage.figures)
    seen["promises broken"] += len(found)
    check_kept(found)
