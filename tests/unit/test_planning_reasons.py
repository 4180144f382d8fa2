"""Which steps are cached, and what the plan says of those that must run."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from planning_study import Study, axis, table, task

from scalable_cli.model.manifest import Component, Mount
from scalable_cli.model.plan import Why
from scalable_cli.store.cache import history_key, object_key, record_key


@pytest.fixture
def study(tmp_path) -> Study:
    (tmp_path / "raw.csv").write_text("1\n")
    (tmp_path / "sim.awk").write_text("{}\n")
    sweep = axis("scenario", *range(1, 11))
    return Study(
        tmp_path,
        (
            task("prepare", reads="raw.csv", writes="grid", code=("*.awk",)),
            task("simulate", sweep, reads="prepare.grid", writes="table", code=("*.awk",)),
            task("summarise", reads="simulate.table", code=("*.awk",)),
        ),
    )


def test_everything_is_new_at_first(study: Study) -> None:
    assert {"new"} == set(study.reasons().values())


def test_after_a_run_everything_is_cached_with_its_record(study: Study) -> None:
    study.run()

    plan = study.plan()

    assert plan.to_run == 0
    assert all(s.record is not None and s.key == s.record.key for s in plan.steps)


def test_keys_are_known_while_nothing_upstream_must_run(study: Study) -> None:
    first = study.plan()

    assert first.steps[0].key is not None
    assert {None} == {step.key for step in first.steps[1:]}


def test_a_changed_parameter_names_old_and_new_value(study: Study) -> None:
    study.run()
    sweep = axis("scenario", *range(1, 10), 11)

    reasons = study.changed("simulate", matrix=(sweep,)).reasons()

    assert reasons.pop("simulate[scenario=11]") == "parameter scenario 10 -> 11"
    assert reasons.pop("summarise") == "upstream runs"
    assert {None} == set(reasons.values())


def test_an_added_value_is_new_when_no_past_step_is_left_over(study: Study) -> None:
    study.run()

    plan = study.changed("simulate", matrix=(axis("scenario", *range(1, 12)),)).plan()

    assert [s.reason.why for s in plan.steps if s.reason] == [Why.NEW, Why.UPSTREAM]


def test_each_past_step_is_the_nearest_of_one_step_only(study: Study) -> None:
    study.run()

    reasons = study.changed("simulate", matrix=(axis("scenario", 1, 20, 21),)).reasons()
    shrunk = study.changed("simulate", matrix=(axis("scenario", *range(2, 20)),)).reasons()

    assert reasons["simulate[scenario=20]"] == "parameter scenario 2 -> 20"
    assert reasons["simulate[scenario=21]"] == "parameter scenario 3 -> 21"
    assert sum("->" in (text or "") for text in shrunk.values()) == 1
    assert sum(text == "new" for text in shrunk.values()) == 8


def test_the_nearest_step_shares_all_values_but_one(tmp_path) -> None:
    before = Study(tmp_path, (task("t", table("a b c", "1 x p", "2 y q", "3 x p")),))
    before.run()

    after = before.with_tasks(task("t", table("a b c", "2 y r", "3 z s", "7 w w")))

    assert after.reasons() == {
        "t[a=2,b=y,c=r]": "parameter c q -> r",
        "t[a=3,b=z,c=s]": "parameters b x -> z, c p -> s",
        "t[a=7,b=w,c=w]": "new",
    }


def test_an_added_or_removed_matrix_name_is_told(tmp_path) -> None:
    one = Study(tmp_path, (task("t", axis("a", 1), writes=""),))
    two = one.with_tasks(task("t", axis("a", 1), axis("b", "x"), writes=""))
    one.run()

    assert two.reasons() == {"t[a=1,b=x]": "parameter b added"}

    two.run()
    one.cache.drop(one.plan().steps[0].key or "")

    assert one.reasons() == {"t[a=1]": "parameter b removed"}


def test_another_order_of_matrix_names_changes_nothing(tmp_path) -> None:
    Study(tmp_path, (task("t", axis("a", 1, 2), axis("b", 3, 4), writes=""),)).run()

    turned = Study(tmp_path, (task("t", axis("b", 3, 4), axis("a", 1, 2), writes=""),))

    assert {None} == set(turned.reasons().values())


def test_a_changed_command_is_nearer_than_what_runs_upstream(study: Study) -> None:
    study.run()

    changed = study.changed("prepare", command="other").changed("summarise", command="other")
    reasons = changed.reasons()

    assert reasons["prepare"] == "command changed"
    assert reasons["simulate[scenario=1]"] == "upstream runs"
    assert reasons["summarise"] == "command changed"


def test_a_new_task_is_new_though_upstream_runs(study: Study) -> None:
    study.run()
    more = study.with_tasks(*study.tasks, task("plot", needs=("summarise",), code=("*.awk",)))

    reasons = more.changed("prepare", command="other").reasons()

    assert reasons["plot"] == "new"


@pytest.mark.parametrize(
    ("component", "text"),
    [
        ({"image": "model:2"}, "component changed (image)"),
        ({"env": (("A", "1"),)}, "component changed (env)"),
        ({"mounts": (Mount("/a", "/b"),)}, "component changed (mounts)"),
        ({"image": "model:2", "env": (("A", "1"),)}, "component changed (image, env)"),
    ],
)
def test_a_changed_component_says_what_changed(study: Study, component, text: str) -> None:
    study.run()

    reasons = replace(study, component=Component("model", **component)).reasons()

    assert text == reasons["prepare"]


def test_cpus_memory_retries_and_time_limits_are_not_in_the_key(study: Study) -> None:
    study.run()
    larger = replace(study, component=Component("model", cpus=4, memory_bytes=1 << 33, gpus=1))

    assert larger.changed("prepare", timeout_s=5.0).plan().to_run == 0


def test_a_changed_environment_of_the_task_is_a_changed_command(study: Study) -> None:
    study.run()

    assert (
        study.changed("prepare", env=(("A", "1"),)).reasons()["prepare"] == "command changed (env)"
    )


def test_other_output_paths_are_told(study: Study) -> None:
    study.run()

    reasons = study.changed("prepare", outputs=(("grid", "elsewhere.nc"),)).reasons()

    assert reasons["prepare"] == "outputs changed"


def test_changed_code_names_the_files(study: Study) -> None:
    study.run()
    (study.folder / "sim.awk").write_text("{ print }\n")

    assert study.reasons()["simulate[scenario=3]"] == "code changed (sim.awk)"

    for number in range(4):
        (study.folder / f"more{number}.awk").touch()

    assert study.reasons()["prepare"] == "code changed (more0.awk, more1.awk, more2.awk and 2 more)"


def test_files_that_the_patterns_leave_out_do_not_matter(study: Study) -> None:
    study.run()
    (study.folder / "README.md").write_text("news\n")

    assert study.plan().to_run == 0


def test_a_changed_input_file_is_told_as_input_though_it_is_code_too(study: Study) -> None:
    everything = study.changed("prepare", code=None)
    everything.run()
    (study.folder / "raw.csv").write_text("2\n")

    assert everything.reasons()["prepare"] == "input raw.csv changed"


def test_a_changed_result_upstream_is_told_by_task_and_output(study: Study) -> None:
    study.run()
    study.changed("prepare", command="other").run(content="!", only=("prepare",))

    reasons = study.changed("prepare", command="other").reasons()

    assert reasons["prepare"] is None
    assert reasons["simulate[scenario=4]"] == "input prepare.grid changed"
    assert reasons["summarise"] == "upstream runs"


def test_a_rerun_with_the_same_result_leaves_the_rest_cached(study: Study) -> None:
    study.run()
    other = study.changed("prepare", command="other")
    other.run(only=("prepare",))

    assert other.plan().to_run == 0


def test_a_lost_output_is_told_and_makes_downstream_wait(study: Study) -> None:
    plan = study.run()
    record = study.cache.record(plan.steps[0].key or "")
    assert record is not None
    study.store.delete(object_key(record.outputs[0].digest))

    reasons = study.reasons()

    assert reasons["prepare"] == "output missing"
    assert reasons["simulate[scenario=1]"] == "upstream runs"


def test_a_truncated_output_counts_as_lost(study: Study) -> None:
    plan = study.run()
    record = study.cache.record(plan.steps[0].key or "")
    assert record is not None
    study.store.write(object_key(record.outputs[0].digest), b"")

    assert study.reasons()["prepare"] == "output missing"


def test_a_damaged_record_runs_the_step_again(study: Study) -> None:
    plan = study.run()
    study.store.write(record_key(plan.steps[0].key or ""), b'{"schema": "scal')

    assert study.reasons()["prepare"] == "output missing"


def test_a_damaged_history_only_costs_the_reason(study: Study) -> None:
    study.run()
    study.store.write(history_key("prepare"), b"\xff\x00")

    assert study.plan().to_run == 0
    assert study.changed("prepare", command="other").reasons()["prepare"] == "new"


def test_force_runs_all_and_keeps_known_keys(study: Study) -> None:
    study.run()

    plan = study.plan(force=True)

    assert {"forced"} == {step.reason.text for step in plan.steps if step.reason}
    assert plan.to_run == 12
    assert plan.steps[0].key is not None


def test_force_with_only_forces_the_named_tasks_alone(study: Study) -> None:
    study.run()

    reasons = study.reasons(force=True, only=("simulate",))

    assert reasons.pop("prepare") is None
    assert {"forced"} == set(reasons.values())
    assert "summarise" not in reasons


def test_cache_off_runs_each_time(study: Study) -> None:
    off = study.changed("summarise", cache=False)
    off.run()

    plan = off.plan()

    assert off.reasons()["summarise"] == "cache is off"
    assert plan.to_run == 1
    assert plan.steps[-1].key is not None


def test_history_is_read_only_for_tasks_that_run_and_once(study: Study) -> None:
    from scalable_cli.planning import PlanRequest, make_plan

    study.run()
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str):
            if name == "history":
                return lambda task: asked.append(task) or study.cache.history(task)
            return getattr(study.cache, name)

    changed = study.changed("simulate", matrix=(axis("scenario", 1, 2, 70, 80),)).manifest
    code = study.plan().code
    make_plan(PlanRequest(changed, Counting(), code=code))

    assert asked == ["simulate", "summarise"]


def test_the_dockerfile_of_a_build_is_an_ingredient(study: Study) -> None:
    from scalable_cli.model.manifest import Build

    (study.folder / "Dockerfile").write_text("FROM alpine\n")
    built = replace(study, component=Component("model", build=Build()))
    built.run()
    (study.folder / "Dockerfile").write_text("FROM debian\n")
    os.utime(study.folder / "Dockerfile", (5, 5))

    assert built.reasons()["prepare"] == "component changed (dockerfile)"
