"""Commands with placeholders, as the shell and as programs read them."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_study import axis, task, value

from scalable_cli.planning import render_command

NASTY = """it's "$HOME" `id` $(id) \\ ; & | > < * ? # ~ {a,b} !x\n\ttab é"""


def rendered(command, *values, inputs=None, lists=None, outputs=None):
    names = [axis(name, 1) for name in "abcd"[: len(values)]]
    one = task("t", *names, command=command)
    cells = [value(v) for v in values]
    return render_command(one, cells, inputs or {}, lists or {}, outputs or {})


def shell(text: str) -> str:
    return subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout.decode()


def test_values_inputs_lists_and_outputs_are_put_in() -> None:
    text = "run {{ matrix.a }} {{inputs.grid}} {{  inputs.all.list  }} > {{\toutputs.out\t}}"

    found = rendered(
        text, "ref", inputs={"grid": ["g.nc"]}, lists={"all": "all.list"}, outputs={"out": "o"}
    )

    assert found == "run ref g.nc all.list > o"


def test_an_input_called_list_is_not_a_list() -> None:
    assert rendered("cat {{ inputs.list }}", inputs={"list": ["a", "b"]}) == "cat a b"


def test_many_paths_are_quoted_words_joined_by_blanks() -> None:
    assert rendered("cat {{ inputs.x }}", inputs={"x": ["a b", "c"]}) == "cat 'a b' c"


@pytest.mark.parametrize(
    "template",
    [
        "printf %s {{ matrix.a }}",
        "printf %s '{{ matrix.a }}'",
        'printf %s "{{ matrix.a }}"',
        "printf %s 'a'\"b\"'{{ matrix.a }}' | tail -c +3",
        'printf %s "$(printf %s {{ matrix.a }})"',
        "printf %s \"$(printf %s '{{ matrix.a }}')\"",
        'printf %s "$( (printf %s "{{ matrix.a }}") )"',
        "# don't\nprintf %s {{ matrix.a }}",
        "printf '%s' \\\n  {{ matrix.a }}",
        'echo \\" >&2; printf %s {{ matrix.a }}',
        "printf %s ${x#y}{{ matrix.a }}",
        "n=$((1 + 2)); printf %s {{ matrix.a }}",
        "cat <<X >&2\ndon't\nX\nprintf %s {{ matrix.a }}",
    ],
)
def test_the_shell_reads_exactly_the_value_wherever_it_stands(template: str) -> None:
    found = shell(rendered(template, NASTY))

    assert NASTY.splitlines() == found.splitlines()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="a '\"$`\\!*\n;&#é", max_size=8), min_size=3, max_size=3))
def test_any_value_survives_bare_single_and_double_quotes(values: list[str]) -> None:
    text = "printf '%s.' {{ matrix.a }} '{{ matrix.b }}' \"{{ matrix.c }}\""

    assert "".join(f"{v}." for v in values) == shell(rendered(text, *values))


def test_a_list_is_not_quoted_and_whole_inputs_become_several_arguments() -> None:
    command = ("run", "--in", "{{ inputs.x }}", "--all={{ inputs.x }}", "{{matrix.a}}-{{matrix.b}}")

    found = rendered(command, "p q", "$r", inputs={"x": ["1 1", "2"]})

    assert found == ["run", "--in", "1 1", "2", "--all=1 1 2", "p q-$r"]


def test_an_input_of_no_files_is_no_argument() -> None:
    assert rendered(("cat", "{{ inputs.x }}"), inputs={"x": []}) == ["cat"]


def test_braces_of_other_languages_are_left_alone() -> None:
    text = "awk '{{ print $1 }}' {{ other.x }} {{ matrix }}"

    assert text == rendered(text)


def test_a_task_without_a_command_has_nothing_to_render() -> None:
    with pytest.raises(ValueError, match="no command"):
        rendered(None)
