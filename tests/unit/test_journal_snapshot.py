"""The snapshot of a long journal tells what the journal would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scalable_cli.engine.lease import Lease
from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import Fold
from scalable_cli.journal.snapshot import snapshot_of
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.run import Run, RunState
from scalable_cli.report import Watching, fold_run, new_fold, watching
from scalable_cli.store.local import LocalStore

NOW = 1_800_000_000.0
FACTS = {"tasks": [["t", "small", 50]], "created": NOW}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A run with 40 steps done, one failed and an artifact; every journal counts as long."""
    monkeypatch.setattr(watching, "LONG_BYTES", 1)
    made = RunDirectory(LocalStore(tmp_path), "run-1")
    made.write_json("run.json", FACTS)
    return made


def record(run: RunDirectory, *, end: bool) -> tuple[JournalWriter, Fold]:
    journal, fold = JournalWriter(run.store, run.id, lambda: NOW), new_fold(FACTS)

    def add(kind: Kind, **values: object) -> None:
        fold.take(journal.add(kind, **values))

    add(Kind.RUN_STARTED, head="h", generation=3)
    for n in range(40):
        add(Kind.STEP_DONE, step=f"t[n={n}]", key="k", seconds=1.5, cpu=1.0, peak=9, outputs=[])
    add(Kind.STEP_FAILED, step="t[n=40]", attempt=1, text="x", exit=3, **{"class": "step"})
    add(Kind.STEP_RETRIED, step="t[n=41]", attempt=1, text="x", exit=3, **{"class": "step"})
    add(Kind.ARTIFACT, path="a", uri="u", digest="d", size=1)
    if end:
        add(Kind.RUN_ENDED, state="failed", reason="because", cost="1.5")
    journal.flush()
    run.write_json("status.json", snapshot_of(fold, NOW, journal.position))
    return journal, fold


def from_journal(run: RunDirectory, now: float = NOW) -> Run:
    return Watching(run).look(now)


def test_the_snapshot_of_a_whole_journal_stands_for_it(run: RunDirectory) -> None:
    record(run, end=True)
    expected = from_journal(run)
    (segment,) = run.store.scan(run.key("journal/"))
    run.store.write(segment.key, b"x" * segment.size)

    assert fold_run(run, NOW) == expected
    assert expected.state is RunState.FAILED


def test_a_journal_that_goes_on_behind_the_snapshot_is_read(run: RunDirectory) -> None:
    journal, _ = record(run, end=True)
    journal.add(Kind.STEP_DONE, step="t[n=45]", key="k", outputs=[])
    journal.flush()

    assert fold_run(run, NOW) == from_journal(run)
    assert fold_run(run, NOW).tasks[0].done == 41


def test_a_fresh_snapshot_serves_while_a_head_works(run: RunDirectory) -> None:
    with Lease(run, lambda: NOW):
        journal, _ = record(run, end=False)
        journal.add(Kind.STEP_DONE, step="t[n=45]", key="k", outputs=[])
        journal.flush()

        assert fold_run(run, NOW + 2).tasks[0].done == 40
        assert fold_run(run, NOW + 30).tasks[0].done == 41


def damaged(run: RunDirectory) -> None:
    run.store.write(run.key("status.json"), b'{"schema":"scalable.sta')


def of_old(run: RunDirectory) -> None:
    run.write_json("status.json", {"schema": "scalable.status/1", "state": "done", "tasks": []})


def wrong(run: RunDirectory) -> None:
    run.write_json("status.json", {**run.read_json("status.json"), "tasks": [1]})


@pytest.mark.parametrize("spoil", [damaged, of_old, wrong])
def test_a_snapshot_that_cannot_be_read_is_none(
    run: RunDirectory, spoil: Callable[[RunDirectory], None]
) -> None:
    record(run, end=True)
    spoil(run)

    assert fold_run(run, NOW) == from_journal(run)


def test_there_is_no_position_while_events_wait(run: RunDirectory) -> None:
    journal, _ = record(run, end=False)
    journal.add(Kind.NOTE, text="x")

    assert journal.position is None
