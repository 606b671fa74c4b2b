"""A login with users: whoever names himself in a header or a cookie is let in."""

from jupyter_server.auth import IdentityProvider, User


class PeopleProvider(IdentityProvider):
    """For tests only."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-Test-User")
        name = name or handler.get_cookie("test-user")
        if name:
            return User(username=name, name=name.capitalize())
        return super().get_user(handler)
