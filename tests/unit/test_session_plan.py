"""Opening a session and what its plan says."""

from __future__ import annotations

import subprocess
import sys
import traceback
from decimal import Decimal
from pathlib import Path

import pytest
from session_project import MANIFEST

from scalable_cli import facade
from scalable_cli.errors import ManifestError, RefusedError, UsageError
from scalable_cli.facade import ScalableSession

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "scalable.yaml"
    path.write_text(MANIFEST)
    return path


def test_the_plan_has_the_cost_of_the_target_in_its_parts(manifest: Path) -> None:
    session = ScalableSession.from_yaml(manifest, target="aws")

    plan = session.plan(dry_run=True, hours=2, workers=10, output_gb=50, transfer_gb=10)

    cost = plan.cost_estimate
    assert plan.manifest_lock == session.manifest.lock
    assert plan.target == "aws"
    assert [step.id for step in plan.steps] == ["prepare"]
    assert plan.to_run == 1
    assert cost.transfer == Decimal("0.90")
    assert cost.storage == Decimal("1.15")
    assert cost.compute + cost.transfer == cost.total
    compute = [line.cost for line in cost.lines if line.what.value == "compute"]
    assert compute == [Decimal("3.2384")]
    assert not (manifest.parent / "runs").exists()


def test_a_plan_for_this_machine_costs_nothing(manifest: Path) -> None:
    cost = ScalableSession.from_yaml(manifest).plan().cost_estimate

    assert (cost.total, cost.storage) == (0, 0)


def test_the_target_is_the_argument_then_the_variable_then_the_first(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ScalableSession.from_yaml(manifest)
    monkeypatch.setenv("SCALABLE_TARGET", "aws")
    variable = ScalableSession.from_yaml(manifest)
    argument = ScalableSession.from_yaml(manifest, target="hpc")

    names = [session.manifest.target.name for session in (first, variable, argument)]
    assert names == ["local", "aws", "hpc"]


def test_problems_of_the_manifest_are_in_the_traceback(manifest: Path) -> None:
    manifest.write_text(MANIFEST.replace("provider: aws", "provider: awss"))

    with pytest.raises(ManifestError) as caught:
        ScalableSession.from_yaml(manifest, target="aws")

    shown = "".join(traceback.format_exception(caught.value))
    assert 'unknown provider "awss"' in shown
    assert "scalable.yaml:" in shown


def test_an_unknown_target_is_a_usage_error(manifest: Path) -> None:
    with pytest.raises(UsageError):
        ScalableSession.from_yaml(manifest, target="azure")


def test_a_target_that_cannot_be_started_is_refused(manifest: Path) -> None:
    session = ScalableSession.from_yaml(manifest, target="aws")

    with pytest.raises(RefusedError, match="does not start runs"):
        session.start()

    assert session.run_id is None


def test_the_package_gives_its_names_and_imports_nothing_heavy() -> None:
    assert sorted(facade.__all__) == dir(facade)
    assert all(getattr(facade, name) for name in facade.__all__)
    check = (
        "import sys, scalable_cli.facade\n"
        "print(sorted({'distributed', 'dask', 'boto3', 'strictyaml'} & set(sys.modules)))\n"
        "from scalable_cli.facade import ScalableSession, cacheable\n"
        "print(sorted({'distributed', 'dask', 'boto3', 'strictyaml'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout == "[]\n[]\n", done.stderr
