"""A provider of machines that are processes: slow to start, and easy to lose.

Each machine is `scalable worker RUN`, started after a delay. Tests may kill, freeze or end one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalable_cli.launchers.machines import ProcessMachine
from scalable_cli.model.launcher import Pool, Workers

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-P", "-m", "scalable_cli")


class Machine:
    """A machine that is there some time after it was asked for."""

    def __init__(
        self, scheduler: str, name: str, provider: FakeProvider, argv: list[str], pool: str
    ) -> None:
        self.name, self.pool, self._delay = name, pool, provider.start_s
        folder = provider.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = ProcessMachine(scheduler, name, argv, provider.environ, folder)
        self._starting: asyncio.Task[None] | None = None
        provider.machines[name] = self
        provider.on_scheduler(scheduler)

    def __await__(self) -> Generator[object, None, Machine]:
        return self._ask().__await__()

    async def _ask(self) -> Machine:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return self

    async def _start(self) -> None:
        await asyncio.sleep(self._delay)
        await self._process

    @property
    def status(self) -> Any:
        return self._process.status

    @property
    def ended(self) -> str | None:
        return self._process.ended

    @property
    def pid(self) -> int | None:
        return self._process.process.pid if self._process.process else None

    def has_steps(self) -> bool:
        """Whether the worker runs a step; its guard is a child too."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return sum(len(path.read_text().split()) for path in children) > 1

    async def close(self, *, at_once: bool = False) -> None:
        if self._starting is not None:
            self._starting.cancel()
        await self._process.close(at_once=at_once)

    def signal(self, number: signal.Signals) -> None:
        """Kill, freeze or end the worker itself, not the steps that it runs."""
        assert self.pid is not None
        os.kill(self.pid, number)


@dataclass
class FakeProvider:
    """Starts machines; `around` are words before each command, as `ip netns exec NAME`.

    `on_scheduler` hears the scheduler's address before each machine is started.
    """

    folder: Path
    start_s: float = 0.2
    listen: str = "127.0.0.1"
    program: tuple[str, ...] = PROGRAM
    around: tuple[str, ...] = ()
    on_scheduler: Callable[[str], None] = lambda _: None
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def workers(self, pool: Pool, run: str) -> Workers:
        argv = [*self.around, *self.program, "worker", run, "--grace=4s"]
        argv += [f"--pool={pool.name}"] if pool.name else []
        return Workers(Machine, {"provider": self, "argv": argv, "pool": pool.name})

    def alive(self) -> list[Machine]:
        """The machines whose worker process runs."""
        return [m for m in self.machines.values() if m.pid is not None and m.ended is None]
