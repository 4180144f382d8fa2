"""The workers of a run, as its target asks for them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.pools import Pools
from scalable_cli.engine.supply import Crew, FixedCrew
from scalable_cli.engine.tls import make_credentials, security_of
from scalable_cli.errors import RefusedError
from scalable_cli.host import cpu_count, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.model.launcher import Shape
    from scalable_cli.model.manifest import Component, LocalOptions, Target


@dataclass(frozen=True)
class Opening:
    """The workers of a run, and what opens them: it gives a Dask client."""

    crew: Crew
    open_client: Callable[[], contextlib.AbstractContextManager[Any]]


def crew_of(
    target: Target,
    components: Sequence[Component],
    run: RunDirectory,
    host: Host,
    lifetime_s: float | None = None,
) -> Opening:
    """The workers of the target; certificates of theirs hold `lifetime_s`.

    Raises RefusedError for what this version cannot do.
    """
    from scalable_cli.launchers.local import LocalWorkers, options_of, pool_of, shape

    options = options_of(target)
    if target.adaptive is None:
        local = shape(options, components, cpu_count(), memory_bytes())
        crew = FixedCrew(local, are_processes=options.processes)
        return Opening(crew, lambda: open_local(options, local, run, host, losses=0))
    from scalable_cli.host.background import own_argv

    largest = replace(options, max_workers=target.adaptive.maximum)
    pool = pool_of(target.adaptive, shape(largest, components, cpu_count(), memory_bytes()))
    folder = run.store.local_path(run.key("logs/workers"))
    if folder is None:
        raise RefusedError(f'this version starts workers on local storage only, not in "{run.uri}"')
    launcher = LocalWorkers(tuple(own_argv(folder)), host.environ, folder)
    pools = Pools(launcher, (pool,), run, host.now, lifetime_s)
    return Opening(pools, pools.open)


@contextlib.contextmanager
def open_local(
    options: LocalOptions, shape: Shape, run: RunDirectory, host: Host, *, losses: int = 3
) -> Iterator[Any]:
    """A Dask client of workers on this machine, encrypted where they are processes."""
    from scalable_cli.launchers.local import open_client

    security = None
    if options.processes:
        security = security_of(make_credentials(run.id, host.now(), None)["head"])
    with open_client(options, shape, security, losses=losses) as client:
        yield client
