"""The single file tells the children of multiprocessing from calls of a user."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TRACKER = "from multiprocessing.resource_tracker import main;main(7)"


@pytest.fixture(scope="module")
def entry() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "build" / "entry.py"
    spec = importlib.util.spec_from_file_location("entry", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "words", [["-c", TRACKER], ["-B", "-S", "-I", "-c", TRACKER], ["-X", "dev", "-c", TRACKER]]
)
def test_the_resource_tracker_is_recognised(entry: ModuleType, words: list[str]) -> None:
    assert entry._is_tracker(words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-c"],
        ["-c", "print(1)"],
        [TRACKER],
        ["run", "-c", TRACKER],
        ["-c", TRACKER, "more"],
        ["run", "--", "sh", "-c", TRACKER],
    ],
)
def test_a_users_words_reach_the_program(entry: ModuleType, words: list[str]) -> None:
    assert not entry._is_tracker(words)
