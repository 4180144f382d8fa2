"""Which calls of a cacheable function are made again, and which are not."""

from __future__ import annotations

import importlib.util
import pickle
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType

import cloudpickle
import pytest
from session_project import MANIFEST

from scalable_cli.engine.cacheable import CachedFunction
from scalable_cli.facade import ScalableSession, cacheable
from scalable_cli.report import fold_run

MODEL = """
from collections import deque
from scalable_cli.facade import cacheable

FACTOR = 10
TABLE = {"a": 1}
calls = deque()

def helper(x):
    return deep(x) + TABLE["a"]

def deep(x):
    return x * FACTOR

def unrelated(x):
    return x

class Grid:
    size = 3
    def cells(self):
        return self.size ** 2

@cacheable
def model(x, power=1, *, shift=0):
    calls.append(x)
    return helper(x) ** power + shift + Grid().cells()
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(source: str, name: str = "study_model") -> ModuleType:
    """A module as a new process would import it."""
    path = Path.cwd() / f"{name}{len(list(Path.cwd().glob('*.py')))}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def entries() -> list[Path]:
    return [path for path in Path(".scalable/cache/functions").rglob("*") if path.is_file()]


def test_a_second_call_is_not_made_and_gives_the_same() -> None:
    first = load(MODEL)
    assert first.model(2) == 30
    second = load(MODEL)

    assert second.model(2) == 30
    assert list(second.calls) == []
    assert len(entries()) == 1


def test_one_call_written_in_several_ways_is_one_call() -> None:
    module = load(MODEL)

    results = {module.model(2), module.model(x=2), module.model(2, 1), module.model(2, shift=0)}

    assert results == {30}
    assert list(module.calls) == [2]


@pytest.mark.parametrize("argument", ["2", 2.0, True, [2], None])
def test_arguments_of_another_type_are_another_call(argument: object) -> None:
    seen = []

    @cacheable
    def show(value: object) -> str:
        seen.append(value)
        return repr(value)

    show(2)
    show(1)

    assert show(argument) == repr(argument)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("** power + shift", "** power - shift"),
        ("def model(x, power=1", "def model(x, power=2"),
        ("deep(x) + TABLE", "deep(x) - TABLE"),
        ("x * FACTOR", "FACTOR * x + 1"),
        ("FACTOR = 10", "FACTOR = 11"),
        ('{"a": 1}', '{"a": 2}'),
        ("self.size ** 2", "self.size ** 3"),
        ("size = 3", "size = 4"),
        ("@cacheable\n", "@cacheable(version=2)\n"),
        ("calls = deque()", "calls = deque()\nTABLE['a'] = 5"),
    ],
)
def test_a_change_of_what_the_function_is_made_of_makes_the_call_again(old: str, new: str) -> None:
    load(MODEL).model(2)
    assert MODEL.count(old) == 1
    changed = load(MODEL.replace(old, new))

    changed.model(2)

    assert list(changed.calls) == [2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def unrelated(x):\n    return x", "def unrelated(x):\n    return -x"),
        ("FACTOR = 10", "# a comment elsewhere\nFACTOR = 10"),
    ],
)
def test_a_change_elsewhere_does_not(old: str, new: str) -> None:
    load(MODEL).model(2)
    changed = load(MODEL.replace(old, new))

    assert changed.model(2) == 30
    assert list(changed.calls) == []


def test_what_a_closure_holds_counts() -> None:
    def made(factor: int) -> CachedFunction[[int], int]:
        @cacheable
        def scaled(x: int) -> int:
            return factor * x

        return scaled

    assert [made(2)(5), made(3)(5), made(2)(5)] == [10, 15, 10]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_entry_is_none_at_all(damage: bytes | None) -> None:
    module = load(MODEL)
    module.model(2)
    entry = entries()[0]
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + b"!" if damage is None else damage)

    assert module.model(2) == 30
    assert list(module.calls) == [2, 2]
    assert entry.read_bytes() == whole


def test_what_has_no_stable_form_is_called_each_time_with_one_warning() -> None:
    seen = []

    @cacheable
    def locked(lock: object) -> int:
        seen.append(lock)
        return len(seen)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = [locked(threading.Lock()), locked(threading.Lock())]

    assert results == [1, 2]
    assert len([w for w in caught if "locked is not cached" in str(w.message)]) == 1


def test_a_result_that_cannot_be_kept_is_returned_with_a_warning() -> None:
    @cacheable
    def lock() -> object:
        return threading.Lock()

    with pytest.warns(UserWarning, match="its result cannot be kept"):
        assert lock() is not None


def test_wrong_arguments_are_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        load(MODEL).model()


def test_only_functions_that_return_can_be_cacheable() -> None:
    def rows() -> object:
        yield 1

    async def later() -> None: ...

    for thing in (rows, later, 5, int):
        with pytest.raises(TypeError, match="@cacheable"):
            cacheable(thing)  # type: ignore[call-overload]


def test_it_keeps_the_name_and_text_of_its_function() -> None:
    @cacheable(version="b")
    def documented() -> None:
        """What it does."""

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "What it does."


def test_a_method_counts_its_object() -> None:
    class Model:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def __dask_tokenize__(self) -> int:
            return self.factor

        @cacheable
        def scaled(self, x: int) -> int:
            return self.factor * x

    assert [Model(2).scaled(5), Model(3).scaled(5), Model(2).scaled(5)] == [10, 15, 10]


def test_it_travels_by_name_or_whole_with_the_same_key() -> None:
    module = load(MODEL)

    @cacheable
    def here(x: int) -> int:
        return x

    assert pickle.loads(pickle.dumps(module.model)) is module.model
    copy = cloudpickle.loads(cloudpickle.dumps(here))
    assert copy.key((1,), {}) == here.key((1,), {})


@pytest.mark.parametrize("processes", ["false", "true"])
def test_cached_calls_of_a_task_are_cached_steps(processes: str) -> None:
    text = MANIFEST.replace("max_workers: 2", f"max_workers: 2\n    processes: {processes}")
    Path("scalable.yaml").write_text(text)
    folder = Path.cwd()

    @cacheable
    def noted(x: int) -> int:
        (folder / f"called-{x}").touch()
        return x + 1

    @cacheable
    def outer(x: int) -> int:
        return noted(x) * 10

    session = ScalableSession.from_yaml("scalable.yaml")
    with session.start() as client:
        first = client.gather(client.map(noted, [1, 2], task="simulate"))
        nested = client.gather(client.map(outer, [1, 2], task="simulate"))
        again = client.gather(client.map(noted, [1, 2, 3], task="simulate"))
        here = noted(3)
        uncached = client.gather(client.submit(noted, 1, task="fresh"))

    assert session._run is not None
    run = fold_run(session._run.directory, 0)
    tasks = {task.task: task for task in run.tasks}
    assert (first, nested, again, here, uncached) == ([2, 3], [20, 30], [2, 3, 4], 4, 2)
    assert (tasks["simulate"].done, tasks["simulate"].cached) == (5, 2)
    assert (tasks["fresh"].done, tasks["fresh"].cached) == (1, 0)
    assert len([p for p in Path("runs/cache/functions").rglob("*") if p.is_file()]) == 5
    assert entries() == []
