"""A store that fails, is slow or is away, and what a run makes of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from fault_study import FaultStudy
from faulty_store import Faults


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(seed=1, rate=0.05), id="5 percent", marks=pytest.mark.nightly),
        pytest.param(Faults(seed=2, rate=0.3), id="30 percent", marks=pytest.mark.nightly),
        pytest.param(Faults(seed=3, rate=0.2, torn=True), id="torn", marks=pytest.mark.nightly),
        pytest.param(Faults(slow_s=0.05), id="slow"),
    ],
)
def test_a_store_that_fails_now_and_then_changes_nothing(study: FaultStudy, faults: Faults) -> None:
    code, said = study.write().run(faults=asdict(faults))

    assert (code, said) == (0, "")
    assert study.events("step.failed", "step.retried") == []
    study.check_done()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
def test_worker_processes_ride_out_a_failing_store(study: FaultStudy, seed: int) -> None:
    study.processes = True
    code, said = study.write().run(faults=asdict(Faults(seed=seed, rate=0.3, torn=seed % 2 == 0)))

    assert (code, said) == (0, "")
    study.check_done()


@pytest.mark.parametrize(
    "away", ["/artifacts/", "/journal/", pytest.param("cache/", marks=pytest.mark.nightly)]
)
def test_a_store_that_will_not_mend_ends_the_run_and_resume_goes_on(
    study: FaultStudy, away: str
) -> None:
    flag = study.folder / "away"
    faults = asdict(Faults(away=away, away_while=str(flag), lasting=True))
    study.write()
    text = (study.folder / "scalable.yaml").read_text()
    fill = f"[ {{{{ matrix.n }}}} != 6 ] || touch {flag}; sed"
    (study.folder / "scalable.yaml").write_text(text.replace("sed", fill))
    code, said = study.run(faults=faults)
    assert code == 8, said
    assert "no space left" in said
    assert f"scalable resume {study.directory.id}" in said
    study.check_nothing_left()
    before = {str(e.values["step"]) for e in study.events("step.done")}
    marks = len([m for m in study.marks if m.step in before])
    flag.unlink()
    code, said = study.run("resume")

    assert (code, said) == (0, "")
    assert len([m for m in study.marks if m.step in before]) == marks


def test_a_store_that_is_away_for_too_long_ends_the_run_with_a_hint(study: FaultStudy) -> None:
    flag = study.folder / "away"
    flag.touch()
    faults = asdict(Faults(away="/artifacts/", away_while=str(flag)))
    code, said = study.write().run(faults=faults, patience_s=0.2)

    assert code == 1, said
    assert {e.values["class"] for e in study.events("step.failed")} == {"infrastructure"}
    flag.unlink()
    assert study.run("resume") == (0, "")
    study.check_done()


def test_a_snapshot_or_a_cache_record_that_cannot_be_written_ends_nothing(
    study: FaultStudy,
) -> None:
    flag = study.folder / "away"
    flag.touch()
    faults = Faults(away="status.json", away_while=str(flag), lasting=True)
    code, said = study.write().run(faults=asdict(faults))

    assert (code, said) == (0, "")
    study.check_done()
