"""What is known of executors: which of them are in other processes, and where.

Dask is looked for among what is loaded, and never imported: who has a client of it
has loaded it.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kgnb.errors import InvalidValue


def as_executor(given: Any) -> Any:
    """What was given as ``executor=``; in place of a Dask client, its executor.

    Raises:
        InvalidValue: The client is an asynchronous one.
    """
    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(given, distributed.Client):
        return given
    if given.asynchronous:
        raise InvalidValue(
            "executor=: this Dask client is bound to the loop on which it was made; "
            "make one with Client(asynchronous=False)"
        )
    return given.get_executor()


def client_of(executor: Any) -> Any:
    """The Dask client behind an executor, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    if not isinstance(executor, distributed.cfexecutor.ClientExecutor):
        return None
    return executor._client  # noqa: SLF001 - it has no other name


def is_here(executor: Any) -> bool:
    """Whether its threads are this process's: objects need not travel to them."""
    return isinstance(executor, ThreadPoolExecutor)


def is_near(executor: Any) -> bool | None:
    """Whether its processes are on this machine; None where nobody knows.

    The process pools of loky and joblib are not the standard library's, but copies.
    """
    if client_of(executor) is not None:
        return False
    if any(cls.__name__ == "ProcessPoolExecutor" for cls in type(executor).__mro__):
        return True
    return None


def is_dasks(value: Any) -> bool:
    """Whether it is a Dask future, whose value Dask hands to a task."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(value, distributed.Future)


def is_killed_worker(error: Exception) -> bool:
    """Whether Dask gave a task up because the workers that ran it died."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(
        error, distributed.scheduler.KilledWorker
    )
