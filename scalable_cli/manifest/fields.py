"""Reads nodes by the kinds of the schema into values, with a problem for each that does not fit."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from scalable_cli.manifest import kinds
from scalable_cli.manifest.expand import expand
from scalable_cli.manifest.nodes import Listing, Mapping, Scalar
from scalable_cli.manifest.suggest import closest, did_you_mean, one_of
from scalable_cli.model.image import parse_image
from scalable_cli.model.units import parse_bytes, parse_duration, parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Environ

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})")
_MONEY = re.compile(r"(\d{1,12}(?:\.\d{1,4})?)\s*([A-Za-z]{3})")
_FACTOR = re.compile(r"x(\d{1,3}(?:\.\d{1,3})?)")
_BUCKET = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]{1,221}[a-z0-9](?:/.*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHAPES = {Scalar: "a single text", Listing: "a list", Mapping: "a mapping"}
_MOST_MEMORY = 1 << 50
_LONGEST = 64  # no size or duration is longer; keeps numbers small


class Fields:
    """The values of a record; a key that is absent or wrong has no value.

    `node` is where the record stands, `nodes` where its values do.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.values: dict[str, Any] = {}
        self.nodes: dict[str, Node] = {}

    def text(self, name: str) -> str | None:
        """A text."""
        return cast("str | None", self.values.get(name))

    def integer(self, name: str) -> int | None:
        """A whole number: a count, or bytes."""
        return cast("int | None", self.values.get(name))

    def number(self, name: str) -> Decimal | None:
        """A decimal number, or seconds."""
        return cast("Decimal | None", self.values.get(name))

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        return bool(self.values.get(name, default))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        return tuple(self.values.get(name, ()))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """A mapping of texts, in the order of the file; empty when absent."""
        return tuple(self.values.get(name, {}).items())

    def record(self, name: str) -> Fields | None:
        """A record."""
        value = self.values.get(name)
        return value if isinstance(value, Fields) else None

    def at(self, name: str) -> Node:
        """Where the value of `name` stands, or the record when it is absent."""
        return self.nodes.get(name, self.node)


class Reader:
    """Reads nodes; what does not fit goes to `found`, and the value is None."""

    def __init__(self, environ: Environ[str, str], found: Findings) -> None:
        self.environ = environ
        self.found = found
        self.ways: dict[type, Callable[[Any, Any], Any]] = {
            kinds.Text: self._text,
            kinds.Integer: self._integer,
            kinds.Number: self._number,
            kinds.Flag: self._flag,
            kinds.Choice: self._choice,
            kinds.Memory: self._memory,
            kinds.DataSize: self._data_size,
            kinds.Duration: self._duration,
            kinds.Money: self._money,
            kinds.Factor: self._factor,
            kinds.Image: self._image,
            kinds.Storage: self._storage,
        }

    def read(self, node: Node, kind: kinds.Kind) -> Any:  # the kind decides the type
        """The value of `node`, or None with a problem."""
        way = self.ways.get(type(kind))
        if way is not None:
            return way(node, kind) if self._is(node, Scalar) else None
        match kind:
            case kinds.Record():
                return self.record(node, kind)
            case kinds.ListOf(item):
                return self._list(node, item)
            case kinds.MapOf():
                return self._map(node, kind)
            case kinds.Either(plain, nested):
                return self.read(node, plain if isinstance(node, Scalar) else nested)
            case _:
                return node

    def record(self, node: Node, kind: kinds.Record) -> Fields | None:
        """The fields of a mapping; an unknown key and a missing one are problems."""
        if not self._is(node, Mapping):
            return None
        assert isinstance(node, Mapping)
        fields = Fields(node)
        known = {key.name: key for key in kind.keys}
        for name, value in node.items.items():
            key = known.get(name)
            if key is None:
                self.unknown_key(node.keys[name], kind)
                continue
            fields.nodes[name] = value
            read = self.read(value, key.kind)
            if read is not None:
                fields.values[name] = read
        for name, key in known.items():
            if key.required and name not in node.items:
                text = f'{kind.of} needs "{name}"'
                self.found.error("E203", node, text, hint=f"add: {name}: … ({key.doc})")
        return fields

    def unknown_key(self, key: Scalar, kind: kinds.Record) -> None:
        """Report a key that `kind` does not have."""
        names = [known.name for known in kind.keys]
        hint = did_you_mean(key.text, names) or f"known keys: {', '.join(names)}"
        text = f'unknown key "{_shown(key.text)}" in {kind.of}'
        self.found.error("E201", key, text, hint=hint, words=key.text)

    def _is(self, node: Node, shape: type) -> bool:
        if isinstance(node, shape):
            return True
        if isinstance(node, Scalar) and not node.text:
            self.found.error("E213", node, f"{_SHAPES[shape]} is missing here")
            return False
        hint = 'write each item on its own line after "- "' if shape is Listing else None
        text = f"{_SHAPES[type(node)]} where {_SHAPES[shape]} is needed"
        self.found.error("E204", node, text, hint=hint)
        return False

    def _list(self, node: Node, item: kinds.Kind) -> list[Any] | None:
        if not self._is(node, Listing):
            return None
        assert isinstance(node, Listing)
        values = [self.read(child, item) for child in node.items]
        return None if any(value is None for value in values) else values

    def _map(self, node: Node, kind: kinds.MapOf) -> dict[str, Any] | None:
        if not self._is(node, Mapping):
            return None
        assert isinstance(node, Mapping)
        values: dict[str, Any] = {}
        for name, child in node.items.items():
            key = node.keys[name]
            if not name or (kind.pattern and not re.fullmatch(kind.pattern, name)):
                text = f'"{_shown(name)}" is not a name that is allowed here'
                self.found.error("E212", key, text, hint=kind.form, words=name)
            value = self.read(child, kind.item)
            if value is not None:
                values[name] = value
        return values

    def _expanded(self, node: Scalar) -> str | None:
        text = expand(node, self.environ, self.found)
        if text is None:
            return None
        if not text.strip():
            self.found.error("E213", node, "a value is missing here")
            return None
        return text

    def _text(self, node: Scalar, kind: kinds.Text) -> str | None:
        text = node.text if kind.verbatim else expand(node, self.environ, self.found)
        if text is None:
            return None
        if not text.strip() and not kind.empty:
            self.found.error("E213", node, "a value is missing here")
            return None
        if kind.pattern and not re.fullmatch(kind.pattern, text):
            said = f'"{_shown(text)}" is not possible here'
            self.found.error(kind.code, node, said, hint=f"allowed: {kind.form}", words=node.text)
            return None
        return text

    def _integer(self, node: Scalar, kind: kinds.Integer) -> int | None:
        text = self._expanded(node)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            self._wrong(node, "E205", text, "a whole number")
            return None
        value = int(text)
        if not kind.least <= value <= kind.most:
            hint = f"from {kind.least} to {kind.most}"
            self.found.error("E206", node, f'"{text}" is out of range', hint=hint, words=node.text)
            return None
        return value

    def _number(self, node: Scalar, kind: kinds.Number) -> Decimal | None:
        text = self._expanded(node)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            self._wrong(node, "E205", text, "a number")
            return None
        value = Decimal(text)
        if not kind.above < value <= kind.most:
            hint = f"more than {kind.above}, at most {kind.most}"
            self.found.error("E206", node, f'"{text}" is out of range', hint=hint, words=node.text)
            return None
        return value

    def _flag(self, node: Scalar, _kind: kinds.Flag) -> bool | None:
        text = self._expanded(node)
        if text is None:
            return None
        if text.lower() not in ("true", "false"):
            self._wrong(node, "E207", text, '"true" or "false"')
            return None
        return text.lower() == "true"

    def _choice(self, node: Scalar, kind: kinds.Choice) -> str | None:
        text = self._expanded(node)
        if text is None or text in kind.words:
            return text
        hint = did_you_mean(text, kind.words) or f"use {one_of(kind.words)}"
        said = f'unknown {kind.what} "{_shown(text)}"'
        self.found.error("E208", node, said, hint=hint, words=node.text)
        return None

    def _memory(self, node: Scalar, _kind: kinds.Memory) -> int | None:
        return self._size(node, parse_memory, "such as 512M, 16G or 1.5GiB", 1 << 20)

    def _data_size(self, node: Scalar, _kind: kinds.DataSize) -> int | None:
        return self._size(node, parse_bytes, "such as 500KB, 120MB or 2GB", 0)

    def _size(self, node: Scalar, parse: Callable[[str], int], form: str, least: int) -> int | None:
        text = self._expanded(node)
        if text is None:
            return None
        try:
            value = parse(text[:_LONGEST])
        except (ValueError, InvalidOperation):
            self._wrong(node, "E209", text, "a size", form)
            return None
        if value < least or value > _MOST_MEMORY:
            unit = "add a unit, such as 16G" if text.strip().isdigit() else form
            self.found.error("E206", node, f'"{text}" is out of range', hint=unit, words=node.text)
            return None
        return value

    def _duration(self, node: Scalar, kind: kinds.Duration) -> Decimal | None:
        text = self._expanded(node)
        if text is None:
            return None
        form = "such as 90s, 30m, 1h30m, 2d or 02:00:00"
        try:
            value = parse_duration(text[:_LONGEST])
        except (ValueError, InvalidOperation):
            self._wrong(node, "E210", text, "a duration", form)
            return None
        if value < kind.least or value > 366 * 86400:
            hint = f"from {kind.least} s to 366 d, {form}"
            self.found.error("E206", node, f'"{text}" is out of range', hint=hint, words=node.text)
            return None
        return value

    def _money(self, node: Scalar, _kind: kinds.Money) -> Decimal | None:
        text = self._expanded(node)
        if text is None:
            return None
        match = _MONEY.fullmatch(text.strip())
        if match is None:
            amount = re.search(r"\d+(?:\.\d+)?", text)
            hint = f'write "{amount[0] if amount else 25} USD"'
            self._wrong(node, "E211", text, "an amount of money", hint)
            return None
        if match[2].upper() != "USD":
            said = f'"{match[2]}" is not a currency that prices are known in'
            self.found.error("E211", node, said, hint=f'write "{match[1]} USD"', words=match[2])
            return None
        return Decimal(match[1])

    def _factor(self, node: Scalar, _kind: kinds.Factor) -> Decimal | None:
        text = self._expanded(node)
        if text is None:
            return None
        match = _FACTOR.fullmatch(text)
        if match is None or not 1 <= Decimal(match[1]) <= 100:
            self._wrong(node, "E216", text, "a factor", "such as x2 or x1.5, at most x100")
            return None
        return Decimal(match[1])

    def _image(self, node: Scalar, _kind: kinds.Image) -> str | None:
        text = self._expanded(node)
        if text is None or text.endswith(".sif"):
            return text
        try:
            parse_image(text)
        except ValueError as error:
            said = f'"{_shown(text)}" is not an image: {error}'
            self.found.error("E503", node, said, hint=_image_hint(text), words=node.text)
            return None
        return text

    def _storage(self, node: Scalar, _kind: kinds.Storage) -> str | None:
        text = self._expanded(node)
        if text is None:
            return None
        scheme = _SCHEME.match(text)
        if scheme is None or _BUCKET.fullmatch(text):
            return text
        if scheme[0] in ("s3://", "gs://"):
            said, hint = (
                f'"{_shown(text)}" has no usable bucket name',
                f"write {scheme[0]}BUCKET/FOLDER",
            )
        else:
            near = closest(scheme[0][:-3], ("s3", "gs"))
            said = f'"{scheme[0]}" is not a kind of storage'
            hint = f'did you mean "{near}://"?' if near else 'use a path, "s3://…" or "gs://…"'
        self.found.error("E218", node, said, hint=hint, words=node.text)
        return None

    def _wrong(
        self, node: Scalar, code: str, text: str, what: str, hint: str | None = None
    ) -> None:
        said = f'"{_shown(text)}" is not {what}'
        self.found.error(code, node, said, hint=hint, words=node.text)


def _image_hint(text: str) -> str | None:
    if "://" in text:
        return f'write "{text.partition("://")[2]}"'
    if text != text.lower() and "$" not in text:
        return f'write "{text.lower()}"'
    return None


def _shown(text: str) -> str:
    """A text for a message: one line, not too long."""
    line = " ".join(text.replace("\0", "").split())
    return line if len(line) <= 80 else line[:79] + "…"
