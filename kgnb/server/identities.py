"""Whether the people of a Jupyter server can be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.auth.identity import LegacyIdentityProvider

if TYPE_CHECKING:
    from jupyter_server.auth.identity import IdentityProvider


def names_people(provider: IdentityProvider) -> bool:
    """Whether whoever signs in does so by a name of his own.

    Jupyter's own providers know one token and one password. They make up a user for
    each cookie, and let him choose what he is called: the same person could vote
    with each of his browsers. Any other provider is one that somebody chose because
    it has users: JupyterHub's, a company's.
    """
    source: object = type(provider)
    if source is LegacyIdentityProvider:
        # It asks a login handler, as extensions for Jupyter Server 1 have it.
        source = provider.login_handler_class
    return not source.__module__.startswith("jupyter_server.")
