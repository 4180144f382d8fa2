"""What steps a plan has, in which order, what they wait for and read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planning_study import Study, axis, table, task, value

from scalable_cli.errors import ManifestError, RefusedError, UsageError
from scalable_cli.model.manifest import Task
from scalable_cli.model.plan import FileInput, StepInput


def ids(study: Study, **request: object) -> list[str]:
    return [step.id for step in study.plan(**request).steps]


def test_the_first_axis_turns_slowest(tmp_path) -> None:
    study = Study(tmp_path, (task("sim", axis("policy", "ref", "ndc"), axis("year", 1, 2)),))

    assert ids(study) == [
        "sim[policy=ref,year=1]",
        "sim[policy=ref,year=2]",
        "sim[policy=ndc,year=1]",
        "sim[policy=ndc,year=2]",
    ]


def test_a_csv_file_gives_several_names_a_row_and_multiplies_with_other_axes(tmp_path) -> None:
    study = Study(tmp_path, (task("sim", table("a b", "1 x", "2 y"), axis("c", "p", "q")),))

    plan = study.plan()

    assert plan.steps[0].id == "sim[a=1,b=x,c=p]"
    assert (value("2"), value("y"), value("q")) == plan.steps[3].values
    assert plan.steps[3].outputs == ("sim/out-2-y-q.txt",)


def test_a_task_without_a_matrix_is_one_step_called_like_it(tmp_path) -> None:
    assert ids(Study(tmp_path, (task("prepare"),))) == ["prepare"]


def test_values_with_commas_or_brackets_stand_in_quotes_so_that_ids_differ(tmp_path) -> None:
    pairs = axis("a", "1,b=2", "1"), axis("b", "3", "2,b=3")

    found = ids(Study(tmp_path, (task("t", *pairs, writes=""),)))

    assert len(set(found)) == 4
    assert found[0] == 't[a="1,b=2",b=3]'


def test_equal_steps_are_a_problem_with_a_place(tmp_path) -> None:
    study = Study(tmp_path, (task("t", axis("a", "x", "y", "x"), writes=""),))

    with pytest.raises(ManifestError) as caught:
        study.plan()

    assert "t[a=x]" in caught.value.problems[0].text
    assert (caught.value.problems[0].code, caught.value.problems[0].place.line) == ("E405", 7)


@pytest.mark.parametrize("bad", ["../up", "/abs", "a/../../b", ".."])
def test_an_output_that_a_value_takes_out_of_the_run_is_a_problem(tmp_path, bad: str) -> None:
    escaping = replace(task("t", axis("a", bad)), outputs=(("out", "{{ matrix.a }}"),))

    with pytest.raises(ManifestError) as caught:
        Study(tmp_path, (escaping,)).plan()

    assert caught.value.problems[0].code == "E307"


def test_percent_signs_in_output_paths_are_kept(tmp_path) -> None:
    odd = replace(task("t", axis("a", "1%s")), outputs=(("out", "50%/{{matrix.a}}/%d"),))

    assert Study(tmp_path, (odd,)).plan().steps[0].outputs == ("50%/1%s/%d",)


def test_upstream_tasks_come_first_and_ready_ones_keep_the_manifests_order(tmp_path) -> None:
    tasks = (
        task("report", needs=("late",)),
        task("late", reads="first.out"),
        task("alone"),
        task("first"),
    )

    assert ids(Study(tmp_path, tasks)) == ["alone", "first", "late", "report"]


def test_tasks_that_need_each_other_are_refused(tmp_path) -> None:
    study = Study(tmp_path, (task("a", needs=("b",)), task("b", needs=("a",))))

    with pytest.raises(RefusedError, match='"a", "b"'):
        study.plan()


def test_steps_of_a_task_lie_together_and_its_range_says_where(tmp_path) -> None:
    study = Study(tmp_path, (task("a", axis("x", 1, 2, 3)), task("b", axis("x", 1, 2))))

    plan = study.plan()

    assert [range(3), range(3, 5)] == [planned.steps for planned in plan.tasks]
    assert [step.task for step in plan.steps] == [0, 0, 0, 1, 1]


def test_a_step_needs_all_steps_of_an_upstream_matrix_as_one_shared_range(tmp_path) -> None:
    sweep = axis("x", 1, 2, 3)
    study = Study(tmp_path, (task("up", sweep), task("down", sweep, reads="up.out")))

    plan = study.plan()
    first, second, _ = plan.steps[3:]

    assert (range(3),) == first.needs
    assert first.needs[0] is second.needs[0]
    assert StepInput("out", range(3), 0, "up.out") == first.inputs[0]
    assert first.inputs[0] is second.inputs[0]


def test_zip_pairs_steps_with_equal_values(tmp_path) -> None:
    sweep = axis("x", 1, 2)
    down = task("down", axis("x", 2, 1), reads="up.out", zip=True)

    plan = Study(tmp_path, (task("up", sweep), down)).plan()

    assert [step.needs for step in plan.steps[2:]] == [((1,),), ((0,),)]
    assert plan.steps[2].inputs[0].steps == (1,)


def test_zip_gathers_over_the_names_that_only_upstream_has(tmp_path) -> None:
    up = task("up", axis("policy", "ref", "ndc"), axis("run", 1, 2, 3))
    down = task("down", axis("policy", "ref", "ndc"), axis("q", 5, 6), reads="up.out", zip=True)

    plan = Study(tmp_path, (up, down)).plan()
    by_id = {step.id: step for step in plan.steps}

    assert by_id["down[policy=ref,q=5]"].needs == ((0, 1, 2),)
    assert by_id["down[policy=ndc,q=6]"].needs == ((3, 4, 5),)
    assert by_id["down[policy=ndc,q=5]"].inputs[0] is by_id["down[policy=ndc,q=6]"].inputs[0]


def test_zip_without_common_names_needs_all_steps(tmp_path) -> None:
    down = task("down", axis("y", 1), reads="up.out", zip=True)

    plan = Study(tmp_path, (task("up", axis("x", 1, 2)), down)).plan()

    assert (range(2),) == plan.steps[2].needs


def test_zip_holds_for_each_upstream_task_on_its_own(tmp_path) -> None:
    down = task("down", axis("x", 1, 2), reads="a.out b.out c.out", zip=True)
    named = replace(
        down, inputs=tuple(replace(i, name=f"in{n}") for n, i in enumerate(down.inputs))
    )
    ups = task("a", axis("x", 1, 2)), task("b"), task("c", axis("x", 2, 1), axis("y", 1, 2))

    plan = Study(tmp_path, (*ups, named)).plan()

    assert ((1,), range(2, 3), (3, 4)) == plan.steps[-1].needs


def test_a_zip_without_a_partner_is_a_problem(tmp_path) -> None:
    down = task("down", axis("x", 1, 9), reads="up.out", zip=True)

    with pytest.raises(ManifestError) as caught:
        Study(tmp_path, (task("up", axis("x", 1, 2)), down)).plan()

    assert 'step with x 9, and "up" has none' in caught.value.problems[0].text


def test_a_project_file_is_an_input_with_its_digest(tmp_path) -> None:
    (tmp_path / "data.csv").write_text("1,2\n")

    step = Study(tmp_path, (task("t", reads="data.csv"),)).plan().steps[0]

    assert isinstance(step.inputs[0], FileInput)
    assert len(step.inputs[0].digest) == 64
    assert step.needs == ()


def test_only_takes_the_named_tasks_and_everything_upstream(tmp_path) -> None:
    tasks = task("a"), task("b", needs=("a",)), task("c", needs=("b",)), task("d")

    assert ids(Study(tmp_path, tasks), only=("b",)) == ["a", "b"]


def test_only_with_an_unknown_task_is_a_usage_error_that_suggests(tmp_path) -> None:
    with pytest.raises(UsageError, match='no task is called "simulat"') as caught:
        Study(tmp_path, (task("simulate"),)).plan(only=("simulat",))

    assert caught.value.hint == 'did you mean "simulate"?'


def test_what_the_workflow_does_has_no_steps(tmp_path) -> None:
    by_hand = task("fit", axis("x", 1, 2), command=None, needs=("prepare",))

    plan = Study(tmp_path, (task("prepare"), by_hand)).plan()

    assert [step.id for step in plan.steps] == ["prepare"]
    assert range(1, 1) == plan.tasks[1].steps
    assert plan.workflow == "workflow.py"


def test_a_plan_without_workflow_tasks_has_no_workflow(tmp_path) -> None:
    tasks = task("prepare"), task("fit", command=None)

    assert Study(tmp_path, tasks).plan(only=("prepare",)).workflow is None


def test_a_step_cannot_wait_for_the_workflow(tmp_path) -> None:
    tasks = task("fit", command=None), task("plot", needs=("fit",))

    with pytest.raises(RefusedError, match='"plot" needs "fit", which the workflow does'):
        Study(tmp_path, tasks).plan()


def test_a_plan_of_no_tasks_is_empty(tmp_path) -> None:
    plan = Study(tmp_path, ()).plan()

    assert (plan.steps, plan.tasks, plan.workflow) == ((), (), None)


def test_a_matrix_without_rows_has_no_steps_and_others_may_need_it(tmp_path) -> None:
    empty: Task = task("up", table("x"))

    plan = Study(tmp_path, (empty, task("down", needs=("up",)))).plan()

    assert [step.id for step in plan.steps] == ["down"]
    assert (range(0),) == plan.steps[0].needs
