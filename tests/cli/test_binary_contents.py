"""What is in the single file, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.binary
readers = pytest.importorskip("PyInstaller.archive.readers")

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scalable_cli"
CACHES = {"__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache"}


@pytest.fixture(scope="module")
def files(built_file: Path) -> set[str]:
    """The paths that one start unpacks."""
    return set(readers.CArchiveReader(str(built_file)).toc)


@pytest.fixture(scope="module")
def modules(built_file: Path) -> set[str]:
    """The dotted names that can be imported."""
    archive = readers.CArchiveReader(str(built_file))
    return set(archive.open_embedded_archive("PYZ.pyz").toc)


def test_the_file_is_at_most_40_mb(built_file: Path) -> None:
    assert built_file.stat().st_size <= 40_000_000


def test_every_module_of_ours_is_in(modules: set[str]) -> None:
    paths = (path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.py"))
    ours = {
        ".".join(path.parts).removesuffix(".__init__")
        for path in paths
        if not {"templates", "facade"} & set(path.parts)
    }

    assert sorted(ours - modules) == []


def test_templates_and_price_tables_are_in(files: set[str]) -> None:
    templates = PACKAGE / "templates"
    wanted = {
        f"scalable_cli/templates/{path.relative_to(templates)}"
        for path in templates.rglob("*")
        if path.is_file() and not CACHES & set(path.parts)
    }
    tables = ROOT / "pricing_data"
    wanted |= {f"scalable_cli/pricing_data/{path.name}" for path in tables.iterdir()}

    assert sorted(wanted - files) == []


@pytest.mark.parametrize(
    "name",
    [
        "dask/dask.yaml",
        "distributed/distributed.yaml",
        "distributed/distributed-schema.yaml",
        "distributed/http/templates/base.html",
        "dask_cloudprovider/cloudprovider.yaml",
        "googleapiclient/discovery_cache/documents/compute.v1.json",
    ],
)
def test_what_the_libraries_read_at_run_time_is_in(files: set[str], name: str) -> None:
    assert name in files


@pytest.mark.parametrize("service", ["ec2", "ecr", "ecs", "iam", "logs", "s3", "sts"])
def test_an_aws_service_that_we_call_is_in(files: set[str], service: str) -> None:
    assert any(name.startswith(f"botocore/data/{service}/") for name in files)


def test_libraries_reached_by_name_are_in(modules: set[str]) -> None:
    wanted = {
        "boto3.session",
        "dask_cloudprovider.aws.ecs",
        "dask_cloudprovider.gcp.instances",
        "distributed.http.scheduler.info",
        "distributed.nanny",
        "google.oauth2.service_account",
        "jinja2.tests",
    }

    assert sorted(wanted - modules) == []


def test_nothing_of_development_is_in(files: set[str], modules: set[str]) -> None:
    unwanted = {"numpy", "pandas", "bokeh", "pytest", "moto", "pip", "setuptools", "mypy", "test"}
    services = {name.split("/")[2] for name in files if name.startswith("botocore/data/")}

    assert {name.partition(".")[0] for name in modules} & unwanted == set()
    assert {"lambda", "dynamodb", "sagemaker"} & services == set()
    assert [name for name in modules if ".tests" in name and not name.startswith("jinja2.")] == []
