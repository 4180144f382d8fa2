"""Help: every text is a golden file, and every way of asking for it gives the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scalable_cli.commands import NAMES

if TYPE_CHECKING:
    from cli_tools import Golden
    from conftest import Program


WIDTH = 80


@pytest.mark.parametrize("name", NAMES)
def test_help_of_each_command_is_as_recorded(name: str, scalable: Program, golden: Golden) -> None:
    result = scalable(name, "--help")

    assert (result.code, result.err) == (0, "")
    golden(f"help/{name}.txt", result.out)
    assert f"scalable {name}" in result.out
    assert "Exit codes:" in result.out
    assert max(len(line) for line in result.out.splitlines()) <= WIDTH


def test_overview_is_as_recorded_and_has_every_command(scalable: Program, golden: Golden) -> None:
    result = scalable()

    assert (result.code, result.err) == (0, "")
    golden("help/overview.txt", result.out)
    for name in NAMES:
        assert f"\n  {name} " in result.out


@pytest.mark.parametrize("words", [("help",), ("--help",)])
def test_other_ways_to_ask_for_the_overview_give_the_same(
    words: tuple[str, ...], scalable: Program, golden: Golden
) -> None:
    result = scalable(*words)

    assert (result.code, result.err) == (0, "")
    golden("help/overview.txt", result.out)


@pytest.mark.parametrize("words", [("plan", "x.yaml", "-h"), ("help", "plan"), ("-h", "plan")])
def test_other_ways_to_ask_for_a_command_give_the_same(
    words: tuple[str, ...], scalable: Program, golden: Golden
) -> None:
    result = scalable(*words)

    assert (result.code, result.err) == (0, "")
    golden("help/plan.txt", result.out)


def test_help_of_an_unknown_command_is_refused_with_a_suggestion(scalable: Program) -> None:
    result = scalable("help", "pln")

    assert (result.code, result.out) == (2, "")
    assert 'unknown command "pln"' in result.err
    assert "help: did you mean scalable help plan?" in result.err


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_version_is_one_line(words: list[str], scalable: Program) -> None:
    result = scalable(*words)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("scalable ")
    assert result.out.count("\n") == 1


def test_version_as_json(scalable: Program) -> None:
    result = scalable("--json", "version")

    assert (result.code, result.err) == (0, "")
    assert result.json["schema"] == "scalable.version/1"
