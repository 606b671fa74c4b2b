"""Nested loops by request only; in processes of their own, since patches stay."""

import subprocess
import sys
import textwrap


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )


def test_asyncio_run_works_in_a_running_loop_once_allowed():
    done = run(
        """
        import asyncio
        from kgnb.runtime.nesting import allow_nested_run
        async def inner():
            await asyncio.sleep(0)
            return "inner"
        async def outer():
            allow_nested_run()
            return asyncio.run(inner())
        print(asyncio.run(outer()))
        """
    )
    assert done.stdout == "inner\n"


def test_original_applied_on_ipykernel_7_is_warned_of_and_left_alone():
    done = run(
        """
        import asyncio, sys, types
        import nest_asyncio
        nest_asyncio.apply()
        import ipykernel
        assert ipykernel.version_info[0] >= 7
        from kgnb.runtime.nesting import allow_nested_run
        allow_nested_run()
        assert asyncio.run.__module__ == "nest_asyncio"
        """
    )
    assert "loses cells that are queued" in done.stderr


def test_run_warns_where_the_original_is_applied_on_ipykernel_7():
    done = run(
        """
        import nest_asyncio
        nest_asyncio.apply()
        import ipykernel
        import kgnb
        print(kgnb.run(lambda: 1).result(10).status)
        """
    )
    assert done.stdout == "completed\n"
    assert "loses cells that are queued" in done.stderr.replace("\n", " ")


def test_import_of_kgnb_patches_nothing():
    done = run(
        """
        import asyncio
        before = asyncio.run
        import kgnb
        kgnb.run
        assert asyncio.run is before
        """
    )
    assert done.returncode == 0
