"""Two applications, one Redis: what is promised holds over both."""

import asyncio

import pytest
from backplane_harness import Apps


@pytest.fixture(scope="module")
def apps(tmp_path_factory, redis):
    with Apps(tmp_path_factory.mktemp("apps"), redis.new_url()) as started:
        yield started


@pytest.fixture(scope="module")
def pair(apps):
    """The one that leads, and one that follows it."""
    return asyncio.run(apps.start("one")), asyncio.run(apps.start("two"))


async def test_run_is_watched_and_answered_through_either_server(pair):
    leader, follower = pair
    assert (await leader.role(), await follower.role()) == ("leader", "follower")
    for host, name, far in ((leader, "one", follower), (follower, "two", leader)):
        async with host.client() as near, far.client() as watcher:
            run = await near.start(f"ask-{name}")
            async for event in watcher.events(run_id=run.run_id):
                if event["type"] == "approval_request":
                    await watcher.answer(event["data"]["approval_id"], "yes")
                last = event
            assert (last["type"], last["data"]) == ("workflow_completed", "yes")
