"""A disk that is full: the storage's, or the one that steps work on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_study import FaultStudy

TASKS = """\
  t:
    component: small
    matrix:
      n: 1..6
    command: '{mark}; head -c 2M /dev/zero | tr "\\0" {{{{ matrix.n }}}} > {{{{ outputs.o }}}}'
    outputs:
      o: out/{{{{ matrix.n }}}}
"""


@pytest.fixture
def small_disk(study: FaultStudy) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of 8 MiB over a folder of the study; again with more room."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        place = study.folder / name
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine does not let us mount")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def enlarge(place: Path) -> None:
    """Make room."""
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)


def check_artifacts(study: FaultStudy) -> None:
    assert study.artifacts() == {f"out/{n}": str(n) * (2 << 20) for n in range(1, 7)}
    study.check_once()
    study.check_nothing_left()


def test_a_full_storage_ends_the_run_cleanly_and_resume_goes_on(
    study: FaultStudy, small_disk: Callable[[str], Path]
) -> None:
    storage = small_disk("runs")
    code, said = study.write(TASKS.format(mark=study.mark)).run()

    assert code == 8, said
    assert "no space left on device" in said
    assert "free some space, or set project.default_storage to another disk; then: " in said
    assert f"scalable resume {study.directory.id}" in said
    study.check_nothing_left()
    enlarge(storage)
    assert study.run("resume") == (0, "")
    check_artifacts(study)


def test_a_full_scratch_disk_fails_the_step_and_resume_goes_on(
    study: FaultStudy, small_disk: Callable[[str], Path]
) -> None:
    scratch = small_disk(".scalable/cache/scratch")
    tasks = TASKS.format(mark=study.mark).replace("2M", "9M", 1)
    code, _ = study.write(tasks).run(keep_going=True)

    assert code == 1
    assert len(study.events("step.failed")) == 6
    log = Path(study.directory.uri, "logs/t/n=1/1.log").read_text()
    assert "No space left on device" in log
    study.check_nothing_left()
    enlarge(scratch)
    assert study.run("resume") == (0, "")
    study.check_once()


def test_a_disk_that_is_full_from_the_start_says_so(
    study: FaultStudy, small_disk: Callable[[str], Path]
) -> None:
    storage = small_disk("runs")
    with (storage / "ballast").open("wb") as stream:
        stream.write(b"x" * (8 << 20))
    code, said = study.write(TASKS.format(mark=study.mark)).run()

    assert code == 8
    assert "no space left on device" in said
    assert study.marks == []
