"""Worker processes on this machine, in the form in which Dask's SpecCluster keeps them."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

from distributed.core import Status

from scalable_cli.host.background import Background, start_background
from scalable_cli.host.process import signal_group

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

LEAVE_S = 20.0
POLL_S = 0.05
TAIL_BYTES = 2000


class ProcessMachine:
    """One worker process: `argv` and `--name=NAME`, its output in `folder`/NAME.log."""

    def __init__(
        self,
        scheduler: str,
        name: str,
        argv: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.scheduler, self.name = scheduler, name
        self.status = Status.created
        self._argv, self._environ = [*argv, f"--name={name}"], environ
        self._log = folder / f"{name}.log"
        self.process: Background | None = None
        self._failure: str | None = None

    def __await__(self) -> Generator[object, None, ProcessMachine]:
        """Start the process once, however often it is awaited."""
        return self._start().__await__()

    async def _start(self) -> ProcessMachine:
        if self.status is Status.created:
            self.status = Status.running
            try:
                self.process = start_background(
                    self._argv, cwd=self._log.parent, environ=self._environ, log=self._log
                )
            except OSError as error:
                self._failure = f'cannot start "{self._argv[0]}": {error.strerror}'
        return self

    @property
    def ended(self) -> str | None:
        """Why the process ended by itself; None while it has not."""
        code = self.process.exit_code() if self.process else None
        if code is None:
            return self._failure
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = self._tail()
        return f"{how}: {last}" if last else how

    async def close(self, *, at_once: bool = False) -> None:
        """End the process: it may leave by itself for a while, then it is killed."""
        if self.status is Status.closed:
            return
        self.status = Status.closing
        if self.process is not None and not await self._is_gone(0):
            signal_group(self.process.pid, signal.SIGTERM)
            if not await self._is_gone(0 if at_once else LEAVE_S):
                signal_group(self.process.pid, signal.SIGKILL)
                await self._is_gone(LEAVE_S)
        self.status = Status.closed

    async def _is_gone(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.process is not None and self.process.exit_code() is None:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def _tail(self) -> str:
        """The last line that the process wrote."""
        try:
            lines = self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")
