"""How every host begins: the broker on the configured log, or else on one in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.storage import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.logs import Claim

logger = logging.getLogger("kgnb.server")


@dataclass
class Begun:
    """A broker that was started."""

    driver: BrokerDriver
    trouble: str | None
    """Why events are not kept over a restart, in words; None where they are."""
    _claim: Claim | None

    def release(self) -> None:
        """Let another server have the log; after the driver was closed."""
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()


async def begin(
    claim: Callable[[], Claim],
    make: Callable[[str], BrokerDriver],
    *,
    what: str,
    log: logging.Logger = logger,
) -> Begun:
    """Start the broker; after this you must close the driver and ``release``.

    Approvals and live panels need a log but not a lasting one, so a full disk must
    not take them away. That runs are not kept is said here, and by ``kgnb/health``;
    kernels and clients see a new ``log_id``, which tells them that the old positions
    are void.

    Args:
        claim: Takes the log.
        make: Makes the driver of a log's URL.
        what: Names the setting of the log.
        log: Where to say how it went.
    """
    claimed: Claim | None = None
    try:
        claimed = claim()
        driver = make(claimed.url)
        await driver.start()
    except (Unavailable, ValueError) as error:
        if claimed is not None:
            claimed.release()
        log.critical(
            "kgnb: %s. Runs are kept in memory only and are lost when this server"
            " stops; set %s to a file that can be written.",
            error,
            what,
        )
        driver = make("memory://")
        await driver.start()
        return Begun(driver, str(error), None)
    except BaseException:
        if claimed is not None:
            claimed.release()
        raise
    log.info("kgnb: keeps runs in %s", shown(claimed.url))
    return Begun(driver, None, claimed)
