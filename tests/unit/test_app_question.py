"""The one question: on a terminal, before money is spent, unless it is answered already."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest

from scalable_cli.arguments import Arguments
from scalable_cli.commands.run import confirm
from scalable_cli.errors import RefusedError
from scalable_cli.host import Host
from scalable_cli.model.estimate import Basis, BasisKind, Estimate, TimeEstimate

DECLARED = Basis(BasisKind.DECLARED)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def priced(total: str) -> Estimate:
    time = TimeEstimate(Decimal(60), DECLARED)
    return Estimate("USD", None, 1, time, (), Decimal(total), Decimal(0), False, DECLARED)


def ask(answer: str, *, total: str = "5", yes: bool = False, terminal: bool = True) -> str:
    stream = Terminal if terminal else io.StringIO
    host = Host({}, Path.cwd(), stream(answer), stream(), stream())
    confirm(priced(total), Arguments({"--yes": yes}, {}), host)
    assert isinstance(host.err, io.StringIO)
    return host.err.getvalue()


def test_the_question_names_the_cost() -> None:
    assert ask("y\n") == "This run costs $5.00. Start it? [y/N] "


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "maybe\n"])
def test_anything_but_yes_refuses(answer: str) -> None:
    with pytest.raises(RefusedError, match="not confirmed"):
        ask(answer)


def test_nobody_is_asked_without_need() -> None:
    assert ask("n\n", yes=True) == ""
    assert ask("n\n", total="0") == ""
    assert ask("n\n", terminal=False) == ""
