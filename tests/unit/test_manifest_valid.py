"""Valid manifests, kept as files: they resolve for every target, in every style."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from scalable_cli.manifest import open_manifest
from scalable_cli.manifest.source import ManifestSource
from scalable_cli.model.manifest import (
    Adaptive,
    AwsOptions,
    ClusterType,
    GcpOptions,
    Input,
    KubernetesOptions,
    LocalOptions,
    Mount,
    SlurmOptions,
    Spot,
)
from scalable_cli.model.problem import Severity

FOLDER = Path(__file__).parent.parent / "manifests" / "valid"
FILES = sorted(FOLDER.glob("*.yaml"))
ENVIRON = {"S3_BUCKET": "bkt"}


def opened(name: str) -> ManifestSource:
    return open_manifest(FOLDER / f"{name}.yaml", ENVIRON)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_valid_manifest_has_no_errors(path: Path) -> None:
    source = open_manifest(path, ENVIRON)

    assert [p for p in source.check() if p.severity is Severity.ERROR] == []
    for target in source.target_names:
        assert source.resolve(target).target.name == target


@pytest.mark.parametrize("name", ["gke", "overlays"])
def test_every_overlay_resolves(name: str) -> None:
    source = opened(name)

    for overlay in source.overlay_names:
        for target in source.target_names:
            source.resolve(target, overlay=overlay)


def test_the_first_target_is_the_default_and_the_environment_beats_it() -> None:
    path = FOLDER / "design.yaml"

    assert opened("design").resolve().target.name == "local"
    environ = ENVIRON | {"SCALABLE_TARGET": "gcp"}
    assert open_manifest(path, environ).resolve().target.name == "gcp"
    assert open_manifest(path, environ).resolve("hpc").target.name == "hpc"


def test_values_are_in_canonical_units() -> None:
    manifest = opened("design").resolve("aws")

    assert manifest.project.default_storage == "s3://bkt/scalable-runs/"
    assert manifest.project.budget == Decimal(25)
    assert manifest.component("analysis").memory_bytes == 16 << 30
    assert manifest.component("analysis").mounts == (Mount("/data", "/data"),)
    assert manifest.target.cluster_type is ClusterType.FARGATE
    assert manifest.target.adaptive == Adaptive(1, 10)
    assert manifest.target.max_workers == 10
    assert manifest.target.spot == Spot()
    task = manifest.task("simulate")
    assert task.steps == 1000
    assert task.needs == ("prepare",)
    assert task.inputs == (Input("grid", "prepare", "grid"),)
    assert task.timeout_s == 1800
    assert task.declared.duration_s == 720
    assert task.declared.output_bytes == 120_000_000


def test_a_walltime_without_quotes_is_a_time() -> None:
    options = opened("gcam_stitches").resolve("hpc").target.options

    assert isinstance(options, SlurmOptions)
    assert options.walltime_s == 7200
    assert options.comm_port == 50051


def test_a_machine_type_without_cluster_type_means_machines() -> None:
    assert opened("overlays").resolve("cloud").target.cluster_type is ClusterType.EC2
    assert opened("every_option").resolve("gce").target.cluster_type is ClusterType.GCE
    assert opened("every_option").resolve("fargate").target.cluster_type is ClusterType.FARGATE


def test_every_option_is_read() -> None:
    source = opened("every_option")

    laptop = source.resolve("laptop").target
    assert laptop.options == LocalOptions(3, 2, processes=True, containers="docker")
    assert laptop.max_workers == 3
    fargate = source.resolve("fargate").target
    assert fargate.spot == Spot(fallback_on_demand=True, base_on_demand=1)
    assert fargate.tags == (("project", "energy"), ("cost-center", "1234"))
    assert isinstance(fargate.options, AwsOptions)
    assert fargate.options.ephemeral_gb == 100
    assert fargate.options.public_ip is False
    gke = source.resolve("gke").target.options
    assert isinstance(gke, GcpOptions)
    assert gke.worker_cpu == Decimal("7.5")
    kube = source.resolve("kube").target.options
    assert isinstance(kube, KubernetesOptions)
    assert kube.node_selector == (("disk", "ssd"),)


def test_commands_keep_their_variables_and_other_texts_do_not() -> None:
    manifest = opened("every_option").resolve("laptop")

    assert "--home ${HOME}" in str(manifest.task("simulate").command)
    assert manifest.project.default_storage == "gs://every-option/all/"
    assert dict(manifest.component("model").env)["PRICE"] == "${NOT_A_VARIABLE}"


def test_outputs_are_tidy_and_retry_is_read() -> None:
    task = opened("every_option").resolve("laptop").task("prepare")

    assert task.outputs == (("grid", "grids/{{ matrix.region }}"),)
    assert isinstance(task.command, tuple)
    assert task.command[-1] == ""
    assert (task.retry.retries, task.retry.backoff_s) == (2, 5.0)
    assert task.retry.memory_factor == Decimal("1.5")


def test_a_workflow_beside_the_manifest_is_found(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "minimal.yaml", tmp_path / "scalable.yaml")
    before = open_manifest(tmp_path / "scalable.yaml", {}).resolve()
    (tmp_path / "workflow.py").touch()

    after = open_manifest(tmp_path / "scalable.yaml", {}).resolve()

    assert before.project.workflow is None
    assert [w.code for w in before.warnings] == ["W601"]
    assert after.project.workflow == "workflow.py"
    assert after.warnings == ()
