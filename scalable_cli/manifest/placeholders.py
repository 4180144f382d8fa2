"""Placeholders in templates: `{{ GROUP.NAME }}` with GROUP `matrix`, `inputs` or `outputs`.

`{{ inputs.NAME.list }}` is a file that lists the input's paths, one a line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalable_cli.manifest.suggest import closest, one_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Scalar

_HOLE = re.compile(r"\{\{(?P<inside>(?:(?!\{\{|\}\}).)*)(?P<close>\}\})?", re.DOTALL)
_NAMED = re.compile(r"\s*(\w[\w-]*)\.(\w[\w-]*)(\.list)?\s*", re.ASCII)


def split_template(text: str) -> list[str]:
    """Literal parts and matrix names in turn: "a/{{ matrix.x }}.csv" is ["a/", "x", ".csv"]."""
    parts: list[str] = []
    at = 0
    for match in _HOLE.finditer(text):
        named = _NAMED.fullmatch(match["inside"])
        parts += [text[at : match.start()], named[2] if named else ""]
        at = match.end()
    return [*parts, text[at:]]


def check_placeholders(
    node: Scalar, known: Mapping[str, Collection[str]], found: Findings
) -> set[str]:
    """The matrix names used in `node`; a placeholder that names nothing is a problem.

    `known` maps "matrix", "inputs", "outputs" to names; a group that is missing from it is
    not possible in this text.
    """
    used: set[str] = set()
    if "{{" not in node.text:
        return used
    for match in _HOLE.finditer(node.text):
        words = match[0] if len(match[0]) <= 80 else match[0][:79] + "…"
        if not match["close"]:
            hint = "write {{ matrix.NAME }}, {{ inputs.NAME }} or {{ outputs.NAME }}"
            start = match[0].split("\n")[0][:20].rstrip()
            found.error("E402", node, f'"{start}" is not closed', hint=hint, words=start)
            continue
        named = _NAMED.fullmatch(match["inside"])
        problem = _complaint(named, known)
        if problem is None and named is not None:
            if named[1] == "matrix":
                used.add(named[2])
            continue
        text, hint = problem or ("is not a placeholder", "")
        found.error("E401", node, f'"{words}" {text}', hint=hint, words=match[0])
    return used


def _complaint(
    named: re.Match[str] | None, known: Mapping[str, Collection[str]]
) -> tuple[str, str] | None:
    groups = [f"{group}.NAME" for group in known]
    if named is None:
        return "is not a placeholder", f"write {one_of(f'{{{{ {group} }}}}' for group in groups)}"
    group, name, listed = named.groups()
    if group not in known:
        near = closest(group, known)
        if near:
            return "names nothing", f'did you mean "{near}.{name}"?'
        return "is not possible here", f"known here: {one_of(groups)}"
    if name not in known[group]:
        near = closest(name, known[group])
        if near:
            return "names nothing", f'did you mean "{group}.{near}"?'
        names = one_of(known[group]) if known[group] else "none"
        return "names nothing", f"{group} of this task: {names}"
    if listed and group != "inputs":
        return "is not possible", ".list is for inputs only"
    return None
