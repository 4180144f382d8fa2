"""From the command line to an exit code; the one place where errors become words."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.arguments import EVERYWHERE, Arguments, canonical, closest, options_of
from scalable_cli.commands import NAMES, find
from scalable_cli.errors import Exit, ScalableError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.commands import Command
    from scalable_cli.host import Host

_LEADING = frozenset(("-q", "--quiet", "-v", "--verbose", "--json"))
_HELP = frozenset(("-h", "--help"))


def run(argv: Sequence[str], host: Host) -> Exit:
    """Do what `argv` (without the program's name) says; its errors are shown, not raised."""
    try:
        return _dispatch(list(argv), host)
    except ScalableError as error:
        host.out.flush()
        show_error(error, argv, host)
        return error.exit


def show_error(error: ScalableError, argv: Sequence[str], host: Host) -> None:
    """Say on stderr what is wrong, as JSON when the command line or the environment asks."""
    from scalable_cli.ui.errors import error_json, error_text
    from scalable_cli.ui.terminal import look_of

    before = argv[: argv.index("--")] if "--" in argv else argv
    if "--json" in before or host.environ.get("SCALABLE_JSON", "0") not in ("", "0"):
        text = error_json(error)
    else:
        text = error_text(error, host.cwd, look_of(host.err, host.environ))
    print(text, end="", file=host.err, flush=True)


def show_bug(error: Exception, argv: Sequence[str], host: Host) -> Exit:
    """Say that this is our mistake and how to report it; a full disk is nobody's mistake."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f' for "{error.filename}"' if error.filename else " for the output"
        shown: ScalableError = StorageError(f"no space is left{where}", hint="df -h")
    else:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        hint = "please report it with what the same command says under SCALABLE_TRACE=1"
        shown = ScalableError(f"a bug in scalable {__version__}: {told}", hint=hint)
    show_error(shown, argv, host)
    return shown.exit


def _dispatch(argv: list[str], host: Host) -> Exit:
    leading = _leading(argv)
    name, *rest = argv[len(leading) :] or ["help"]
    if name in _HELP:
        name, rest = "help", [word for word in rest[:1] if not word.startswith("-")]
    if name in ("--version", "-V"):
        name = "version"
    if _HELP & set(_before_dashes(rest)):
        name, rest = "help", [name]
    command = _command(name)
    try:
        args = _parse(command.usage + EVERYWHERE, name, [*leading, *rest], host)
        return command.main(args, host)
    except UsageError as error:
        raise UsageError(error.text, hint=error.hint or f"scalable {name} --help") from None


def _leading(argv: Sequence[str]) -> list[str]:
    """The options that may stand before the command."""
    count = next((i for i, word in enumerate(argv) if word not in _LEADING), len(argv))
    return list(argv[:count])


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _command(name: str) -> Command:
    command = find(name)
    if command is not None:
        return command
    if name.startswith("-"):
        hint = "options come after the command: scalable COMMAND [OPTIONS]"
        raise UsageError(f'unknown option "{name}"', hint=hint)
    close = closest(name, NAMES)
    hint = f"did you mean scalable {close}?" if close else "scalable help lists the commands"
    raise UsageError(f'unknown command "{name}"', hint=hint)


def _parse(usage: str, name: str, argv: Sequence[str], host: Host) -> Arguments:
    """Typed values; docopt sees only full names of known options, and those first.

    docopt-ng by itself takes any unique prefix of an option, exits 1, prints its internal
    objects for what it cannot match, and keeps a `--` as an argument.
    """
    from docopt import DocoptExit, docopt

    line = canonical(argv, options_of(usage), host.environ)
    words = [*line.options, name, *line.words]
    try:
        values = docopt(usage, words, default_help=False, options_first=True)
    except DocoptExit:
        raise _misfit(usage, name, line.words) from None
    return Arguments(dict(values), line.origin)


def _misfit(usage: str, name: str, given: Sequence[str]) -> UsageError:
    """What is wrong with the words of a command line whose options are all in order."""
    hint = f"scalable {name} --help"
    section = usage[usage.index("Usage:") :].partition("\n\n")[0]
    forms = re.findall(rf"^  scalable {name}\b(.*(?:\n   .*)*)", section, re.MULTILINE)
    verbs = {match[1]: form for form in forms if (match := re.match(r" ([a-z]+)", form))}
    if verbs and not given:
        return UsageError(f"say what: scalable {name} {' | '.join(verbs)}", hint=hint)
    if verbs and given[0] not in verbs:
        close = closest(given[0], list(verbs))
        hint = f"did you mean scalable {name} {close}?" if close else hint
        return UsageError(f'unknown command "{name} {given[0]}"', hint=hint)
    form = verbs[given[0]] if verbs else forms[0]
    words = given[1:] if verbs else given
    expected = re.findall(r"(?<![=\w-])(\[?)([A-Z]+)\b", form)
    if len(words) > len(expected):
        return UsageError(f'unexpected argument "{words[len(expected)]}"', hint=hint)
    missing = [word for bracket, word in expected[len(words) :] if not bracket]
    text = f"{missing[0]} is missing" if missing else "these arguments do not go together"
    return UsageError(text, hint=hint)
