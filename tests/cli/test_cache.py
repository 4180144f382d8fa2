"""`scalable cache`: what is kept, cleaning up, and results that are damaged or out of reach."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from cli_tools import STUDY, call

if TYPE_CHECKING:
    from pathlib import Path

    from cli_tools import Application, Golden
    from conftest import Program

DAY = 86_400


@pytest.fixture(scope="module")
def _study_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "scalable.yaml").write_text(STUDY)
    assert call(folder, "run", "-q").code == 0
    return folder


@pytest.fixture
def ran(_study_run: Path, tmp_path: Path) -> Path:
    """A folder of its own with a study that was run; each result was last used so many days ago."""
    # Not copytree: what is one file under several names must stay so.
    subprocess.run(["cp", "-a", f"{_study_run}/.", str(tmp_path)], check=True)
    for number, path in enumerate(records(tmp_path)):
        os.utime(path, (time.time() - (number + 1) * DAY - 1,) * 2)
    return tmp_path


def records(folder: Path) -> list[Path]:
    """The records of a folder's cache: those of simulate, then that of prepare."""
    found = (folder / "scalable-runs/cache/steps").rglob("*.json")
    return sorted(found, key=lambda path: re.findall(r'"step":"s.*?"|"step"', path.read_text())[0])


def plain(text: str) -> str:
    """The text without what depends on the file system and on how long steps took."""
    text = re.sub(r" +[\d.]+ (?:B|KB)\b", " <size>", text)
    return re.sub(r"\b[0-9a-f]{12}\b", "<key>", text)


def test_the_cache_is_listed(ran: Path, app: Application, golden: Golden) -> None:
    result = app("cache", "ls", cwd=ran)

    assert (result.code, result.err) == (0, "")
    golden("cache_ls.txt", plain(result.out))


def test_results_of_a_task_or_a_run_are_listed_by_size(ran: Path, app: Application) -> None:
    of_task = app("cache", "ls", "--task", "prepare", "--sort", "size", "--json", cwd=ran)
    of_nobody = app("cache", "ls", "--run", "nobody", "--json", cwd=ran)
    by_age = app("cache", "ls", "--json", cwd=ran).json["results"]

    assert [r["step"] for r in of_task.json["results"]] == ["prepare"]
    assert of_task.json["schema"] == "scalable.cache/1"
    assert of_task.json["results"][0]["size"] == 5
    assert of_task.json["totals"]["results"]["files"] == 5
    assert of_nobody.json["results"] == []
    assert by_age == sorted(by_age, key=lambda r: -r["used"])


def test_an_empty_cache_is_listed(app: Application, study: Path) -> None:
    result = app("cache", "ls", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert "Results       0 of 0 runs" in result.out


def test_a_clean_up_is_shown_first_and_then_done(
    ran: Path, app: Application, golden: Golden
) -> None:
    shown = app("cache", "gc", "--older-than", "12h", cwd=ran)
    before = len(records(ran))
    done = app("cache", "gc", "--older-than", "12h", "--yes", cwd=ran)
    after = len(records(ran))
    again = app("cache", "gc", "--older-than", "12h", cwd=ran)

    assert (shown.code, shown.err, done.code, done.err) == (0, "", 0, "")
    golden("cache_gc.txt", plain(shown.out))
    golden("cache_gc_done.txt", plain(done.out))
    assert (before, after, again.out) == (5, 0, "Nothing to remove.\n")


def test_a_clean_up_as_json(ran: Path, app: Application) -> None:
    result = app("cache", "gc", "--max-size", "0", "--json", cwd=ran)

    assert (result.json["schema"], result.json["done"]) == ("scalable.cache-gc/1", False)
    assert (result.json["removed"]["results"]["files"], len(result.json["keys"])) == (5, 5)
    assert result.json["frees"] == result.json["removed"]["results"]["frees"]
    assert result.json["held_by_runs"] > 0
    assert len(records(ran)) == 5


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["gc", "--older-than", "soon"], '--older-than must be like 30d or 12h, not "soon"'),
        (["gc", "--max-size", "much"], '--max-size must be like 10G or 500M, not "much"'),
        (["gc", "--run", "nobody"], '"nobody" made none of the cached results'),
        (["gc", "--sort", "size"], "--sort is an option of scalable cache ls"),
        (["ls", "--yes"], "--yes is an option of scalable cache gc"),
        (["ls", "--sort", "name"], '--sort must be age or size, not "name"'),
        (["explain", "prepare", "--run", "x"], "--run is an option of scalable cache ls and gc"),
        (["lst"], 'unknown command "cache lst"'),
    ],
)
def test_what_makes_no_sense_is_said(
    ran: Path, app: Application, words: list[str], text: str
) -> None:
    result = app("cache", *words, cwd=ran)

    assert (result.code, result.out) == (2, "")
    assert text in result.err
    assert len(records(ran)) == 5


def test_a_damaged_result_is_said_on_the_screen(ran: Path, scalable: Program) -> None:
    for path in (ran / "scalable-runs/cache/objects").glob("*/*"):
        path.chmod(0o644)
        path.write_bytes(b"GRID\n")

    result = scalable("run", cwd=ran)

    assert result.code == 0
    assert 'cache entry of "prepare" is damaged; it runs again\n' in result.err
    # Its bytes are right again, and so are those of all that needed it.
    assert "prepare: 1 done\nsimulate: 4 cached\n" in result.err


@pytest.fixture
def unprivileged() -> list[str]:
    """What to put before a command so that file permissions hold for it."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv")
    lost = "-dac_override,-dac_read_search,-fowner"
    return ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}"]


def test_a_cache_that_cannot_be_written_is_used_and_that_is_said_once(
    ran: Path, scalable: Program, unprivileged: list[str]
) -> None:
    cache = ran / "scalable-runs/cache"
    before = sorted(path for path in cache.rglob("*") if path.is_file())
    (ran / "scalable.yaml").write_text(STUDY.replace("1..4", "3..9"))
    for folder in [cache, *(path for path in cache.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    try:
        result = _called(scalable, [*unprivileged, *scalable.argv, "run"], ran)
        again = _called(scalable, [*unprivileged, *scalable.argv, "cache", "gc", *_GC], ran)
    finally:
        for folder in [cache, *(path for path in cache.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)

    assert result.returncode == 0, result.stderr
    assert "simulate: 5 done, 2 cached\n" in result.stderr
    told = f'cannot write to the cache "{cache}": its results are used, none are added\n'
    assert result.stderr.count(told) == 1
    assert sorted(path for path in cache.rglob("*") if path.is_file()) == before
    assert again.returncode == 8
    assert "permission denied" in again.stderr


_GC = ["--older-than", "0s", "--yes"]


def _called(scalable: Program, argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=cwd, env=scalable.environ(), input="", capture_output=True, text=True
    )
