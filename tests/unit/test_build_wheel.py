"""The wheel holds all that an installed program needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages that holds the wheel's files and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def installed(site: Path, cwd: Path, *argv: str) -> str:
    """What Python prints in `cwd` with the wheel's files first on its path."""
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=cwd,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_but_the_two_packages_is_installed(site: Path) -> None:
    names = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}

    assert names == {"scalable", "scalable_cli"}


def test_every_file_of_the_package_is_in(site: Path) -> None:
    package = ROOT / "scalable_cli"
    source = {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and not any(part.endswith("cache__") for part in path.parts)
    }
    wanted = {name for name in source if not name.startswith("facade/") and "_cache/" not in name}

    assert sorted(name for name in wanted if not (site / "scalable_cli" / name).is_file()) == []


def test_the_installed_program_plans_the_demo(site: Path, tmp_path: Path) -> None:
    installed(site, tmp_path, "-m", "scalable_cli", "init", "demo", "--template", "climate")

    shown = installed(
        site, tmp_path, "-m", "scalable_cli", "plan", "demo/scalable.yaml", "-t", "aws"
    )

    assert "Cost estimate for target 'aws'" in shown


def test_the_session_is_imported_as_scalable(site: Path, tmp_path: Path) -> None:
    code = "import scalable; print(scalable.__file__, scalable.ScalableSession.__name__)"

    shown = installed(site, tmp_path, "-c", code)

    assert shown.split() == [str(site / "scalable" / "__init__.py"), "ScalableSession"]
