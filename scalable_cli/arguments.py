"""The command line as typed values: what was given, what the environment adds, what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from scalable_cli.errors import UsageError
from scalable_cli.model.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EVERYWHERE = """
Everywhere:
  -q, --quiet    Only errors and the last lines.
  -v, --verbose  More detail.
  --json         One JSON object on stdout; errors as one JSON object on stderr.
  -h, --help     Show this text.

Each option can be set in the environment: SCALABLE_JSON=1, SCALABLE_QUIET=1.
"""
PREFIX = "SCALABLE_"
_OPTION = re.compile(r"^  (?:(-\w), )?(--[a-z-]+)(?:=(\S+))?", re.MULTILINE)
_YES = frozenset(("1", "true", "yes", "on"))
_NO = frozenset(("0", "false", "no", "off"))


@dataclass(frozen=True, slots=True)
class Option:
    """An option as the usage text describes it; `value` names its value, None for a flag."""

    name: str
    short: str | None
    value: str | None
    repeats: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it: SCALABLE_DRY_RUN for --dry-run."""
        return PREFIX + self.name.lstrip("-").replace("-", "_").upper()


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Options in full and words apart; `origin` is option to variable where that set it."""

    options: tuple[str, ...]
    words: tuple[str, ...]
    origin: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Arguments:
    """The values of one command line; `origin` is option to variable where that set it."""

    values: Mapping[str, object]
    origin: Mapping[str, str]

    def flag(self, name: str) -> bool:
        """Whether the flag is set; False for one that the command does not have."""
        return bool(self.values.get(name))

    def text(self, name: str) -> str | None:
        """The value as given; an empty value is a UsageError."""
        value = self.values.get(name)
        if value == "":
            raise UsageError(f"{self._shown(name)} is empty")
        return None if value is None or value is False else str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of an option or argument that may be repeated."""
        value = self.values.get(name)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def integer(self, name: str, *, least: int = 1) -> int | None:
        """A whole number of at least `least`; anything else is a UsageError."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            shown = self._shown(name)
            raise UsageError(f'{shown} must be a whole number of at least {least}, not "{text}"')
        return int(text)

    def decimal(self, name: str) -> Decimal | None:
        """A number that is not negative; anything else is a UsageError."""
        text = self.text(name)
        if text is None:
            return None
        number = parse_amount(text)
        if number is None:
            raise UsageError(f'{self._shown(name)} must be a number like 2.5, not "{text}"')
        return number

    def seconds(self, name: str) -> float | None:
        """A duration like 90s, 30m or 1h30m in seconds; anything else is a UsageError."""
        text = self.text(name)
        try:
            return None if text is None else float(parse_duration(text))
        except ValueError:
            shown = self._shown(name)
            raise UsageError(f'{shown} must be a duration like 90s or 2h, not "{text}"') from None

    def _shown(self, name: str) -> str:
        return self.origin.get(name, name)


def parse_amount(text: str) -> Decimal | None:
    """The plain, finite number >= 0 that `text` writes, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if re.fullmatch(r"[0-9.]{1,20}", text) and number.is_finite() else None


def options_of(usage: str) -> tuple[Option, ...]:
    """The options that a usage text describes, in its order."""
    return tuple(
        Option(name, short or None, value or None, f"[{name}={value}]..." in usage)
        for short, name, value in _OPTION.findall(usage)
    )


def canonical(
    argv: Sequence[str], options: Sequence[Option], environ: Mapping[str, str]
) -> CommandLine:
    """The command line with every option in full as `--name=value`.

    Options that are unknown, shortened, given twice, or that lack their value or have one
    too many raise UsageError. What comes after `--` are words, whatever they look like.
    """
    given, words = _given(argv, options)
    names = [option.name for option, _ in given]
    for option, _ in given:
        if option.value and not option.repeats and names.count(option.name) > 1:
            raise UsageError(f"{option.name} is given twice")
    added = [
        pair for option in options if option.name not in names for pair in _set(option, environ)
    ]
    found = [(option, _token(option, value)) for option, value in (*given, *added)]
    flags = dict.fromkeys(token for option, token in found if option.value is None)
    valued = [token for option, token in found if option.value is not None]
    origin = {option.name: option.variable for option, _ in added}
    return CommandLine((*flags, *valued), tuple(words), origin)


def closest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that `word` most likely means, if any."""
    from difflib import get_close_matches

    longer = [choice for choice in choices if len(word) > 2 and choice.startswith(word)]
    matches = longer or get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return matches[0] if matches else None


def _given(
    argv: Sequence[str], options: Sequence[Option]
) -> tuple[list[tuple[Option, str | None]], list[str]]:
    found: list[tuple[Option, str | None]] = []
    words: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word == "--":
            return found, [*words, *rest]
        if word.startswith("--"):
            found.append(_long(word, rest, options))
        elif word.startswith("-") and len(word) > 1:
            found.extend(_shorts(word, rest, options))
        else:
            words.append(word)
    return found, words


def _long(token: str, rest: Iterator[str], options: Sequence[Option]) -> tuple[Option, str | None]:
    name, has_value, value = token.partition("=")
    option = next((option for option in options if option.name == name), None)
    if option is None:
        close = closest(name, [option.name for option in options])
        raise UsageError(f'unknown option "{name}"', hint=close and f"did you mean {close}?")
    if option.value is None:
        if has_value:
            raise UsageError(f"{name} takes no value", hint=f"write {name} alone")
        return option, None
    return option, value if has_value else _next(option, rest)


def _shorts(
    token: str, rest: Iterator[str], options: Sequence[Option]
) -> Iterator[tuple[Option, str | None]]:
    letters = token[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = next((option for option in options if option.short == f"-{letter}"), None)
        if option is None:
            close = closest(f"-{token}", [option.name for option in options])
            hint = close and f"did you mean {close}?"
            raise UsageError(f'unknown option "-{letter}"', hint=hint)
        if option.value is None:
            yield option, None
            continue
        yield option, letters.removeprefix("=") or _next(option, rest)
        return


def _next(option: Option, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None or (value.startswith("--") and len(value) > 2):
        hint = f"{option.name}={option.value}"
        raise UsageError(f"{option.name} needs a value", hint=hint)
    return value


def _set(option: Option, environ: Mapping[str, str]) -> list[tuple[Option, str | None]]:
    """What the environment says about an option that is not on the command line."""
    text = environ.get(option.variable, "")
    # Inside a step, SCALABLE_TASK is the step's own task and not meant for --task.
    inside = "SCALABLE_STEP" in environ and option.name == "--task"
    if not text or inside or option.name == "--help":
        return []
    if option.value is None:
        if text.lower() not in _YES | _NO:
            raise UsageError(f'{option.variable} must be 1 or 0, not "{text}"')
        return [(option, None)] if text.lower() in _YES else []
    return [(option, value) for value in (text.split() if option.repeats else [text])]


def _token(option: Option, value: str | None) -> str:
    return option.name if value is None else f"{option.name}={value}"
