"""The kinds of values that a manifest's keys take: data, so that a JSON schema can be made."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Text:
    """A text, not empty. `pattern` must match all of it; `form` describes the pattern.

    A `verbatim` text keeps its `${VAR}`: it is shell.
    """

    pattern: str | None = None
    form: str | None = None
    verbatim: bool = False
    empty: bool = False
    code: str = "E216"


@dataclass(frozen=True)
class Integer:
    """A whole number between `least` and `most`."""

    least: int = 0
    most: int = 1_000_000


@dataclass(frozen=True)
class Number:
    """A decimal number above `above` and at most `most`."""

    above: Decimal = Decimal(0)
    most: Decimal = Decimal(1_000_000)


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]
    what: str = "value"


@dataclass(frozen=True)
class Memory:
    """An amount of memory, read as bytes: "16G" is 16 GiB."""


@dataclass(frozen=True)
class DataSize:
    """An amount of data, read as bytes: "120MB" is 120 million."""


@dataclass(frozen=True)
class Duration:
    """A time span of `least` seconds or more, read as seconds."""

    least: int = 1


@dataclass(frozen=True)
class Money:
    """An amount of US dollars: "25 USD"."""


@dataclass(frozen=True)
class Factor:
    """How many times: "x2", "x1.5"."""


@dataclass(frozen=True)
class Image:
    """A container image: a reference, or the path of a .sif file."""


@dataclass(frozen=True)
class Storage:
    """Where results go: a path, s3://BUCKET/… or gs://BUCKET/…."""


@dataclass(frozen=True)
class ListOf:
    """A list of values of one kind."""

    item: Kind


@dataclass(frozen=True)
class MapOf:
    """A mapping from names that match `pattern` to values of one kind."""

    item: Kind
    pattern: str | None = None
    form: str | None = None


@dataclass(frozen=True)
class Either:
    """One of two kinds; the second is a list or mapping, the first is not."""

    plain: Kind
    nested: Kind


@dataclass(frozen=True)
class Raw:
    """A value that its own reader looks at; `what` describes it."""

    what: str


@dataclass(frozen=True)
class Record:
    """A mapping with known keys. `of` names it in problems ("a component")."""

    of: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Key:
    """A key of a record: its kind, what it is for, its default as one would write it, its unit."""

    name: str
    kind: Kind
    doc: str
    default: str | None = None
    unit: str | None = None
    required: bool = False


Kind = (
    Text
    | Integer
    | Number
    | Flag
    | Choice
    | Memory
    | DataSize
    | Duration
    | Money
    | Factor
    | Image
    | Storage
    | ListOf
    | MapOf
    | Either
    | Raw
    | Record
)
