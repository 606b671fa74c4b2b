"""Share links: who may come by a signed token, to what, and until when.

A token only names a row of the log: what it opens, and that it still does, stands
there. So a link can be revoked, and one whose row is gone opens nothing. The same
holds for the tokens by which somebody is let into another identity's session.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, get_args

import msgspec

from kgnb.broker import audit, rows
from kgnb.broker.doubts import refused
from kgnb.broker.peer import Identity, Peer
from kgnb.broker.rows import ShareRole, ShareRow
from kgnb.errors import (
    Conflict,
    Forbidden,
    InvalidValue,
    KgnbError,
    NoSuchLink,
    NoSuchRun,
    NoSuchWorkflow,
    Unauthorized,
    Unavailable,
)
from kgnb.protocol.ids import RunId, timestamp
from kgnb.storage.base import Committed, Put, RowIs, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.runs import Runs
    from kgnb.broker.workflows import Workflows
    from kgnb.storage.base import Outcome, Row

SESSION_TOKEN = "kgnb.session."  # noqa: S105  # a prefix, not a token
"""What a ``session_id`` begins with that is another's session's token."""
DEFAULT_TTL = 3600.0
LOOK_INTERVAL = 1.0
"""Seconds between two looks for links that are over."""
MAX_LABEL = 80
ROLES: tuple[ShareRole, ...] = get_args(ShareRole)


class Tokens(Protocol):
    """Signs and reads tokens; no clock, no I/O."""

    public_url: str | None
    """Where people reach the pages; None: where they already do."""

    def sign(self, row: ShareRow) -> str:
        """A token that names a row."""
        ...

    def read(self, token: str, now: float) -> ShareRow:
        """What a token says; whether its row still holds is not looked at.

        Raises:
            Unauthorized: It is not ours, is over, or says too little.
        """
        ...


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to share; exactly one of the first three."""

    run_id: str | None = None
    workflow: str | None = None
    session_id: str | None = None
    role: str = "view"
    ttl: float | None = None
    """Seconds; None: an hour, or less where less is allowed."""
    label: str = ""


class Shared(NamedTuple):
    """A share link, with the token that is shown once."""

    row: ShareRow
    token: str


Made = Callable[[Shared | KgnbError], None]
Done = Callable[[ShareRow | KgnbError], None]


class Shares:
    """All share links that have not expired."""

    def __init__(
        self,
        effects: Effects,
        limits: BrokerLimits,
        runs: Runs,
        workflows: Workflows,
        tokens: Tokens | None,
    ) -> None:
        self.ended: Callable[[str], None]
        """Told of each link that opens nothing any more."""
        self._effects = effects
        self._limits = limits
        self._runs = runs
        self._workflows = workflows
        self._tokens = tokens
        self._rows: dict[str, ShareRow] = {}
        self._next_look = 0.0

    def load(self, found: Iterable[Row], now: float) -> None:
        """Take in what the log holds, after the runs."""
        for stored in found:
            row = rows.decode(stored.value, ShareRow)
            self._rows[row.share_id] = row
        self._forget_expired(now)

    # Making

    def make(self, peer: Peer, wish: Wish, now: float, done: Made) -> None:
        """Write a link down and sign its token; ``done`` hears it once it is stored.

        Raises:
            KgnbError: Why not.
        """
        tokens = self._signer()
        self._check(peer, wish, now)
        ttl = min(DEFAULT_TTL, self._limits.share_ttl) if wish.ttl is None else wish.ttl
        row = ShareRow(
            share_id=uuid.uuid4().hex,
            run_id=wish.run_id,
            workflow=wish.workflow,
            session_id=wish.session_id,
            role=msgspec.convert(wish.role, ShareRole),
            label=wish.label,
            maker=peer.identity.user,
            of_kernel=peer.identity.kind == "kernel",
            made_at=timestamp(now),
            expires_at=now + ttl,
        )

        is_told = False

        def doubt(_at: float) -> None:
            nonlocal is_told
            is_told = True
            text = "no link was made that anybody knows"
            done(refused(text, self._limits))

        def stored(outcome: Outcome | None, _at: float) -> None:
            if isinstance(outcome, Committed):
                self._rows[row.share_id] = row
            if is_told:
                return
            if isinstance(outcome, Committed):
                done(Shared(row, tokens.sign(row)))
            else:
                done(refused("no link was made", self._limits))

        key = rows.SHARE + row.share_id
        transaction = Transaction(
            checks=(RowIs(key, 0),),
            puts=(Put(key, rows.encode(row)),),
            appends=(audit.append_of(_entry(peer, now, "share", row)),),
            durable=True,
        )
        self._effects.commit(transaction, stored, doubt)

    @property
    def public_url(self) -> str | None:
        """Where people reach the server's pages, if it was told."""
        return None if self._tokens is None else self._tokens.public_url

    def _signer(self) -> Tokens:
        if self._tokens is None:
            raise Unavailable("sharing needs a Jupyter or FastAPI server with kgnb")
        return self._tokens

    def _check(self, peer: Peer, wish: Wish, now: float) -> None:
        if peer.is_scoped:
            raise Forbidden("whoever came by a share link cannot make one")
        self._check_fields(wish)
        if not peer.may(msgspec.convert(wish.role, ShareRole)):
            raise Forbidden(
                f"share: expected a role that you have yourself, got {wish.role!r}; "
                f"yours is {peer.role!r}"
            )
        if wish.run_id is not None and self._runs.visible(peer, wish.run_id) is None:
            raise NoSuchRun(f"no run {wish.run_id!r}")
        if wish.workflow is not None and not self._is_workflow(peer, wish.workflow):
            raise NoSuchWorkflow(f"no workflow {wish.workflow!r} is published")
        held = sum(
            row.maker == peer.identity.user and self.holds(key, now)
            for key, row in self._rows.items()
        )
        if held >= self._limits.max_shares:
            raise Conflict(f"share: you have {held} links that hold; revoke some")

    def _check_fields(self, wish: Wish) -> None:
        things = (wish.run_id, wish.workflow, wish.session_id)
        if sum(thing is not None for thing in things) != 1:
            raise InvalidValue(
                "share: expected one of 'run_id', 'workflow' and 'session_id'"
            )
        if wish.session_id == "" or (wish.session_id or "").startswith(SESSION_TOKEN):
            raise InvalidValue("share: expected a session_id of your own")
        if wish.role not in ROLES:
            expected = ", ".join(ROLES)
            raise InvalidValue(
                f"share: expected a role of {expected}; got {wish.role[:40]!r}"
            )
        most = self._limits.share_ttl
        if wish.ttl is not None and not 1 <= wish.ttl <= most:
            raise InvalidValue(
                f"share: expected a ttl of 1 to {most:g} seconds "
                f"(share_link_max_ttl), got {wish.ttl:g}"
            )
        if len(wish.label) > MAX_LABEL or not (wish.label or " ").isprintable():
            raise InvalidValue(
                f"share: expected a label of at most {MAX_LABEL} printable characters"
            )

    def _is_workflow(self, peer: Peer, name: str) -> bool:
        """Whether it is published, or there are runs of it."""
        return self._workflows.find(name, peer) is not None or any(
            run.row.workflow == name and self._runs.visible(peer, run.id) is not None
            for run in self._runs.by_id.values()
        )

    # Using

    def holds(self, share_id: str, now: float) -> bool:
        """Whether it opens anything still."""
        row = self._rows.get(share_id)
        return row is not None and row.revoked_at is None and now < row.expires_at

    def _row_of(self, token: str, now: float) -> ShareRow:
        """The row that a token names, if it holds.

        Raises:
            Unauthorized: It does not; why is not said.
        """
        said = self._tokens.read(token, now) if self._tokens is not None else None
        row = self._rows.get(said.share_id) if said is not None else None
        if said is None or row is None or not self.holds(row.share_id, now):
            raise Unauthorized("this share link is not valid, or no longer")
        things = said.run_id, said.workflow, said.session_id, said.role
        if things != (row.run_id, row.workflow, row.session_id, row.role):
            raise Unauthorized("this share link is not valid, or no longer")
        return row

    def peer_of(self, token: str, now: float) -> Peer:
        """Who comes by a link; the host adds how.

        Raises:
            Unauthorized: It is no share link, or no longer.
        """
        row = self._row_of(token, now)
        if row.session_id is not None:
            raise Unauthorized("a session's token is no credential")
        shown = f"link: {row.label}" if row.label else "share link"
        return Peer(
            identity=Identity(user=f"link {row.share_id}", name=shown, kind="link"),
            role=row.role,
            run_scope=row.run_id,
            workflow_scope=row.workflow,
            share_id=row.share_id,
        )

    def session_of(self, peer: Peer, named: str, now: float) -> tuple[str, str]:
        """Whose session a client means, and its name there.

        Raises:
            Unauthorized: It is the token of another's session, and does not hold.
        """
        if not named.startswith(SESSION_TOKEN):
            return peer.identity.user, named
        row = self._row_of(named.removeprefix(SESSION_TOKEN), now)
        if row.session_id is None:
            raise Unauthorized("a share link is no session's token")
        return row.maker, row.session_id

    # Listing and revoking

    def listed(self, peer: Peer, now: float) -> list[ShareRow]:
        """Those that ``peer`` may revoke and that hold, the oldest first."""
        held = [row for key, row in self._rows.items() if self.holds(key, now)]
        return [row for row in held if _may_revoke(peer, row)]

    def revoke(self, peer: Peer, share_id: str, now: float, done: Done) -> None:
        """End a link at once, with all who came by it; again does nothing.

        Raises:
            NoSuchLink: There is none that ``peer`` may revoke.
        """
        row = self._rows.get(share_id)
        if row is None or now >= row.expires_at or not _may_revoke(peer, row):
            raise NoSuchLink(f"no share link {share_id[:40]!r}")
        if row.revoked_at is None:
            # Before it is stored: if the log fails, it is over here all the same.
            row = msgspec.structs.replace(row, revoked_at=timestamp(now))
            self._rows[share_id] = row
            self.ended(share_id)

        is_told = False

        def doubt(_at: float) -> None:
            nonlocal is_told
            is_told = True
            text = (
                "the link is revoked here, but revoke it again, or it may hold once "
                "more after a restart"
            )
            done(refused(text, self._limits))

        def stored(outcome: Outcome | None, at: float) -> None:
            if is_told:
                return
            if isinstance(outcome, Committed):
                done(row)
            else:
                doubt(at)

        transaction = Transaction(
            puts=(Put(rows.SHARE + share_id, rows.encode(row)),),
            appends=(audit.append_of(_entry(peer, now, "revoke", row)),),
            durable=True,
        )
        self._effects.commit(transaction, stored, doubt)

    # Time

    def tick(self, now: float) -> None:
        """Let go of whoever came by a link that is over."""
        if now >= self._next_look:
            self._next_look = now + LOOK_INTERVAL
            for share_id in self._forget_expired(now):
                self.ended(share_id)

    def _forget_expired(self, now: float) -> list[str]:
        over = [key for key, row in self._rows.items() if row.expires_at <= now]
        for share_id in over:
            del self._rows[share_id]
        if over:
            puts = tuple(Put(rows.SHARE + share_id, None) for share_id in over)
            # If the log fails they stay behind, and are forgotten after a restart.
            self._effects.commit(Transaction(puts=puts), lambda _outcome, _at: None)
        return over


def _may_revoke(peer: Peer, row: ShareRow) -> bool:
    """Its maker; a kernel's, whoever may do everything to its runs."""
    if peer.is_scoped:
        return False
    is_keeper = row.of_kernel and peer.may("start") and peer.kernel_id is None
    return is_keeper or row.maker == peer.identity.user


def _entry(
    peer: Peer, now: float, action: audit.Action, row: ShareRow
) -> audit.AuditEntry:
    return audit.entry_by(
        peer,
        now,
        action,
        "done",
        run_id=None if row.run_id is None else RunId(row.run_id),
        workflow=row.workflow,
        link_id=row.share_id,
        role=row.role,
    )
