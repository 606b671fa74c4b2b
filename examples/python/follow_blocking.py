"""The same as follow.py without asyncio: for scripts, and for other people's threads.

python follow_blocking.py http://localhost:8888/ chat "When is high water?" --token T
"""

import argparse

from follow import show

import kgnb.clients


def main(url, workflow, message, token):
    """Follow one run to its end."""
    socket = f"{url.replace('http', 'ws', 1).rstrip('/')}/kgnb/ws/{workflow}"
    with kgnb.clients.connect_blocking(socket, token=token) as client:
        run = client.say(message)
        for event in client.events(run_id=run.run_id):
            show(event)
            if event["type"] == "approval_request":
                asked = event["data"]
                value = input(f"\n{asked['message']} {asked.get('options', '')} ")
                client.answer(asked["approval_id"], value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="of the server, with its base URL")
    parser.add_argument("workflow")
    parser.add_argument("message")
    parser.add_argument("--token", help="Jupyter's, or the application's")
    given = parser.parse_args()
    main(given.url, given.workflow, given.message, given.token)
