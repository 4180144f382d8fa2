"""What a workflow stores with its run, and what it may not."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from session_project import MANIFEST

from scalable_cli.errors import RefusedError, StorageError, UsageError
from scalable_cli.facade import ArtifactRef, ScalableSession
from scalable_cli.report import fold_run


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScalableSession:
    (tmp_path / "scalable.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return ScalableSession.from_yaml("./scalable.yaml")


def test_an_artifact_lies_below_the_run_with_its_digest(session: ScalableSession) -> None:
    assert session.run_id is None

    ref = session.store_artifact("results/scenario_42.json", {"b": 1, "a": [1.5, None, "é"]})

    assert session.run_uri is not None
    assert session.run_uri.startswith(f"{Path.cwd()}/runs/run-")
    assert isinstance(ref, ArtifactRef)
    assert ref.uri == f"{session.run_uri}/results/scenario_42.json"
    content = Path(ref.uri).read_bytes()
    assert json.loads(content) == {"b": 1, "a": [1.5, None, "é"]}
    assert (ref.digest, ref.size) == (sha256(content).hexdigest(), len(content))


@dataclass
class Point:
    x: int


class Array:
    """Stands for an array or a scalar of NumPy."""

    def __init__(self, plain: object) -> None:
        self.plain = plain

    def tolist(self) -> object:
        return self.plain


class Table:
    """Stands for a table of pandas."""

    def to_csv(self, path: str) -> None:
        Path(path).write_text("n\n1\n")

    def to_parquet(self, path: str) -> None:
        Path(path, "part").parent.mkdir()
        Path(path, "part").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    ("key", "content", "stored"),
    [
        ("a.txt", "two\r\nlines\n", b"two\r\nlines\n"),
        ("a", b"\x00\xff", b"\x00\xff"),
        ("a", bytearray(b"x"), b"x"),
        ("a", memoryview(b"x"), b"x"),
        ("a.json", [], b"[]\n"),
        ("a.json", (1, 2), b"[\n 1,\n 2\n]\n"),
        ("a.json", [Array(0.5), Array(3)], b"[\n 0.5,\n 3\n]\n"),
        ("a.json", {"a": Array([0, 1])}, b'{\n "a": [\n  0,\n  1\n ]\n}\n'),
        ("a.json", [Decimal("1.10"), Path("p")], b'[\n "1.10",\n "p"\n]\n'),
        ("a.json", [Point(1)], b'[\n {\n  "x": 1\n }\n]\n'),
        ("t.csv", Table(), b"n\n1\n"),
    ],
)
def test_each_kind_is_stored_in_its_form(
    session: ScalableSession, key: str, content: object, stored: bytes
) -> None:
    ref = session.store_artifact(key, content)

    assert Path(ref.uri).read_bytes() == stored


def test_a_path_is_a_file_and_a_text_is_content(session: ScalableSession, tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_text("a,b\n")

    file = session.store_artifact("from-path.csv", source)
    text = session.store_artifact("from-text.csv", str(source))

    assert Path(file.uri).read_text() == "a,b\n"
    assert source.exists()
    assert Path(text.uri).read_text() == str(source)


def test_a_table_that_writes_a_folder_is_a_folder(session: ScalableSession) -> None:
    ref = session.store_artifact("table.parquet", Table())

    assert ref.files is not None
    assert [name for name, _, _ in ref.files] == ["part"]


def test_a_folder_replaces_the_one_before(session: ScalableSession, tmp_path: Path) -> None:
    folder = tmp_path / "plots"
    (folder / "deep").mkdir(parents=True)
    (folder / "old.txt").write_text("1")
    (folder / "deep" / "b.txt").write_text("22")
    first = session.store_artifact("plots", folder)
    (folder / "old.txt").unlink()
    (folder / "new.txt").write_text("333")

    second = session.store_artifact("plots", folder)

    assert first.files is not None
    assert [name for name, _, _ in first.files] == ["deep/b.txt", "old.txt"]
    assert second.files is not None
    assert [name for name, _, _ in second.files] == ["deep/b.txt", "new.txt"]
    assert second.size == 5
    stored = sorted(str(p.relative_to(second.uri)) for p in Path(second.uri).rglob("*.txt"))
    assert stored == ["deep/b.txt", "new.txt"]


@pytest.mark.parametrize(
    "key",
    [
        "", "/etc/passwd", "../x", "a/../../x", "a/..", ".", "./x", "a//b", "a/", "a/./b",
        "a\\..\\b", "a\0b", "a\nb", " a", "a /b", "é" * 500, "x" * 250, "a/" * 460 + "b",
        "run.json", "RUN.JSON", "journal/000001.jsonl", "logs/x", "manifest.yaml", "plan.json",
        "lease.json", "status.json", "stop", "artifacts/x", "context.json", "image.lock",
        "manifest.json", "code-0a.tar.gz", "results/.tmp-1",
    ],
)  # fmt: skip
def test_a_key_cannot_leave_the_run_or_take_its_own_names(
    session: ScalableSession, key: str
) -> None:
    with pytest.raises(UsageError, match="artifact"):
        session.store_artifact(key, "x")

    assert session.run_id is None


@pytest.mark.parametrize("key", ["results/run.json", "code-names.csv", "a b/ü.txt", "x/logs"])
def test_names_like_the_runs_own_are_fine_elsewhere(session: ScalableSession, key: str) -> None:
    assert Path(session.store_artifact(key, "x").uri).read_text() == "x"


@pytest.mark.parametrize(
    ("key", "content", "text"),
    [
        ("a.json", {"a": object()}, "JSON"),
        ("a.json", {(1, 2): 1}, "JSON"),
        ("a.txt", 5, "cannot store a int"),
        ("a.txt", Table(), "cannot tell"),
        ("a.txt", "\ud800", "UTF-8"),
        ("a", Path("nowhere"), "no file and no folder"),
    ],
)
def test_what_cannot_be_stored_is_said(
    session: ScalableSession, key: str, content: object, text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        session.store_artifact(key, content)


def test_a_file_where_a_folder_must_be_is_a_storage_error(session: ScalableSession) -> None:
    session.store_artifact("a", "x")

    with pytest.raises(StorageError):
        session.store_artifact("a/b", "x")


def test_a_run_of_artifacts_alone_is_done_and_lists_them(session: ScalableSession) -> None:
    session.store_artifact("a.txt", "1")
    session.store_artifact("b.txt", "2")
    session.store_artifact("b.txt", "3")

    assert session._run is not None
    run = fold_run(session._run.directory, 0)
    assert run.state.value == "done"
    assert [artifact.path for artifact in run.artifacts] == ["a.txt", "b.txt"]


def test_storage_that_this_version_cannot_reach_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scalable.yaml"
    path.write_text(MANIFEST.replace("./runs", "s3://bucket/runs"))

    with pytest.raises(RefusedError):
        ScalableSession.from_yaml(path).store_artifact("a", "x")


def test_a_session_does_not_travel_to_a_worker(session: ScalableSession) -> None:
    with pytest.raises(TypeError, match="stays in the workflow"):
        pickle.dumps(session)
