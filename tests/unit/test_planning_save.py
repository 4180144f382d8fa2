"""A plan written out and read again is the same plan."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from planning_study import Study, axis, table, task

from scalable_cli.errors import RefusedError
from scalable_cli.model.manifest import Build, Component
from scalable_cli.planning import plan_document, read_plan


@pytest.fixture
def study(tmp_path) -> Study:
    (tmp_path / "raw.csv").write_text("1\n")
    (tmp_path / "sim.awk").write_text("{}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    sweep = axis("scenario", *range(1, 6)), table("a b", "1 x", "2.5 é")
    return Study(
        tmp_path,
        (
            task("prepare", reads="raw.csv", writes="grid mask", code=("*.awk",)),
            task("simulate", *sweep, reads="prepare.grid prepare.mask", code=("*.awk",)),
            task("select", *sweep, reads="simulate.out", code=("*.awk", "*.csv"), zip=True),
            task("fit", command=None, needs=("select",), code=("*.awk",)),
        ),
        component=Component("model", build=Build("./Dockerfile")),
    )


def again(study: Study, plan):
    document = json.loads(json.dumps(plan_document(plan)))
    return read_plan(document, study.manifest)


def test_a_new_plan_is_the_same_after_reading(study: Study) -> None:
    plan = study.plan()

    assert again(study, plan) == plan


def test_a_plan_that_is_partly_cached_keeps_records_keys_and_reasons(study: Study) -> None:
    study.run()
    changed = study.changed("simulate", matrix=(axis("scenario", 1, 2, 9), table("a b", "1 x")))
    plan = changed.changed("select", zip=False).plan()

    found = again(changed.changed("select", zip=False), plan)

    assert found == plan
    assert 0 < plan.to_run < len(plan.steps)


def test_a_plan_of_some_tasks_is_the_same_after_reading(study: Study) -> None:
    plan = study.plan(only=("simulate",))

    assert again(study, plan) == plan


def test_a_file_that_changed_since_does_not_change_the_plan(study: Study) -> None:
    plan = study.plan()
    document = plan_document(plan)
    (study.folder / "raw.csv").write_text("changed\n")

    assert read_plan(document, study.manifest) == plan


def test_records_with_folders_survive(study: Study) -> None:
    plan = study.run()
    plan = study.plan()
    step = plan.steps[0]
    assert step.record is not None
    folder = replace(step.record.outputs[0], files=(("a", "b" * 64, 3),), path="moved")
    record = replace(step.record, outputs=(folder, step.record.outputs[1]), step="older name")
    plan = replace(plan, steps=(replace(step, record=record), *plan.steps[1:]))

    assert again(study, plan) == plan


def test_steps_that_read_the_same_share_it_again(study: Study) -> None:
    found = again(study, study.plan())

    first, second = found.steps[1:3]
    assert first.inputs[0] is second.inputs[0]
    assert first.needs[0] is second.needs[0]


def test_a_plan_of_another_manifest_is_refused(study: Study) -> None:
    document = plan_document(study.plan())

    with pytest.raises(RefusedError, match="does not belong to this manifest"):
        read_plan(document, study.changed("prepare", command="other").manifest)


@pytest.mark.parametrize("name", ["schema", "tasks", "keys", "records", "steps", "code", "bases"])
def test_a_damaged_document_is_refused(study: Study, name: str) -> None:
    document = json.loads(json.dumps(plan_document(study.run() and study.plan())))

    for damage in (None, [], "x", [[1]]):
        with pytest.raises(RefusedError):
            read_plan(document | {name: damage}, study.manifest)


def test_ten_thousand_steps_are_written_and_read_in_well_under_a_second(tmp_path) -> None:
    study = Study(tmp_path, (task("sim", axis("n", *range(10_000))),))
    plan = study.plan()
    started = time.perf_counter()

    again(study, plan)

    assert time.perf_counter() - started < 1.5
