"""Workers that can connect to the head and that nothing can connect into.

They are in a network namespace; packets to them travel only where the head's scheduler is the
sender's port, so every other connection attempt to them waits for an answer that never comes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalable_cli.engine.control import request_stop
from scalable_cli.engine.futures import Recorder, WorkflowClient
from scalable_cli.engine.head import Ended
from scalable_cli.engine.limits import Mode
from scalable_cli.engine.pools import Pools
from scalable_cli.engine.reach import Reach
from scalable_cli.errors import ProviderError
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.run import RunState
from scalable_cli.report import new_fold
from tests.fakes.machines import FakeProvider
from tests.fakes.pool_run import PoolRun, pool

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and the command ip"
    ),
]

TASKS = """\
  t:
    component: small
    matrix:
      n: 1..6
    command: sleep 0.5; echo {{ matrix.n }} > {{ outputs.o }}
    outputs:
      o: out/{{ matrix.n }}
  last:
    component: small
    needs:
      - t
    command: sleep 5; echo x > {{ outputs.o }}
    outputs:
      o: last
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Island:
    """A network namespace at .2 of a network whose .1 is this machine."""

    def __init__(self) -> None:
        number = os.getpid() % 200 + 20
        self.name, self.link = f"scalable-{os.getpid()}", f"sc{os.getpid()}"
        self.here, self.there = f"10.213.{number}.1", f"10.213.{number}.2"
        self.nowhere, self.table = f"10.213.{number}.99", str(20000 + 2 * number)
        self.closed = False

    def open(self) -> None:
        ip("netns", "add", self.name)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "inside", "netns", self.name)
        ip("addr", "add", f"{self.here}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", self.name, "addr", "add", f"{self.there}/24", "dev", "inside")
        ip("-n", self.name, "link", "set", "inside", "up")
        ip("-n", self.name, "link", "set", "lo", "up")

    def shut(self, scheduler: str) -> None:
        """From now on only the scheduler's port may send there."""
        if self.closed:
            return
        self.closed = True
        port = scheduler.rpartition(":")[2]
        lost = ("lladdr", "02:00:00:00:00:99", "dev", self.link, "nud", "permanent")
        ip("neigh", "add", self.nowhere, *lost)
        ip("route", "add", self.there, "via", self.nowhere, "dev", self.link, "table", self.table)
        to = ("to", self.there, "ipproto", "tcp")
        ip("rule", "add", "pref", self.table, *to, "sport", port, "lookup", "main")
        ip("rule", "add", "pref", str(int(self.table) + 1), *to, "lookup", self.table)

    def remove(self) -> None:
        for words in (
            ("rule", "del", "pref", self.table),
            ("rule", "del", "pref", str(int(self.table) + 1)),
            ("link", "del", self.link),
            ("netns", "del", self.name),
        ):
            subprocess.run(["ip", *words], capture_output=True)


@pytest.fixture
def island() -> Iterator[Island]:
    made = Island()
    try:
        made.open()
    except subprocess.CalledProcessError as error:
        made.remove()
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    yield made
    made.remove()


def settle(run: PoolRun, island: Island) -> PoolRun:
    """Let the run's machines be on the island."""
    provider: FakeProvider = run.provider
    provider.listen = island.here
    provider.around = ("ip", "netns", "exec", island.name)
    provider.on_scheduler = island.shut
    return run


def can_be_entered(crew: Pools) -> bool:
    """Whether a connection into a worker can be made."""
    address = next(iter(crew._cluster.scheduler.workers))
    host, _, port = address.removeprefix("tls://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except TimeoutError:
        return False
    return True


def test_steps_run_and_the_pool_adapts(tmp_path: Path, island: Island) -> None:
    run = settle(PoolRun(tmp_path, TASKS, (pool("", 2, minimum=1),)), island)
    entered: list[bool] = []
    alive: list[int] = []

    def watch(run: PoolRun) -> None:
        run.wait_for("step.started")
        entered.append(can_be_entered(run.crew))
        while not run.artifacts().get("last"):
            alive.append(len(run.provider.alive()))
            time.sleep(0.1)

    assert run.execute(watch) == Ended(RunState.DONE)
    assert run.artifacts() == {f"out/{n}": f"{n}\n" for n in range(1, 7)} | {"last": "x\n"}
    assert entered == [False]
    assert (max(alive), alive[-1]) == (2, 1)


def test_lost_workers_are_replaced_and_a_stop_arrives(tmp_path: Path, island: Island) -> None:
    tasks = "  t:\n    component: small\n    command: sleep 60\n"
    run = settle(PoolRun(tmp_path, tasks, (pool("", 1),)), island)

    def strike(run: PoolRun) -> None:
        run.wait_for("step.started")
        run.provider.alive()[0].signal(signal.SIGKILL)
        run.wait_for("step.started", 2)
        request_stop(run.run, Mode.NOW, time.time())

    started = time.monotonic()
    assert run.execute(strike).state is RunState.STOPPED
    assert time.monotonic() - started < 30
    assert len(run.events("step.retried")) == 1


def test_results_that_cannot_be_fetched_are_an_error(tmp_path: Path, island: Island) -> None:
    run = settle(PoolRun(tmp_path, TASKS, (pool("", 1, minimum=1),)), island)
    crew = Pools(run.provider, run.pools, run.run, time.time)
    journal = JournalWriter(run.run.store, run.run.id, time.time)
    recorder = Recorder(run.run, journal, new_fold(run.run.read_json("run.json")))
    with crew.open() as dask:
        client = WorkflowClient(dask, recorder, {})
        client._reach = Reach(dask, 2.0)
        future = client.submit(sum, (1, 2))
        started = time.monotonic()

        with pytest.raises(ProviderError, match="nothing can connect to the worker"):
            client.gather([future])

        assert time.monotonic() - started < 15
    journal.close()
