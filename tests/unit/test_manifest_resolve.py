"""Resolving: overlays, overrides, the environment, and the lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalable_cli.errors import ManifestError, UsageError
from scalable_cli.manifest import open_manifest
from scalable_cli.manifest.source import ManifestSource
from scalable_cli.model.manifest import Adaptive, AwsOptions, KubernetesOptions
from scalable_cli.model.problem import Place, Severity

VALID = Path(__file__).parent.parent / "manifests" / "valid"
DESIGN = (VALID / "design.yaml").read_text()


def source_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> ManifestSource:
    path = folder / "scalable.yaml"
    path.write_text(text)
    return open_manifest(path, environ or {"S3_BUCKET": "bkt"}, shown_as="scalable.yaml")


def test_a_targets_overlay_is_laid_on_the_rest() -> None:
    source = open_manifest(VALID / "gke.yaml", {})

    manifest = source.resolve("gke")

    assert manifest.component("basin").memory_bytes == 64 << 30
    assert manifest.component("basin").cpus == 16
    assert manifest.component("charts").cpus == 4
    assert manifest.target.overlay == "gke-prod"


def test_an_overlay_that_is_asked_for_replaces_the_targets_own() -> None:
    source = open_manifest(VALID / "gke.yaml", {})

    manifest = source.resolve("gke", overlay="gke-dev")

    assert manifest.target.adaptive == Adaptive(1, 5)
    assert isinstance(manifest.target.options, KubernetesOptions)
    assert manifest.target.options.namespace == "water-dev"
    assert manifest.component("basin").memory_bytes == 16 << 30


def test_lists_of_an_overlay_replace(tmp_path: Path) -> None:
    overlay = "overlays:\n  cloud-prod:\n    components:\n      analysis:\n        tags: [x, y]\n"
    text = DESIGN[: DESIGN.index("overlays:")] + overlay

    manifest = source_of(tmp_path, text).resolve("local", overlay="cloud-prod")

    assert manifest.component("analysis").tags == ("x", "y")


def test_names_that_are_not_there_are_usage_errors() -> None:
    source = open_manifest(VALID / "gke.yaml", {})

    with pytest.raises(UsageError, match='no target "gkee"') as caught:
        source.resolve("gkee")
    assert caught.value.hint == 'did you mean "gke"?'
    with pytest.raises(UsageError, match='no overlay "gke-prd"') as caught:
        source.resolve("gke", overlay="gke-prd")
    assert caught.value.hint == 'did you mean "gke-prod"?'


def test_overrides_are_checked_like_the_file(tmp_path: Path) -> None:
    source = source_of(tmp_path, DESIGN)

    target = source.resolve(
        "aws", overrides={"worker_cpu": "8192", "adaptive.maximum": "40", "spot": "false"}
    ).target

    assert isinstance(target.options, AwsOptions)
    assert target.options.worker_cpu == 8192
    assert target.adaptive == Adaptive(1, 40)
    assert target.max_workers == 40
    assert target.spot is None
    with pytest.raises(ManifestError) as caught:
        source.resolve("aws", overrides={"worker_cpu": "5000", "worker_cpus": "4096"})
    assert [(str(p.place), p.code) for p in caught.value.problems] == [
        ("command line:1:1", "E201"),
        ("command line:1:1", "E501"),
    ]


def test_problems_of_another_target_do_not_stop_this_one(tmp_path: Path) -> None:
    source = source_of(tmp_path, DESIGN.replace("worker_cpu: 4096 ", "worker_cpu: 4097 "))

    assert source.resolve("local").target.name == "local"
    assert [p.code for p in source.check()] == ["E501"]
    with pytest.raises(ManifestError):
        source.resolve("aws")


def test_a_problem_in_two_targets_is_told_once(tmp_path: Path) -> None:
    problems = source_of(tmp_path, DESIGN.replace("memory: 16G", "memory: 16Q")).check()

    assert [p.code for p in problems] == ["E209"]
    assert str(problems[0].place) == "scalable.yaml:50:13"


def test_a_variable_has_the_place_of_its_words(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        source_of(tmp_path, DESIGN, {"X": "y"}).resolve("local")

    problem = caught.value.problems[0]
    assert (problem.code, problem.place) == ("E120", Place("scalable.yaml", 4, 25))
    assert problem.words == "${S3_BUCKET}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${A}", "1"),
        ("${B:-two}", "two"),
        ("${EMPTY:-three}", "three"),
        ("x${A}${A}y", "x11y"),
        ("$${A}", "${A}"),
        ("$A $ 5$", "$A $ 5$"),
        ("${B:-}", ""),
        ("'${A}'", "1"),
        ("|-\n          a ${A}\n          b", "a 1\nb"),
    ],
)
def test_variables(tmp_path: Path, written: str, read: str) -> None:
    text = DESIGN.replace("OMP_NUM_THREADS: 4", f"OMP_NUM_THREADS: {written}")

    environ = {"S3_BUCKET": "bkt", "A": "1", "EMPTY": ""}
    manifest = source_of(tmp_path, text, environ).resolve("local")

    assert dict(manifest.component("analysis").env)["OMP_NUM_THREADS"] == read


def lock(folder: Path, text: str, target: str = "aws") -> str:
    return source_of(folder, text).resolve(target).lock


def test_the_lock_is_blind_to_how_a_manifest_is_written(tmp_path: Path) -> None:
    without_comments = re.sub(r" +#.*", "", DESIGN)
    flow = DESIGN.replace("      - prepare\n", "").replace("    needs:\n", "    needs: [prepare]\n")
    head, targets, rest = re.split(r"^(?=targets:|components:)", DESIGN, flags=re.MULTILINE)
    reordered = rest.replace("overlays:", "\noverlays:") + targets + head
    units = (
        DESIGN.replace("memory: 16G", "memory: 16384MiB")
        .replace("30m", "1800")
        .replace('"04:00:00"', "4h")
    )
    (tmp_path / "elsewhere").mkdir()

    expected = lock(tmp_path, DESIGN)

    for text in (without_comments, flow, reordered, units, DESIGN.replace("\n", "\r\n")):
        assert lock(tmp_path, text) == expected
    assert lock(tmp_path / "elsewhere", DESIGN) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memory: 16G", "memory: 8G"),
        ("scenario: 1..500", "scenario: 1..499"),
        ("--policy", "--rule"),
        ("maximum: 10", "maximum: 11"),
        ("name: demeter-lulcc", "name: demeter"),
        ("retries: 3", "retries: 2"),
        ("/data: /data", "/data: /data:ro"),
    ],
)
def test_the_lock_sees_every_change(tmp_path: Path, old: str, new: str) -> None:
    assert lock(tmp_path, DESIGN) != lock(tmp_path, DESIGN.replace(old, new))


def test_the_lock_differs_by_target_and_not_by_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DESIGN.replace("    max_workers: 4\n", "")
    monkeypatch.setattr("scalable_cli.host.cpu_count", lambda: 3)
    few = source_of(tmp_path, text).resolve("local")
    monkeypatch.setattr("scalable_cli.host.cpu_count", lambda: 64)
    many = source_of(tmp_path, text).resolve("local")

    assert (few.target.max_workers, many.target.max_workers) == (3, 64)
    assert few.lock == many.lock
    assert few.lock != lock(tmp_path, text, "aws")


def test_warnings_are_not_errors() -> None:
    source = open_manifest(VALID / "overlays.yaml", {})

    assert {p.severity for p in source.check()} == {Severity.WARNING}
    assert [p.code for p in source.resolve("cloud").warnings] == ["W602", "W601"]
    assert [p.code for p in source.resolve("local").warnings] == ["W601"]
