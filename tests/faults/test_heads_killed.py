"""A head that is killed at any moment: `resume` finishes, and repeats nothing that was recorded."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from fault_study import FaultStudy

# About what the study takes from the start of its process to its end.
LASTS_S = 5.0


def kill_at_random(study: FaultStudy, chance: random.Random, verb: str) -> None:
    """Start a head and kill it, its process alone, after a while."""
    head = study.start(verb)
    time.sleep(chance.uniform(0.0, LASTS_S))
    os.kill(head.pid, signal.SIGKILL)
    study.end(head)


def check_resumes(study: FaultStudy, seed: int) -> None:
    chance = random.Random(seed)
    study.processes = seed % 2 == 1
    study.write()
    kill_at_random(study, chance, "run")
    for _ in range(chance.randint(0, 2)):
        if study.has_run():
            kill_at_random(study, chance, "resume")
    code, said = study.run("resume" if study.has_run() else "run")

    assert code == 0 or "is done" in said, said
    study.check_done()


@pytest.mark.parametrize("seed", range(3))
def test_a_head_killed_at_any_moment(study: FaultStudy, seed: int) -> None:
    check_resumes(study, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(3, 53))
def test_a_head_killed_at_any_moment_many_times(study: FaultStudy, seed: int) -> None:
    check_resumes(study, seed)


@pytest.mark.parametrize("processes", [False, True])
def test_nothing_outlives_a_killed_head(study: FaultStudy, processes: bool) -> None:
    study.processes, study.seconds = processes, 30.0
    head = study.write().start()
    while len(study.marks) < 3:
        time.sleep(0.05)
    os.kill(head.pid, signal.SIGKILL)
    study.end(head)
    until = time.monotonic() + 10
    while time.monotonic() < until and (study.processes_left() or list_tmp(study)):
        time.sleep(0.1)

    assert study.processes_left() == []
    assert list_tmp(study) == []


def list_tmp(study: FaultStudy) -> list[Path]:
    """What is left in the head's TMPDIR."""
    return list((study.folder / "tmp").iterdir())


def test_a_run_directory_is_whole_or_no_run(study: FaultStudy) -> None:
    code, said = study.write().run()

    assert (code, said) == (0, "")
    run = Path(study.directory.uri)
    made = [run / name for name in ("manifest.json", "plan.json", "context.json", "inputs.json")]
    last = (run / "run.json").stat().st_mtime_ns
    assert max(path.stat().st_mtime_ns for path in made) <= last
