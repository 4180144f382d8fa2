"""A clock that jumps: neither the lease nor a time limit nor a duration is harmed."""

from __future__ import annotations

import pytest
from fault_study import FaultStudy, wait_for


@pytest.mark.parametrize("hours", [-30, pytest.param(5, marks=pytest.mark.nightly)])
def test_a_clock_that_jumps_changes_nothing(study: FaultStudy, hours: int) -> None:
    clock = study.folder / "clock"
    study.steps, study.seconds = 16, 0.3
    head = study.write().start(clock=str(clock), max_duration_s=600)
    wait_for(lambda: len(study.events("step.done")) >= 3, "three steps done")
    clock.write_text(str(hours * 3600))
    wait_for(lambda: len(study.events("step.done")) >= 8, "eight steps done")
    second, said = study.run("resume", clock=str(clock))
    assert second == 5
    assert "still going on" in said
    clock.write_text("0")

    assert study.end(head) == (0, "")
    durations = [float(str(e.values["seconds"])) for e in study.events("step.done")]
    assert all(0 <= seconds < 60 for seconds in durations)
    assert study.artifacts() == study.expected()
    study.check_nothing_left()
