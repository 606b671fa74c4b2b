"""How each route of the table is called."""

import re

from server_harness import RUN

PUBLIC = {
    "kgnb/health",
    "kgnb/",
    "kgnb/runs/{id}",
    "kgnb/chat/{workflow}",
    "kgnb/static/{name}",
}
"""What anybody may ask for: it holds nothing of anybody."""


def example(route):
    """A path of a route."""
    names = {
        "order": "cancel",
        "workflow": "letter",
        "name": "kgnb.js",
        "page": f"runs/{RUN}",
    }
    path = route.template.format(id=RUN, **names)
    assert re.fullmatch(route.path, path), path
    return path
