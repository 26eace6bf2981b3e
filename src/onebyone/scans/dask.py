"""Dask's workers for a scan: processes of this machine, or those of a scheduler."""

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from onebyone.errors import InputError, first_line
from onebyone.scans.executors import Workers

_LOCAL = "local:"
_TIMEOUT = "10s"
"""Until a scheduler answers."""


def dask_workers(asked: str) -> Workers:
    """Workers of Dask.

    Those that are begun here are begun again when they die, also while they start; those of a
    scheduler are somebody else's, and are taken as they come and go.

    Args:
        asked: "local:N" for N processes of one thread each, or a scheduler's address.

    Raises:
        InputError: Dask is not installed, there is no such scheduler, or its workers have another
            version of onebyone or none.
    """
    try:
        import dask.config
        import distributed
    except ImportError as error:
        raise InputError(
            "Dask is not installed: pip install 'onebyone[dask]'", executor=asked
        ) from error
    cluster: Any = None
    if asked.startswith(_LOCAL):
        count = asked.removeprefix(_LOCAL)
        if not re.fullmatch("[1-9][0-9]{0,3}", count):
            raise InputError("give local:N, N processes, as local:2", executor=asked)
        make: Any = distributed.LocalCluster
        # Tiles whose worker dies are run again by the scan, one by one if need be, and not by Dask.
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
            cluster = make(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0")
        # It begins them all: a nanny gives up on a worker that dies while it starts.
        cluster.adapt(minimum=int(count), maximum=int(count))
    client = _client(distributed, asked, cluster)

    def close() -> None:
        client.close()
        if cluster is not None:
            with _without_warnings("distributed.nanny"):  # of workers that are slow to end
                cluster.close()

    try:
        _refuse_versions(client, asked)
    except BaseException:
        close()
        raise
    executor = client.get_executor(retries=0, pure=False)
    return replace(workers_of_client(executor), close=close, name=f"Dask, {asked}")


def workers_of_client(executor: Any) -> Workers:
    """The workers of an executor of a Dask client, which stays open."""
    import distributed

    client = executor._client

    def count() -> int:
        try:
            return sum(client.nthreads().values())
        except (OSError, RuntimeError, ValueError):  # the scheduler is gone, or the client closed
            return 0

    def is_lost(error: BaseException) -> bool:
        return isinstance(error, distributed.KilledWorker)

    return Workers(executor, count, False, is_lost, lambda: None, "Dask")


def _client(distributed: Any, asked: str, cluster: Any) -> Any:
    try:
        return distributed.Client(cluster or asked, timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        why = first_line(error)
    # The client that failed is closed when it is collected. That takes a lock which one that begins
    # holds, too: collected while that one begins, both would wait for ever.
    gc.collect()
    raise InputError(f"no scheduler of Dask answers there ({why})", executor=asked)


@contextmanager
def _without_warnings(name: str) -> Iterator[None]:
    """Have a logger tell of errors only."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _refuse_versions(client: Any, asked: str) -> None:
    """Refuse workers that would compute something else."""
    here = version("onebyone")
    try:
        found = client.run(_version, on_error="return")
    except Exception as error:  # of many kinds, as errors of other machines are
        raise InputError(
            f"its workers do not answer ({first_line(error)})", executor=asked
        ) from error
    for worker, told in found.items():
        if told != here:
            what = first_line(told) if isinstance(told, BaseException) else f"onebyone {told}"
            raise InputError(f"worker {worker} has {what}; here is {here}", executor=asked)


def _version() -> str:
    return version("onebyone")
