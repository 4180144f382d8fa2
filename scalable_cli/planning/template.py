"""Templates with `{{ }}` placeholders: split once, filled for every step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from scalable_cli.planning.quoting import Quoting, quote, quotings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scalable_cli.model.manifest import Task, Value

_PLACEHOLDER = re.compile(r"\{\{\s*(matrix|inputs|outputs)\.([^\s{}.]+)(\.list)?\s*\}\}")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{{ kind.name }}`; `kind` is matrix, inputs, outputs or list (for `.list`)."""

    kind: str
    name: str


Part = str | Placeholder


def render_command(
    task: Task,
    values: Sequence[Value],
    inputs: Mapping[str, Sequence[str]],
    lists: Mapping[str, str],
    outputs: Mapping[str, str],
) -> str | list[str]:
    """The command of one step: text for `sh -c` where the task has text, else its arguments.

    `inputs` are the paths of each input, `lists` the file that lists them one a line,
    `outputs` where each output goes. In text every value is quoted for the shell as its
    place demands (bare, within single or double quotes), and many paths are joined by
    blanks. In a list nothing is quoted, and an item that is only `{{ inputs.x }}` becomes
    one argument a path. Raises ValueError when the task has no command.
    """
    texts = [value.text for value in values]
    words = _Words(dict(zip(task.matrix_names, texts, strict=True)), inputs, lists, outputs)
    if isinstance(task.command, str):
        return "".join(_shell_text(*pair, words) for pair in _shell_parts(task.command))
    if task.command is None:
        raise ValueError(f'task "{task.name}" has no command')
    return [argument for item in task.command for argument in _arguments(item, words)]


def filled(template: str, names: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """A function from the texts of the matrix values to `template` with them put in."""
    parts = split(template)
    pattern = "".join(p.replace("%", "%%") if isinstance(p, str) else "%s" for p in parts)
    positions = [names.index(part.name) for part in parts if isinstance(part, Placeholder)]
    if not positions:
        return lambda texts: template  # noqa: ARG005
    if len(positions) == 1:
        only = positions[0]
        return lambda texts: pattern % (texts[only],)
    return lambda texts: pattern % tuple([texts[position] for position in positions])


@lru_cache(maxsize=512)
def split(template: str) -> tuple[Part, ...]:
    """The literal texts and placeholders of `template`, in order; no empty texts."""
    parts: list[Part] = []
    end = 0
    for match in _PLACEHOLDER.finditer(template):
        parts.append(template[end : match.start()])
        kind, name, as_list = match.groups()
        parts.append(Placeholder("list" if as_list and kind == "inputs" else kind, name))
        end = match.end()
    parts.append(template[end:])
    return tuple(part for part in parts if part != "")


@dataclass(frozen=True, slots=True)
class _Words:
    matrix: Mapping[str, str]
    inputs: Mapping[str, Sequence[str]]
    lists: Mapping[str, str]
    outputs: Mapping[str, str]

    def of(self, part: Placeholder) -> Sequence[str]:
        if part.kind == "inputs":
            return self.inputs[part.name]
        single = {"matrix": self.matrix, "list": self.lists, "outputs": self.outputs}
        return (single[part.kind][part.name],)


@lru_cache(maxsize=512)
def _shell_parts(template: str) -> tuple[tuple[Part, Quoting], ...]:
    parts = split(template)
    return tuple(zip(parts, quotings(parts), strict=True))


def _shell_text(part: Part, quoting: Quoting, words: _Words) -> str:
    if isinstance(part, str):
        return part
    return " ".join([quote(word, quoting) for word in words.of(part)])


def _arguments(item: str, words: _Words) -> list[str]:
    parts = split(item)
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return list(words.of(parts[0]))
    return ["".join(p if isinstance(p, str) else " ".join(words.of(p)) for p in parts)]
