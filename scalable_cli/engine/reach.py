"""Whether results can be fetched: Dask fetches them by connecting into the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scalable_cli.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_S = 10.0


class Reach:
    """Finds out once for each worker whether the scheduler can connect into it.

    Without asking, Dask would try for ever, and run the calls again and again meanwhile.
    """

    def __init__(self, client: Any, timeout_s: float = CONNECT_S) -> None:
        self._client, self._timeout_s = client, timeout_s
        self._proven: set[str] = set()

    def require(self, futures: Any = None) -> None:
        """Raise ProviderError when a worker cannot be connected to.

        With `futures` it waits for them and asks of the workers that hold their results,
        otherwise of those that are there.
        """
        if self._client.scheduler is None or self._client.scheduler.address.startswith("inproc"):
            return
        new = self._holders(futures) - self._proven
        closed = self._client.run_on_scheduler(
            _closed, addresses=sorted(new), timeout_s=self._timeout_s
        )
        if closed:
            raise ProviderError(
                f"results cannot be fetched: nothing can connect to the worker at {closed[0]} "
                f"(tried for {self._timeout_s:g} s)",
                hint="let commands do the work and leave files, or open the workers' network",
            )
        self._proven |= new

    def _holders(self, futures: Any) -> set[str]:
        if futures is None:
            found: Iterable[str] = self._client.run_on_scheduler(_workers)
            return set(found)
        from distributed import wait
        from distributed.client import futures_of

        waiting = [future for future in futures_of(futures) if not future.cancelled()]
        if waiting:
            with self._client.as_current():
                wait(waiting)
        return {place for places in self._client.who_has(waiting).values() for place in places}


def _workers(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.workers)


async def _closed(addresses: list[str], timeout_s: float, dask_scheduler: Any) -> list[str]:
    """The addresses, still of workers, that do not accept a connection."""
    import asyncio

    from distributed.comm import connect

    async def refuses(address: str) -> bool:
        try:
            comm = await connect(address, timeout=timeout_s, **dask_scheduler.connection_args)
        except OSError:
            return address in dask_scheduler.workers
        await comm.close()
        return False

    answers = await asyncio.gather(*(refuses(address) for address in addresses))
    return [address for address, bad in zip(addresses, answers, strict=True) if bad]
