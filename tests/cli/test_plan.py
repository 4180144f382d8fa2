"""`scalable plan`: what would run, why, how long, at what cost; and nothing is started."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cli_tools import Application, Golden
    from conftest import Program

AMOUNTS = ("--hours", "2", "--workers", "10", "--output-gb", "50", "--transfer-gb", "10")


def test_the_screen_for_this_machine(scalable: Program, study: Path, golden: Golden) -> None:
    result = scalable("plan", cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("plan_local.txt", result.out)
    assert result.out.endswith("Nothing was started. Run: scalable run\n")
    assert {path.name for path in study.iterdir()} <= {"scalable.yaml", ".scalable"}


def test_the_screen_for_a_cloud(scalable: Program, study: Path, golden: Golden) -> None:
    result = scalable("plan", "--target", "aws", *AMOUNTS, cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("plan_fargate.txt", result.out)


def test_json_follows_the_contract(scalable: Program, study: Path, golden: Golden) -> None:
    result = scalable("plan", "--target", "aws", *AMOUNTS, "--json", cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("plan_fargate.json", result.out)
    plan = result.json
    assert plan["schema"] == "scalable.plan/1"
    assert plan["steps"] == {"total": 5, "cached": 0, "to_run": 5}
    assert sum(task["to_run"] for task in plan["tasks"]) == 5
    lines = plan["estimate"]["lines"]
    once = sum(Decimal(line["cost"]) for line in lines if line["period"] == "once")
    assert abs(once - Decimal(plan["estimate"]["total"])) < Decimal("0.0001")
    assert all(isinstance(line["quantity"], str) for line in lines)


def test_the_object_goes_to_a_file_too(scalable: Program, study: Path) -> None:
    result = scalable("plan", "-o", "plan.json", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert "Nothing was started" in result.out
    assert json.loads((study / "plan.json").read_text())["schema"] == "scalable.plan/1"


def test_a_file_that_cannot_be_written_is_refused(app: Application, study: Path) -> None:
    result = app("plan", "-o", "no/such/plan.json", cwd=study)

    assert (result.code, result.out) == (8, "")
    assert result.err.startswith('scalable: error: cannot write "no/such/plan.json": ')


def test_quiet_is_one_line_and_dry_run_is_accepted(app: Application, study: Path) -> None:
    result = app("plan", "-qn", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("5 of 5 steps to run, no charge, about ")
    assert result.out.count("\n") == 1


def test_verbose_lists_every_step_with_its_reason(app: Application, study: Path) -> None:
    result = app("plan", "-v", "--only", "prepare", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("  run     prepare  (new)\n")


def test_targets_side_by_side(scalable: Program, study: Path, golden: Golden) -> None:
    result = scalable("plan", "--compare", *AMOUNTS, cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("plan_compare.txt", result.out)


def test_targets_side_by_side_as_json(app: Application, study: Path) -> None:
    result = app("plan", "--compare", "--json", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert result.json["schema"] == "scalable.compare/1"
    assert [offer["target"] for offer in result.json["offers"]] == ["local", "aws"]


def test_a_grid_of_settings_says_what_is_not_possible(
    scalable: Program, study: Path, golden: Golden
) -> None:
    axes = ("--sweep", "workers=1..2", "--sweep", "worker_cpu=4096,8192,3000")

    result = scalable("plan", "-t", "aws", *axes, cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("plan_sweep.txt", result.out)


def test_a_grid_as_json_has_its_settings(app: Application, study: Path) -> None:
    result = app("plan", "-t", "aws", "--sweep", "workers=1,2", "--json", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert [offer["settings"] for offer in result.json["offers"]] == [
        {"workers": "1"},
        {"workers": "2"},
    ]


@pytest.mark.parametrize(
    ("sweep", "code", "text"),
    [
        ("workers", 2, '--sweep cannot read "workers"'),
        ("workers=a,b", 2, '--sweep needs numbers, not "a"'),
        ("workers=9..1", 2, 'the range "9..1" of --sweep must have 1 to 200 values'),
        ("workers=0,1", 2, "workers are whole numbers of at least 1"),
        ("colour=1,2", 3, 'command line: error: unknown key "colour" in an aws target'),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    sweep: str, code: int, text: str, app: Application, study: Path
) -> None:
    result = app("plan", "-t", "aws", "--sweep", sweep, cwd=study)

    assert (result.code, result.out) == (code, "")
    assert text in result.err


def test_a_key_of_the_target_can_be_set(app: Application, study: Path) -> None:
    result = app("plan", "-t", "aws", "--set", "worker_cpu=8192", "--hours=1", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert "8 vCPU" in result.out


def test_a_plan_above_the_budget_is_shown_and_refused(scalable: Program, study: Path) -> None:
    result = scalable("plan", "-t", "aws", *AMOUNTS, "--budget", "1.50USD", cwd=study)

    assert result.code == 5
    assert "Total     $" in result.out
    assert "is above the budget of $1.50\n" in result.err


def test_a_budget_that_cannot_be_read_is_refused(app: Application, study: Path) -> None:
    result = app("plan", "--budget", "25 EUR", cwd=study)

    assert (result.code, result.out) == (2, "")
    assert '--budget must be like 25 or 25USD, not "25 EUR"' in result.err


def test_exit_code_tells_that_there_is_work(scalable: Program, study: Path) -> None:
    result = scalable("plan", "--exit-code", "-q", cwd=study)

    assert (result.code, result.err) == (10, "")


def test_an_unknown_target_is_refused_with_a_suggestion(app: Application, study: Path) -> None:
    result = app("plan", "--target", "awss", cwd=study)

    assert (result.code, result.out) == (2, "")
    assert result.err == (
        'scalable: error: there is no target "awss"\n  help: did you mean "aws"?\n'
    )


def test_no_socket_is_opened(scalable: Program, study: Path) -> None:
    if scalable.is_built:
        pytest.skip("the built file cannot be patched")
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('a socket')\n"
        "socket.socket.__init__ = refuse; socket.create_connection = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "sys.argv = ['scalable', 'plan', '--compare']\n"
        "from scalable_cli.__main__ import main\n"
        "sys.exit(main())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=study,
        env=scalable.environ(),
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "fargate" in done.stdout
