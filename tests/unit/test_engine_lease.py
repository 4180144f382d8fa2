"""The lease: of several heads one has the run, and whoever has lost it writes no more."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scalable_cli.engine import lease as lease_module
from scalable_cli.engine.lease import Holder, Lease, LostLeaseError, last_claim, read_holder
from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.errors import RefusedError
from scalable_cli.host.process import is_alive, machine, start_time
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import read_events
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.codec import encode
from scalable_cli.store.local import LocalStore

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

CONTENDERS, ROUNDS = 4, 60


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(LocalStore(tmp_path), "run-1")


def elsewhere(expires: float, generation: int = 1) -> Holder:
    """A head on another machine."""
    return Holder("node7", "other-boot/pid:[1]", 4711, "99", expires, generation)


def claim(run: RunDirectory, holder: Holder) -> None:
    """What another head's process writes to take the run."""
    run.write_json(f"lease/{holder.generation:06d}", encode(holder))
    run.write_json("lease.json", encode(holder))


def test_a_lease_is_held_once_and_given_back(run: RunDirectory) -> None:
    with Lease(run, time.time) as first:
        first.verify()
        holder = read_holder(run)
        with pytest.raises(RefusedError, match="still going on"):
            Lease(run, time.time).__enter__()

    assert holder is not None
    assert (holder.pid, holder.generation) == (os.getpid(), 1)
    assert read_holder(run) is None
    with Lease(run, time.time):
        assert last_claim(run)[0] == 2


def test_a_head_elsewhere_is_believed_until_its_lease_ends(run: RunDirectory) -> None:
    claim(run, elsewhere(expires=1000.0))

    with pytest.raises(RefusedError, match="process 4711 on node7"):
        Lease(run, lambda: 999.0).__enter__()
    with Lease(run, lambda: 1001.0):
        assert last_claim(run)[0] == 2


def test_a_renewed_lease_counts_and_not_the_first_claim(run: RunDirectory) -> None:
    claim(run, elsewhere(expires=1000.0))
    run.write_json("lease.json", encode(elsewhere(expires=2000.0)))

    with pytest.raises(RefusedError):
        Lease(run, lambda: 1500.0).__enter__()


def test_a_claim_without_its_lease_file_is_a_head_that_is_about_to_start(
    run: RunDirectory,
) -> None:
    run.write_json("lease/000001", encode(elsewhere(expires=1000.0)))

    with pytest.raises(RefusedError):
        Lease(run, lambda: 999.0).__enter__()


def test_who_has_lost_the_lease_writes_no_more(run: RunDirectory) -> None:
    mine = Lease(run, time.time)
    with mine:
        journal = JournalWriter(run.store, run.id, time.time, verify=mine.verify)
        journal.add(Kind.NOTE, text="before")
        journal.flush()
        other = elsewhere(expires=time.time() + 60, generation=2)
        claim(run, other)
        journal.add(Kind.NOTE, text="after")

        with pytest.raises(LostLeaseError, match="has taken run-1 over"):
            journal.flush()
        assert mine.lost

    assert read_holder(run) == other
    assert [event.text("text") for event in read_events(run.store, run.id)] == ["before"]


def test_a_lost_lease_is_not_renewed(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_S", 0.02)
    with Lease(run, time.time):
        other = elsewhere(expires=time.time() + 60, generation=2)
        claim(run, other)
        time.sleep(0.2)

        assert read_holder(run) == other


def test_a_damaged_lease_is_nobodys(run: RunDirectory) -> None:
    run.store.write(run.key("lease.json"), b'{"pid":')
    run.store.write(run.key("lease/000003"), b"")

    with Lease(run, time.time):
        assert last_claim(run)[0] == 4


def test_a_process_that_has_ended_and_was_not_reaped_is_not_alive() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    started = start_time(child) or ""
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)

    assert not is_alive(child, started)
    os.waitpid(child, 0)
    assert is_alive(os.getpid(), start_time(os.getpid()) or "")
    assert not is_alive(os.getpid(), "1")


def test_two_writers_never_share_a_segment(run: RunDirectory) -> None:
    first = JournalWriter(run.store, run.id, time.time)
    second = JournalWriter(run.store, run.id, time.time)
    for writer, text in ((first, "a"), (second, "b"), (first, "c")):
        writer.add(Kind.NOTE, text=text)
        writer._next()
        writer.flush()

    assert sorted(e.text("text") for e in read_events(run.store, run.id)) == ["a", "b", "c"]


def test_of_many_that_take_a_run_at_once_exactly_one_has_it(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier, wins = fork.Barrier(CONTENDERS), fork.Queue()
    children = [
        fork.Process(target=contend, args=(tmp_path, barrier, wins)) for _ in range(CONTENDERS)
    ]
    for child in children:
        child.start()
    rounds = [wins.get(timeout=60) for _ in range(CONTENDERS * ROUNDS)]
    for child in children:
        child.join()

    won = [number for number, taken in rounds if taken]
    assert sorted(won) == list(range(ROUNDS))


def contend(folder: Path, barrier: Barrier, wins: Any) -> None:
    """Take part in each round: half of the runs were lost by a head that is gone."""
    for number in range(ROUNDS):
        run = RunDirectory(LocalStore(folder), f"run-{number}")
        if number % 2 and barrier.wait() == 0:
            claim(run, replace(elsewhere(expires=0.0), machine=machine()))
        barrier.wait()
        lease = Lease(run, time.time)
        try:
            lease.__enter__()
            taken = True
        except RefusedError:
            taken = False
        wins.put((number, taken))
        barrier.wait()
        if taken:
            lease.verify()
            lease.__exit__()
