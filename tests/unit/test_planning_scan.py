"""Which project files travel, and that an unchanged file is read once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning_study import Study, table, task

from scalable_cli.errors import ManifestError, StorageError
from scalable_cli.model.manifest import Input
from scalable_cli.planning import index, scan_code, scan_project

OLD = time.time() - 3600


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (OLD, OLD))


def paths(folder: Path, *tasks, **project: str) -> list[str]:
    study = Study(folder, tasks)
    manifest = replace(study, project=replace(study.project, **project)).manifest
    return [file.path for file in scan_code(manifest)]


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The files that were hashed."""
    seen: list[str] = []
    real = index.digest_of_file

    def counting(path: Path) -> str:
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(index, "digest_of_file", counting)
    return seen


def test_files_are_found_sorted_with_size_mode_and_digest(tmp_path) -> None:
    write(tmp_path, "b/run.sh", "a.txt", text="hello")
    (tmp_path / "b/run.sh").chmod(0o755)

    found = scan_code(Study(tmp_path, ()).manifest)

    assert [file.path for file in found] == ["a.txt", "b/run.sh"]
    assert (found[1].size, found[1].mode) == (5, 0o755)
    assert found[1].digest.startswith("2cf24dba5fb0a30e")


def test_what_is_ours_or_private_never_travels(tmp_path) -> None:
    write(tmp_path, "scalable.yaml", "cells.csv", "data/cells.csv", ".env", "keep.py")
    write(tmp_path, "scalable-runs/run-1/run.json", ".scalable/cache/x", ".git/config")
    write(tmp_path, "sub/.venv/bin/python", "sub/__pycache__/a.pyc", "sub/.env", "my-cache/x")
    one = task("t", table("a", "1", source="./cells.csv"))

    found = paths(tmp_path, one, local_cache="my-cache")

    assert found == ["data/cells.csv", "keep.py"]


def test_ignore_files_of_every_folder_are_honoured_the_nearest_first(tmp_path) -> None:
    write(tmp_path, "a.log", "keep.log", "sub/b.log", "sub/c.tmp", "sub/deep/d.log", "out/e.py")
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\nout/\n.gitignore\n")
    (tmp_path / "sub/.gitignore").write_text("!b.log\n/c.tmp\n")

    assert paths(tmp_path) == ["keep.log", "sub/b.log"]


def test_scalableignore_has_the_last_word_in_its_folder(tmp_path) -> None:
    write(tmp_path, "data.nc", "notes.md", "a.py")
    (tmp_path / ".gitignore").write_text("*.nc\n.*ignore\n")
    (tmp_path / ".scalableignore").write_text("!data.nc\n*.md\n")

    assert paths(tmp_path) == ["a.py", "data.nc"]


def test_a_file_comes_back_from_a_folder_whose_content_is_ignored(tmp_path) -> None:
    write(tmp_path, "data/a.nc", "data/keep.csv", "data/deep/b.nc")
    write(tmp_path, ".gitignore", text="data/**\r\n!data/keep.csv\r\n.gitignore\r\n")

    assert paths(tmp_path) == ["data/keep.csv"]


def test_runs_that_lie_in_the_project_folder_itself_do_not_travel(tmp_path) -> None:
    write(tmp_path, "run-1-study-ab/run.json", "cache/steps/ab/x.json", "run-down/a.py", "b.py")

    assert paths(tmp_path, default_storage=".") == ["b.py", "run-down/a.py"]


def test_ignore_files_above_the_project_do_not_count(tmp_path) -> None:
    write(tmp_path, "demo/a.py")
    (tmp_path / ".gitignore").write_text("/demo/\n")

    assert paths(tmp_path / "demo") == ["a.py"]


def test_project_code_none_travels_nothing(tmp_path) -> None:
    write(tmp_path, "a.py")

    assert paths(tmp_path, code="none") == []


def test_a_link_to_a_project_file_is_its_content_and_other_links_are_named(tmp_path) -> None:
    write(tmp_path, "project/real.py", "outside.py", "project/folder/a.py", "project/.env")
    project = tmp_path / "project"
    targets = {
        "inside": "real.py",
        "out": "../outside.py",
        "dir": "folder",
        "gone": "nothing",
        "secret": ".env",
    }
    for name, target in targets.items():
        (project / name).symlink_to(target)
    os.mkfifo(project / "pipe")

    found = scan_project(Study(project, ()).manifest)

    assert [file.path for file in found.files] == ["folder/a.py", "inside", "real.py"]
    assert dict(found.skipped) == {
        "dir": "links to a folder",
        "gone": "links to nothing",
        "out": "links out of the project",
        "pipe": "is not a file",
        "secret": "links out of the project",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_storage_error_with_a_hint(tmp_path) -> None:
    write(tmp_path, "a.py")
    (tmp_path / "a.py").chmod(0)

    with pytest.raises(StorageError, match=r'cannot read "a[.]py": permission denied') as caught:
        paths(tmp_path)

    assert ".scalableignore" in (caught.value.hint or "")


def test_a_name_that_is_not_utf8_is_a_storage_error_unless_ignored(tmp_path) -> None:
    write(tmp_path, os.fsdecode(b"caf\xe9.txt"))

    with pytest.raises(StorageError, match="is not UTF-8"):
        paths(tmp_path)

    write(tmp_path, ".scalableignore", text="caf*\n")

    assert paths(tmp_path) == [".scalableignore"]


def test_a_malformed_ignore_file_is_a_storage_error(tmp_path) -> None:
    write(tmp_path, ".gitignore", text="ok\n!\n")

    with pytest.raises(StorageError, match=r'cannot understand "[.]gitignore"'):
        paths(tmp_path)


def test_a_second_scan_reads_nothing(tmp_path, reads) -> None:
    write(tmp_path, "a.py", "b.py")
    first = scan_code(Study(tmp_path, ()).manifest)
    reads.clear()

    second = scan_code(Study(tmp_path, ()).manifest)

    assert first == second
    assert reads == []


def test_a_changed_file_alone_is_read_again(tmp_path, reads) -> None:
    write(tmp_path, "a.py", "b.py")
    paths(tmp_path)
    reads.clear()
    write(tmp_path, "a.py", text="other")

    paths(tmp_path)

    assert reads == ["a.py"]


def test_a_file_that_was_just_written_is_not_trusted(tmp_path, reads) -> None:
    write(tmp_path, "a.py", text="one")
    os.utime(tmp_path / "a.py")
    before = os.stat(tmp_path / "a.py")
    first = scan_code(Study(tmp_path, ()).manifest)
    (tmp_path / "a.py").write_text("two")
    os.utime(tmp_path / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))

    second = scan_code(Study(tmp_path, ()).manifest)

    assert first[0].digest != second[0].digest


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "scalable.digest-index/1"}', "\0"])
def test_a_damaged_index_is_made_again(tmp_path, reads, text: str) -> None:
    write(tmp_path, "a.py")
    first = scan_code(Study(tmp_path, ()).manifest)
    (tmp_path / ".scalable/cache/code-index.json").write_text(text)

    assert first == scan_code(Study(tmp_path, ()).manifest)
    assert first == scan_code(Study(tmp_path, ()).manifest)
    assert reads == ["a.py", "a.py"]


def test_a_cache_folder_that_cannot_be_written_costs_only_time(tmp_path) -> None:
    write(tmp_path, "a.py", ".scalable/cache")

    assert paths(tmp_path) == ["a.py"]


def test_removed_files_leave_the_index(tmp_path) -> None:
    write(tmp_path, "a.py", "b.py")
    paths(tmp_path)
    (tmp_path / "b.py").unlink()
    paths(tmp_path)

    document = json.loads((tmp_path / ".scalable/cache/code-index.json").read_text())

    assert list(document["files"]) == ["a.py"]


def test_an_input_file_that_is_ignored_is_hashed_and_remembered(tmp_path, reads) -> None:
    write(tmp_path, "big.nc", ".gitignore", text="*.nc\n")
    one = replace(task("t"), inputs=(Input("big", path="big.nc"),))
    study = Study(tmp_path, (one,))
    first = study.plan()
    reads.clear()

    second = study.plan()

    assert first.steps[0].key == second.steps[0].key
    assert reads == []
    assert "big.nc" not in [file.path for file in first.code]


def test_an_input_that_is_a_folder_has_the_digest_of_its_files(tmp_path) -> None:
    write(tmp_path, "data/a.txt", "data/deep/b.txt", "data.csv")
    one = replace(task("t"), inputs=(Input("data", path="data"),), code=("*.csv",))
    study = Study(tmp_path, (one,))
    before = study.plan().steps[0].key
    write(tmp_path, "data/deep/b.txt", text="other")

    assert before != study.plan().steps[0].key


def test_an_input_file_that_is_gone_is_a_storage_error(tmp_path) -> None:
    one = replace(task("t"), inputs=(Input("data", path="gone.csv"),))

    with pytest.raises(StorageError, match=r'input file "gone[.]csv" is not there'):
        Study(tmp_path, (one,)).plan()


@pytest.mark.parametrize("pattern", ["*.jl", "lib/", "!"])
def test_a_code_pattern_that_selects_nothing_is_a_problem(tmp_path, pattern: str) -> None:
    write(tmp_path, "a.py")

    with pytest.raises(ManifestError) as caught:
        Study(tmp_path, (task("t", code=("*.py", pattern)),)).plan()

    (problem,) = caught.value.problems
    assert ("E310", 7, pattern) == (problem.code, problem.place.line, problem.words)


def test_code_patterns_select_and_the_last_one_that_matches_decides(tmp_path) -> None:
    write(tmp_path, "a.py", "lib/b.py", "lib/test/c.py", "d.md")
    one = task("t", code=("*.py", "!lib/test/", "# a comment", ""))

    plan = Study(tmp_path, (one,)).plan()

    assert [file.path for file in plan.tasks[0].code] == ["a.py", "lib/b.py"]
    assert plan.tasks[0].code == plan.code


def test_the_code_digest_knows_contents_and_programs(tmp_path) -> None:
    study = Study(tmp_path, (task("t"),))
    write(tmp_path, "a.sh")
    plain = study.plan().code_digest
    (tmp_path / "a.sh").chmod(0o755)
    program = study.plan().code_digest
    write(tmp_path, "a.sh", text="other")

    assert len({plain, program, study.plan().code_digest}) == 3


names = st.sampled_from(["a", "b", "ab", "a.py"])
deep = st.lists(names, min_size=1, max_size=3).map("/".join)
pattern = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "!", "/", "!/"]),
        st.lists(
            st.sampled_from(["a", "b", "*", "**", "a*", "*.py", "?", "[ab]"]),
            min_size=1,
            max_size=3,
        ).map("/".join),
        st.sampled_from(["", "/"]),
    ),
)
ignores = st.lists(pattern, max_size=4).map("\n".join)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(deep, min_size=1, max_size=6), ignores, ignores)
def test_the_same_files_as_git_takes(tmp_path_factory, files, root: str, sub: str) -> None:
    folder = tmp_path_factory.mktemp("oracle")
    for name in sorted(files):
        if not any(other.startswith(name + "/") for other in files):
            write(folder, name)
    (folder / ".gitignore").write_text(root)
    if (folder / "a").is_dir():
        (folder / "a/.gitignore").write_text(sub)
    quiet = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **quiet)

    listed = subprocess.run(["git", "ls-files", "-oz", "--exclude-standard"], **quiet)

    assert sorted(listed.stdout.decode().split("\0")[:-1]) == paths(folder)
