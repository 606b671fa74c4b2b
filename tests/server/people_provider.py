"""A login with users: whoever names himself in a header, cookie or token is let in."""

from jupyter_server.auth import IdentityProvider, User


class PeopleProvider(IdentityProvider):
    """For tests only."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-Test-User")
        name = name or handler.get_cookie("test-user") or self._holder(handler)
        if name:
            return User(username=name, name=name.capitalize())
        return super().get_user(handler)

    def _holder(self, handler):
        """Whose token it is: each has the server's, a dash and a name."""
        token = self.get_token(handler) or ""
        secret, _, name = token.rpartition("-")
        if secret != self.token:
            return None
        handler._token_authenticated = True  # as Jupyter's own provider notes it
        return name
