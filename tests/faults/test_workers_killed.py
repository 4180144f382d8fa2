"""Worker processes that are killed or frozen: their steps run elsewhere, once."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from pathlib import Path

import pytest
from fault_study import FaultStudy, wait_for
from faulty_store import Faults


@pytest.fixture
def processes(study: FaultStudy) -> FaultStudy:
    """The study on worker processes."""
    study.processes = True
    return study


def workers(study: FaultStudy) -> set[int]:
    """The worker processes that have run a step and live."""
    return {mark.worker for mark in study.marks if Path(f"/proc/{mark.worker}").exists()}


def kill(pid: int) -> None:
    """SIGKILL to one process."""
    os.kill(pid, signal.SIGKILL)


def test_a_worker_killed_while_its_step_runs(processes: FaultStudy) -> None:
    processes.seconds = 0.5
    head = processes.write().start()
    wait_for(lambda: len(processes.marks) >= 4, "four steps started")
    kill(processes.marks[-1].worker)

    assert processes.end(head) == (0, "")
    assert {e.values["class"] for e in processes.events("step.retried")} == {"infrastructure"}
    processes.check_done()


def test_a_worker_killed_while_it_uploads(processes: FaultStudy) -> None:
    uploading = processes.folder / "uploading"
    faults = Faults(upload_s=0.4, uploading=str(uploading))
    head = processes.write().start(faults=asdict(faults))
    wait_for(lambda: len(processes.events("step.done")) >= 3, "three steps done")
    uploading.unlink()
    wait_for(lambda: uploading.exists() and uploading.read_text(), "an upload")
    kill(int(uploading.read_text()))

    assert processes.end(head) == (0, "")
    processes.check_done()


def test_an_idle_worker_killed(processes: FaultStudy) -> None:
    processes.steps, processes.seconds = 2, 0.1
    processes.write()
    manifest = processes.folder / "scalable.yaml"
    long = manifest.read_text().replace("sleep 0.1", "[ {{ matrix.n }} = 1 ] || sleep 3")
    manifest.write_text(long)
    head = processes.start()
    done = "simulate[n=1]"
    wait_for(lambda: done in {e.values["step"] for e in processes.events("step.done")}, "done")
    (idle,) = {mark.worker for mark in processes.marks if mark.step == done}
    busy = {mark.worker for mark in processes.marks if mark.step == "simulate[n=2]"}
    assert idle not in busy
    kill(idle)

    assert processes.end(head) == (0, "")
    assert processes.events("step.retried") == []
    processes.check_done()


def test_all_workers_killed(processes: FaultStudy) -> None:
    processes.seconds = 0.3
    head = processes.write().start()
    wait_for(lambda: len(workers(processes)) == 2, "two workers at work")
    for pid in workers(processes):
        kill(pid)

    assert processes.end(head) == (0, "")
    processes.check_done()


@pytest.mark.nightly
def test_a_frozen_worker_is_taken_for_lost(processes: FaultStudy) -> None:
    processes.seconds = 0.5
    head = processes.write().start()
    wait_for(lambda: len(processes.marks) >= 4, "four steps started")
    frozen = processes.marks[-1].worker
    os.kill(frozen, signal.SIGSTOP)
    code, said = processes.end(head)

    assert (code, said) == (0, "")
    processes.check_done()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_workers_killed_at_random(processes: FaultStudy, seed: int) -> None:
    import random

    chance = random.Random(seed)
    processes.steps, processes.seconds = 40, 0.2
    head = processes.write().start(faults=asdict(Faults(seed=seed, rate=0.05)))
    for _ in range(6):
        wanted = len(processes.marks) + chance.randint(1, 8)
        wait_for(
            lambda wanted=wanted: len(processes.marks) >= wanted or head.poll() is not None, "work"
        )
        if head.poll() is None and workers(processes):
            kill(chance.choice(sorted(workers(processes))))

    assert processes.end(head) == (0, "")
    processes.check_done()
