"""Our reading of the usage texts is docopt's, and no option can be meant by accident."""

from __future__ import annotations

import pytest
from docopt import parse_docstring_sections, parse_options

from scalable_cli.arguments import EVERYWHERE, Option, canonical, options_of
from scalable_cli.commands import NAMES, find
from scalable_cli.errors import UsageError

USAGES = {name: command.usage + EVERYWHERE for name in NAMES if (command := find(name))}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_the_ones_that_docopt_reads(name: str) -> None:
    sections = parse_docstring_sections(USAGES[name])
    theirs = parse_options(sections.after_usage)

    ours = options_of(USAGES[name])

    assert [(o.name, o.short, o.value is not None) for o in ours] == [
        (o.longer, o.short, o.argcount == 1) for o in theirs
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_tells_its_exit_codes_and_takes_the_common_options(name: str) -> None:
    names = {option.name for option in options_of(USAGES[name])}

    assert {"--quiet", "--verbose", "--json", "--help"} <= names
    assert "\nExit codes:\n  0 " in USAGES[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_option_can_be_shortened(name: str) -> None:
    options = options_of(USAGES[name])
    names = {option.name for option in options}

    for option in options:
        for length in range(3, len(option.name)):
            part = option.name[:length]
            if part not in names:
                with pytest.raises(UsageError):
                    canonical([f"{part}=1" if option.value else part], options, {})


def test_variables_are_made_from_the_names() -> None:
    variables = {option.variable for option in options_of(USAGES["plan"])}

    assert {"SCALABLE_TARGET", "SCALABLE_DRY_RUN", "SCALABLE_OUTPUT_GB"} <= variables


def test_repeatable_options_may_hold_several_words_in_the_environment() -> None:
    line = canonical([], options_of(USAGES["plan"]), {"SCALABLE_ONLY": "a b"})

    assert line.options == ("--only=a", "--only=b")
    assert line.origin == {"--only": "SCALABLE_ONLY"}


def test_short_options_may_be_joined() -> None:
    line = canonical(["-qnt", "aws", "x.yaml"], options_of(USAGES["plan"]), {})

    assert line.options == ("--quiet", "--dry-run", "--target=aws")
    assert line.words == ("x.yaml",)


def test_inside_a_step_its_task_is_no_option() -> None:
    option = Option("--task", None, "NAME", repeats=False)
    step = {"SCALABLE_TASK": "simulate", "SCALABLE_STEP": "simulate[n=1]"}

    assert canonical([], [option], step).options == ()
    outside = canonical([], [option], {"SCALABLE_TASK": "simulate"})
    assert outside.options == ("--task=simulate",)
