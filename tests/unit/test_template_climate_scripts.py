"""The climate template's manifest and scripts: every target, every awk, bad data."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import date
from typing import TYPE_CHECKING

import pytest
from climate_reference import TEMPLATE
from climate_study import Study, copy_template, run_study

from scalable_cli.manifest import open_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scalable_cli.model.manifest import Manifest

AWKS = ("mawk", "gawk", "gawk --posix", "busybox awk", "original-awk")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return open_manifest(TEMPLATE / "scalable.yaml", {}).resolve("local")


@pytest.fixture(scope="module")
def study(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One simulation with the machine's own awk."""
    return run_study(
        manifest, copy_template(tmp_path_factory.mktemp("plain") / "climate"), only_one
    )


@pytest.mark.parametrize("target", ["local", "aws", "gcp", "hpc"])
def test_the_manifest_has_no_problems_on_any_target(target: str) -> None:
    source = open_manifest(TEMPLATE / "scalable.yaml", {})

    assert source.check() == ()
    manifest = source.resolve(target)
    assert manifest.target.name == target
    assert {task.name: task.steps for task in manifest.tasks} == {
        "prepare": 1, "simulate": 88, "summarise": 1,
    }  # fmt: skip


def test_every_script_belongs_to_exactly_one_task(manifest: Manifest) -> None:
    selected = [pattern for task in manifest.tasks for pattern in task.code or ()]

    scripts = [str(p.relative_to(TEMPLATE)) for p in (TEMPLATE / "model").iterdir()]
    assert sorted(selected) == sorted(scripts)


def test_dash_reads_every_script_and_command(manifest: Manifest) -> None:
    dash = shutil.which("dash") or "sh"
    for script in TEMPLATE.rglob("*.sh"):
        subprocess.run([dash, "-n", script], check=True)
    for task in manifest.tasks:
        assert isinstance(task.command, str)
        subprocess.run([dash, "-n"], input=task.command, text=True, check=True)


@pytest.mark.parametrize("program", AWKS)
def test_every_awk_writes_the_same_bytes(
    manifest: Manifest, study: Study, tmp_path: Path, program: str
) -> None:
    if shutil.which(program.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{program} is not installed")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "awk").write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    (tools / "awk").chmod(0o755)
    folder = copy_template(tmp_path / "climate")

    ran = run_study(manifest, folder, only_one, path=f"{tools}:{os.environ['PATH']}")

    assert ran.log == study.log
    for name in (
        "data/annual.csv",
        "results/overshoot/ecs_4.1.csv",
        "results/summary.csv",
        "results/fit.csv",
        "results/warming_2100.txt",
    ):
        assert (folder / name).read_bytes() == (study.folder / name).read_bytes()


def test_years_with_few_weeks_are_left_out_and_named(tmp_path: Path) -> None:
    weeks = [w for w in weekly(1970, 2000) if not w.startswith("1985") or w < "19850601"]

    ran = prepare(tmp_path, weeks)

    assert ran.returncode == 0
    assert "1985 is left out: 22 measured weeks, 26 are needed" in ran.stdout
    assert "1985" not in (tmp_path / "annual.csv").read_text()


@pytest.mark.parametrize(
    ("weeks", "said"),
    [
        (["19700101,320.1"] * 2, "record.csv:3: 19700101 does not come after 19700101"),
        (["19700101,32o.1"], 'record.csv:2: "32o.1" is not a CO2 concentration in ppm'),
        (["19700101,-99.99"], 'record.csv:2: "-99.99" is not a CO2 concentration in ppm'),
        (["1970-01-01,320"], 'record.csv:2: "1970-01-01" is not a date YYYYMMDD'),
        ([], "0 usable years, at least 20 are needed"),
    ],
)
def test_a_bad_record_is_refused_with_its_line(tmp_path: Path, weeks: list[str], said: str) -> None:
    ran = prepare(tmp_path, weeks)

    assert ran.returncode == 1
    assert said in ran.stderr


def test_a_short_record_is_refused(tmp_path: Path) -> None:
    ran = prepare(tmp_path, weekly(1970, 1980))

    assert ran.returncode == 1
    assert "10 usable years, at least 20 are needed" in ran.stderr
    assert not (tmp_path / "annual.csv").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ecs": "0"}, 'the climate sensitivity "0" is not a number above 0'),
        ({"zero_year": "2020"}, 'zero_year "2020" must come after peak_year "2030"'),
        ({"peak_year": "2010"}, "peak_year 2010 lies in the history, which ends in 2023"),
        ({"growth_percent": "lots"}, 'growth_percent "lots" is not a number'),
        ({"zero_year": "2031", "floor_gtc": "-90"}, "leave the range of the carbon cycle"),
    ],
)
def test_a_senseless_scenario_is_refused(
    tmp_path: Path, study: Study, change: dict[str, str], said: str
) -> None:
    values = {
        "scenario": "mine", "ecs": "3", "growth_percent": "0", "peak_year": "2030",
        "zero_year": "2080", "floor_gtc": "0", "out": str(tmp_path / "out.csv"),
    } | change  # fmt: skip
    data = [TEMPLATE / "data/emissions_history.csv", study.folder / "data/annual.csv"]
    options = [word for pair in values.items() for word in ("-v", "=".join(pair))]

    ran = awk(TEMPLATE / "model/simulate.awk", *options, *data)

    assert ran.returncode == 1
    assert said in ran.stderr


def only_one(values: Mapping[str, str]) -> bool:
    return (values["scenario"], values["ecs"]) == ("overshoot", "4.1")


def prepare(folder: Path, weeks: list[str]) -> subprocess.CompletedProcess[str]:
    (folder / "record.csv").write_text("\n".join(["date,co2", *weeks]) + "\n")
    return awk(
        TEMPLATE / "model/prepare.awk", "-v", f"out={folder}/annual.csv", folder / "record.csv"
    )


def awk(script: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["awk", "-f", script, *args], capture_output=True, text=True)


def weekly(first: int, end: int) -> list[str]:
    days = range(date(first, 1, 1).toordinal(), date(end, 1, 1).toordinal(), 7)
    return [f"{date.fromordinal(day):%Y%m%d},{320 + (day - days[0]) / 250:.1f}" for day in days]
