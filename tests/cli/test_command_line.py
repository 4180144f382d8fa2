"""The command line itself: docopt's traps are closed, and every refusal says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cli_tools import Application
    from conftest import Program

REFUSED = {
    ("plna",): ('unknown command "plna"', "did you mean scalable plan?"),
    ("frobnicate",): ('unknown command "frobnicate"', "scalable help lists the commands"),
    ("--frob", "plan"): ('unknown option "--frob"', "options come after the command"),
    ("plan", "--buget", "3"): ('unknown option "--buget"', "did you mean --budget?"),
    ("plan", "--targ", "aws"): ('unknown option "--targ"', "did you mean --target?"),
    ("plan", "--zzz"): ('unknown option "--zzz"', "scalable plan --help"),
    ("plan", "-z"): ('unknown option "-z"', "scalable plan --help"),
    ("plan", "--target"): ("--target needs a value", "--target=NAME"),
    ("plan", "--target", "--force"): ("--target needs a value", "--target=NAME"),
    ("plan", "--target="): ("--target is empty", "scalable plan --help"),
    ("plan", "-t", "a", "--target=b"): ("--target is given twice", "scalable plan --help"),
    ("plan", "--spot=yes"): ("--spot takes no value", "write --spot alone"),
    ("plan", "a.yaml", "b.yaml"): ('unexpected argument "b.yaml"', "scalable plan --help"),
    ("plan", "--hours", "two"): (
        '--hours must be a number like 2.5, not "two"',
        "scalable plan --help",
    ),
    ("plan", "--workers", "0"): (
        '--workers must be a whole number of at least 1, not "0"',
        "scalable plan --help",
    ),
    ("cache",): ("say what: scalable cache ls | explain | gc", "scalable cache --help"),
    ("cache", "explian", "x"): (
        'unknown command "cache explian"',
        "did you mean scalable cache explain?",
    ),
    ("cache", "explain"): ("TASK is missing", "scalable cache --help"),
    ("prices", "show"): ("TABLE is missing", "scalable prices --help"),
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_wrong_is_said_with_a_way_out(
    words: tuple[str, ...], app: Application, study: Path
) -> None:
    text, hint = REFUSED[words]

    result = app(*words, cwd=study)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"scalable: error: {text}\n")
    assert f"  help: {hint}" in result.err
    assert result.err.count("\n") == 2


def test_the_program_says_the_same(scalable: Program, app: Application) -> None:
    result = scalable("plan", "--buget", "3")

    assert (result.code, result.out) == (2, "")
    assert (result.out, result.err) == (app("plan", "--buget").out, app("plan", "--buget").err)


def test_errors_are_one_json_object_when_asked(scalable: Program) -> None:
    result = scalable("plan", "--buget", "3", "--json")

    assert (result.code, result.out) == (2, "")
    assert json.loads(result.err) == {
        "schema": "scalable.error/1",
        "code": "usage",
        "exit_code": 2,
        "message": 'unknown option "--buget"',
        "hint": "did you mean --budget?",
        "problems": [],
    }


def test_the_environment_asks_for_json_too(scalable: Program) -> None:
    result = scalable("plna", env={"SCALABLE_JSON": "1"})

    assert (result.code, result.out) == (2, "")
    assert json.loads(result.err)["message"] == 'unknown command "plna"'


def test_problems_of_the_manifest_are_in_the_json_error(app: Application) -> None:
    result = app("plan", "nowhere.yaml", "--json")

    assert (result.code, result.out) == (3, "")
    error = json.loads(result.err)
    assert (error["code"], error["exit_code"]) == ("manifest", 3)
    assert [problem["file"] for problem in error["problems"]] == ["nowhere.yaml"]


def test_a_value_may_follow_its_option_or_an_equals_sign(app: Application, study: Path) -> None:
    forms = (["--target", "aws"], ["--target=aws"], ["-t", "aws"], ["-taws"])

    screens = {app("plan", "-q", *form, cwd=study).out for form in forms}

    assert len(screens) == 1
    assert "$" in screens.pop()


def test_what_follows_two_dashes_is_no_option(app: Application, study: Path) -> None:
    result = app("plan", "-q", "--", "--help", cwd=study)

    assert (result.code, result.out) == (3, "")
    assert '"--help" does not exist' in result.err


def test_the_environment_sets_options_and_the_command_line_wins(
    scalable: Program, study: Path
) -> None:
    env = {"SCALABLE_TARGET": "aws", "SCALABLE_HOURS": "2", "SCALABLE_JSON": "yes"}

    by_environment = scalable("plan", cwd=study, env=env)
    by_option = scalable("plan", "--target", "local", cwd=study, env=env)

    assert (by_environment.code, by_environment.err) == (0, "")
    assert by_environment.json["target"] == "aws"
    assert by_environment.json["time"]["seconds"] == "7200"
    assert (by_option.code, by_option.err) == (0, "")
    assert by_option.json["target"] == "local"


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("SCALABLE_HOURS", "soon", 'SCALABLE_HOURS must be a number like 2.5, not "soon"'),
        ("SCALABLE_SPOT", "maybe", 'SCALABLE_SPOT must be 1 or 0, not "maybe"'),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, value: str, text: str, app: Application, study: Path
) -> None:
    result = app("plan", cwd=study, env={variable: value})

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"scalable: error: {text}\n")


def test_a_variable_that_says_no_changes_nothing(app: Application, study: Path) -> None:
    env = {"SCALABLE_JSON": "0", "SCALABLE_EXIT_CODE": "off", "SCALABLE_QUIET": "1"}

    result = app("plan", cwd=study, env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1


def test_the_manifest_may_come_from_the_environment(scalable: Program, study: Path) -> None:
    env = {"SCALABLE_MANIFEST": str(study / "scalable.yaml")}

    result = scalable("plan", "-q", env=env, cwd=study.parent)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("5 of 5 steps to run")


def test_output_into_a_closed_pipe_ends_quietly(scalable: Program, study: Path) -> None:
    started = scalable.start("prices", "show", "aws_ec2", "--all", cwd=study)
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.readline()
    started.stdout.close()

    code = started.wait(timeout=60)

    assert (code, started.stderr.read()) == (0, "")
    started.stderr.close()


def test_a_full_disk_is_said_in_one_line(scalable: Program) -> None:
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*scalable.argv, "help"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=scalable.environ(),
            text=True,
        )

    assert done.returncode == 8
    assert done.stderr == "scalable: error: no space is left for the output\n  help: df -h\n"
