"""Keys are equal when, and only when, everything that a step's result depends on is equal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from planning_study import HERE, Study, axis, task

from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.manifest import Axis, Component, Mount, Task, Value
from scalable_cli.model.plan import CodeFile, PlannedTask, Step
from scalable_cli.planning import inputs_digest, step_key
from scalable_cli.planning.keys import task_base, task_parts

texts = st.text(alphabet='ab1:;=,"\\{}\né', max_size=4)
pairs = st.dictionaries(texts, texts, max_size=3)
ingredients = st.fixed_dictionaries(
    {
        "command": st.one_of(texts, st.lists(texts, min_size=1, max_size=3).map(tuple)),
        "task_env": pairs,
        "image": st.one_of(st.none(), texts.filter(bool)),
        "env": pairs,
        "mounts": st.dictionaries(texts, texts, max_size=2),
        "code": pairs,
        "values": pairs,
        "inputs": pairs,
        "outputs": st.lists(texts, max_size=3),
    }
)


def key_of(made: dict) -> str:
    names = list(made["values"])
    matrix = tuple(Axis((name,), ((Value(made["values"][name]),),)) for name in names)
    outputs = tuple((f"o{n}", path) for n, path in enumerate(made["outputs"]))
    one = task("t", command=made["command"], env=tuple(made["task_env"].items()))
    one = replace(one, matrix=matrix, outputs=outputs)
    mounts = tuple(Mount(source, target) for target, source in made["mounts"].items())
    component = Component("m", image=made["image"], env=tuple(made["env"].items()), mounts=mounts)
    code = tuple(CodeFile(path, digest, 1, 0o644) for path, digest in made["code"].items())
    parts = task_parts(one, component, HERE, None)
    planned = PlannedTask(one, component, range(1), task_base(parts, code), parts, code)
    values = tuple(row[0][0] for row in (a.rows for a in matrix))
    step = Step("t", 0, values, (), (), tuple(made["outputs"]))
    return step_key(planned, step, made["inputs"])


@given(ingredients, ingredients)
def test_keys_are_equal_only_when_all_ingredients_are(one: dict, other: dict) -> None:
    assert (one == other) == (key_of(one) == key_of(other))


@given(ingredients, st.data())
def test_one_changed_ingredient_changes_the_key(one: dict, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(one)))
    other = one | {name: data.draw(ingredients)[name]}

    assert (one == other) == (key_of(one) == key_of(other))


@given(ingredients, st.randoms())
def test_the_order_of_names_does_not_change_the_key(one: dict, random) -> None:
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        items = list(value.items())
        random.shuffle(items)
        return dict(items)

    assert key_of(one) == key_of({name: shuffled(value) for name, value in one.items()})


@given(st.lists(st.tuples(texts, texts), max_size=5), st.randoms())
def test_the_digest_of_an_input_is_blind_to_order(things, random) -> None:
    refs = [ArtifactRef(path, digest, 1) for path, digest in things]
    turned = list(refs)
    random.shuffle(turned)

    assert inputs_digest(refs) == inputs_digest(turned)


def test_one_thing_has_its_own_digest_whatever_its_path() -> None:
    assert inputs_digest([ArtifactRef("any/where", "d" * 64, 1)]) == "d" * 64


def test_of_several_things_paths_count() -> None:
    one = [ArtifactRef("a", "d", 1), ArtifactRef("b", "e", 1)]
    other = [ArtifactRef("a", "e", 1), ArtifactRef("b", "d", 1)]

    assert inputs_digest(one) != inputs_digest(other)


def test_the_plan_and_step_key_agree(tmp_path) -> None:
    sweep = axis("a", "x", "y"), axis("b", 1, 2)
    plan = Study(tmp_path, (task("t", *sweep, writes="one two"),)).plan()

    assert [step_key(plan.tasks[0], step, {}) for step in plan.steps] == [
        step.key for step in plan.steps
    ]
    assert len({step.key for step in plan.steps}) == 4


def test_a_python_function_sees_the_kind_of_a_number_and_a_command_does_not(tmp_path) -> None:
    def key(number: float | None, **fields: object) -> str | None:
        axes = Axis(("a",), ((Value("1", number),),))
        return Study(tmp_path, (task("t", axes, **fields),)).plan().steps[0].key

    python: dict[str, object] = {"command": None, "python": "model:run"}

    assert len({key(1), key(1.0), key(None)}) == 1
    assert len({key(1, **python), key(1.0, **python), key(None, **python)}) == 3


def test_text_and_list_commands_differ(tmp_path) -> None:
    text: Task = task("t", command='["a","b"]')
    words: Task = task("t", command=("a", "b"))

    keys = {Study(tmp_path, (one,)).plan().steps[0].key for one in (text, words)}

    assert len(keys) == 2


def test_secrets_in_environments_are_not_in_the_parts(tmp_path) -> None:
    study = Study(tmp_path, (task("t", env=(("TOKEN", "hunter2"),)),))
    study = replace(study, component=Component("model", env=(("PASSWORD", "hunter3"),)))

    assert "hunter" not in repr(study.plan().tasks[0].parts)


def test_the_targets_image_counts_where_the_component_has_none(tmp_path) -> None:
    study = Study(tmp_path, (task("t"),))
    other = replace(study, target=replace(study.target, image="lab/model:1"))

    assert study.plan().steps[0].key != other.plan().steps[0].key
