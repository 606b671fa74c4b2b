"""Says something to a published workflow and prints what comes of it.

    python follow.py http://localhost:8888/ chat "When is high water?" --token TOKEN

A question in between is asked here too; the first valid answer wins, wherever it was
given. Stop the server and start it again meanwhile: nothing is lost or printed twice.
"""

import argparse
import asyncio

import kgnb.clients


def show(event):
    """Print one event."""
    match event["type"]:
        case "token" if event.get("kind", "text") == "text":
            print(event["data"], end="", flush=True)
        case "node_update" if "progress" not in event:
            print(f"\n[{event['node_id']}: {event['status']}]")
        case "approval_resolved":
            value, by = event["data"]["value"], event["data"].get("by") or {}
            print(f"\n[answered {value!r} by {by.get('user') or by.get('via')}]")
        case "workflow_completed":
            print(f"\n[completed: {event['data']!r}]")
        case "workflow_failed":
            print(f"\n[failed: {event['error']['message']}]")


async def main(url, workflow, message, token):
    """Follow one run to its end."""
    socket = f"{url.replace('http', 'ws', 1).rstrip('/')}/kgnb/ws/{workflow}"
    async with kgnb.clients.connect(socket, token=token) as client:
        run = await client.say(message)
        async for event in client.events(run_id=run.run_id):
            show(event)
            if event["type"] == "approval_request":
                asked = event["data"]
                prompt = f"\n{asked['message']} {asked.get('options', '')} "
                value = await asyncio.to_thread(input, prompt)
                await client.answer(asked["approval_id"], value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="of the server, with its base URL")
    parser.add_argument("workflow")
    parser.add_argument("message")
    parser.add_argument("--token", help="Jupyter's, or the application's")
    given = parser.parse_args()
    asyncio.run(main(given.url, given.workflow, given.message, given.token))
