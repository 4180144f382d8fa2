"""Environment variables in the manifest's texts: `${VAR}`, `${VAR:-default}`, `$${` for `${`.

A `command` is left alone: it is shell, and its variables are the step's, not the caller's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalable_cli.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Scalar

_VARIABLE = re.compile(
    r"\$(?P<escape>\$\{)|\$\{(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\})?"
)


def expand(node: Scalar, environ: Mapping[str, str], found: Findings) -> str | None:
    """The text of `node` with its variables replaced; None, with a problem, when one is not set.

    The default counts when the variable is unset or empty, as in the shell.
    """
    if "${" not in node.text:
        return node.text
    failed = False

    def replace(match: re.Match[str]) -> str:
        nonlocal failed
        if match["escape"]:
            return "${"
        name, default = match["name"], match["default"]
        value = environ.get(name) if name else None
        if default is not None:
            return value or default
        if value is None:
            failed = True
            _complain(node, match, environ, found)
        return value or ""

    text = _VARIABLE.sub(replace, node.text)
    return None if failed else text


def _complain(
    node: Scalar, match: re.Match[str], environ: Mapping[str, str], found: Findings
) -> None:
    name = match["name"]
    if name:
        hint = did_you_mean(name, environ) or f"set it, or write ${{{name}:-default}}"
        text = f'variable "{name}" is not set'
        found.error("E120", node, text, hint=hint, words=match[0])
        return
    rest = node.text[match.start() : match.start() + 40]
    hint = "write ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
    found.error("E121", node, f'"{rest}" is not a variable', hint=hint, words=rest)
