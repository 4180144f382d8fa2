"""Text to a tree of nodes with places, with StrictYAML's rules.

Refused, as StrictYAML does: keys that stand twice, anchors and aliases, tags, more than one
document. Every value is text (no implicit typing). Flow style is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scalable_cli.manifest.nodes import Listing, Mapping, Scalar
from scalable_cli.manifest.text import NOT_TEXT
from scalable_cli.model.problem import Place

if TYPE_CHECKING:
    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node

MAX_DEPTH = 64
MAX_VALUES = 30_000
MAX_PROBLEMS = 100
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def parse_text(text: str, found: Findings) -> Mapping | None:
    """The tree of `text`; None when there is none. Problems go to `found`."""
    from strictyaml.ruamel.error import MarkedYAMLError

    from scalable_cli.manifest.scanner import EventParser, NestedTooDeepError

    builder = _Builder(found)
    parser = EventParser(text, MAX_DEPTH)
    try:
        while parser.check_event() and builder.take(parser.get_event()):
            pass
    except MarkedYAMLError as error:
        _explain(error, text, found)
        return None
    except NestedTooDeepError as error:
        found.error("E113", _place(error.mark, found), _TOO_DEEP)
        return None
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF" (scan_flow_scalar)
        place = Place(found.file, parser.line + 1, 1)
        found.error("E109", place, "an escape in double quotes is not a character")
        return None
    return builder.tree()


class _Builder:
    """Makes nodes of events, without recursion: a text may be nested as deep as it likes."""

    def __init__(self, found: Findings) -> None:
        from strictyaml.ruamel import events

        self.found = found
        self.open: list[Mapping | Listing] = []
        self.pending: list[Scalar | None] = []
        self.root: Node | None = None
        self.count = 0
        self.stopped = False
        self.takes = {
            events.ScalarEvent: self.scalar,
            events.MappingStartEvent: self.mapping,
            events.SequenceStartEvent: self.listing,
            events.MappingEndEvent: self.close,
            events.SequenceEndEvent: self.close,
            events.AliasEvent: self.alias,
            events.DocumentStartEvent: self.document,
        }

    def take(self, event: Any) -> bool:  # events have no types
        """Add one event; False when reading on makes no sense."""
        take = self.takes.get(type(event))
        if take is not None:
            take(event)
        return not self.stopped and len(self.found.problems) < MAX_PROBLEMS

    def tree(self) -> Mapping | None:
        """The finished tree."""
        if self.stopped or self.open:
            return None
        if isinstance(self.root, Mapping):
            return self.root
        what = "a list" if isinstance(self.root, Listing) else "a single text"
        if self.root is None or (isinstance(self.root, Scalar) and not self.root.text):
            if self.found.failed:
                return None
            self.found.error("E106", Place(self.found.file, 1, 1), "the file has only comments")
        else:
            hint = 'begin with "version: 1"'
            self.found.error("E115", self.root, f"the manifest is {what}, not a mapping", hint=hint)
        return None

    def document(self, event: Any) -> None:
        mark = event.start_mark
        place = Place(self.found.file, mark.line + 1, mark.column + 1)
        if self.root is not None:
            self.found.error("E114", place, "a second document begins here", hint="keep one")
            self.stopped = True
        elif event.version or event.tags:
            self.found.error("E118", place, "a YAML directive has no use here", hint="remove it")

    def scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        node = Scalar(event.value, start.line + 1, start.column + 1, start.index, end.index)
        if event.style == '"' and (bad := NOT_TEXT.search(event.value)):
            said = f"character U+{ord(bad[0]):04X} is not allowed"
            self.found.error("E107", node, said, hint="remove it")
            node.text = node.text.translate({ord(c): "?" for c in NOT_TEXT.findall(node.text)})
        self.refuse_extras(event, node)
        self.add(node)

    def mapping(self, event: Any) -> None:
        mark = event.start_mark
        self.push(event, Mapping(mark.line + 1, mark.column + 1))

    def listing(self, event: Any) -> None:
        mark = event.start_mark
        self.push(event, Listing([], mark.line + 1, mark.column + 1))

    def push(self, event: Any, node: Mapping | Listing) -> None:
        self.refuse_extras(event, node)
        self.add(node)
        self.open.append(node)
        self.pending.append(None)
        if len(self.open) > MAX_DEPTH:
            self.found.error("E113", node, _TOO_DEEP)
            self.stopped = True

    def close(self, _event: Any) -> None:
        self.open.pop()
        self.pending.pop()

    def alias(self, event: Any) -> None:
        mark = event.start_mark
        node = Scalar("", mark.line + 1, mark.column + 1, mark.index, mark.index + 1)
        self.found.error(
            "E110",
            node,
            f'alias "*{event.anchor[:80]}" is not supported',
            hint="write the value out, or put a text that begins with * into quotes",
        )
        self.add(node)

    def add(self, node: Node) -> None:
        """Put `node` where it belongs: the root, an item, a key or the value of a key."""
        self.count += 1
        if self.count > MAX_VALUES:
            hint = "put long lists of parameters into a CSV file, and name that as matrix"
            said = f"more than {MAX_VALUES} values in one file"
            self.found.error("E117", node, said, hint=hint)
            self.stopped = True
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent, Listing):
            parent.items.append(node)
            return
        key = self.pending[-1]
        if key is None:
            self.pending[-1] = self.key(node)
            return
        self.pending[-1] = None
        if isinstance(node, Scalar) and node.start == node.end:
            node.line, node.column = key.line, key.column  # nothing is there; it is the key's
        if key.text in parent.items:
            first = parent.keys[key.text].line
            text = f'key "{key.text[:80]}" stands twice; the first is on line {first}'
            self.found.error("E112", key, text, words=key.text)
        else:
            parent.items[key.text] = node
            parent.keys[key.text] = key

    def key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        self.found.error("E116", node, "a key must be plain text")
        return Scalar(f"\0{node.line}:{node.column}", node.line, node.column)

    def refuse_extras(self, event: Any, node: Node) -> None:
        if event.anchor is not None:
            text = f'anchor "&{event.anchor[:80]}" is not supported'
            self.found.error("E110", node, text, hint="write the value out where it is needed")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:80]
            text = f'tag "{tag}" is not supported'
            hint = "remove it; a text that begins with ! goes into quotes"
            self.found.error("E111", node, text, hint=hint)


# What the YAML parser says, in our words: (its words, ours, hint).
_WORDS: tuple[tuple[str, str, str | None], ...] = (
    ("mapping values are not allowed", 'a ":" is not possible here', "put the text into quotes"),
    ("expected <block end>", "the indentation does not fit what is above", None),
    ("sequence entries are not allowed", 'a "- " is not possible here', None),
    ("expected ',' or ']'", 'a "," or "]" is missing', None),
    ("expected ',' or '}'", 'a "," or "}" is missing', None),
    ("found unknown escape", "an unknown escape in double quotes", "use single quotes"),
    ("undefined alias", "an alias is not supported", None),
    ("found undefined tag", "a tag is not supported", None),
    ("expected alphabetic", "a name is missing after & or *", "put the text into quotes"),
)
# The same, said of where the thing begins that does not end well.
_BEGUN: tuple[tuple[str, str, str | None], ...] = (
    ("could not find expected ':'", 'a ":" is missing after this', None),
    ("end of stream", "these quotes are not closed", None),
    ("document separator", "these quotes are not closed", None),
    (
        "expected ',' or ']'",
        'this "[" is not closed',
        'write "," between items, and "]" at the end',
    ),
    (
        "expected ',' or '}'",
        'this "{" is not closed',
        'write "," between items, and "}" at the end',
    ),
)


def _explain(error: Any, text: str, found: Findings) -> None:
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    said = str(error.problem or error.context)
    character = text[mark.index : mark.index + 1]
    hint: str | None
    if character == "\t":
        what, hint = "a tab where a space is needed", "indent with spaces"
        found.error("E108", _place(mark, found), what, hint=hint)
        return
    if said.startswith("found character"):
        what, hint = f'a value cannot begin with "{character}"', "put the text into quotes"
        found.error("E109", _place(mark, found), what, hint=hint, words=character)
        return
    if "mapping values" in said and _begins_line(text, mark.index):
        line = text[text.rfind("\n", 0, mark.index) + 1 : mark.index]
        place = Place(found.file, mark.line + 1, len(line) - len(line.lstrip()) + 1)
        what = "the indentation does not fit what is above"
        found.error("E109", place, what, hint="align it with the line above")
        return
    earlier = begun is not None and begun.line < mark.line
    for table, where in ((_BEGUN if earlier else (), begun), (_WORDS, mark), (_BEGUN, begun)):
        for theirs, ours, hint in table:
            if theirs in said and where is not None:
                found.error("E109", _place(where, found), ours, hint=hint)
                return
    found.error("E109", _place(mark, found), f"not valid YAML: {said.splitlines()[0]}")


def _place(mark: Any, found: Findings) -> Place:
    return Place(found.file, mark.line + 1, mark.column + 1)


def _begins_line(text: str, colon: int) -> bool:
    """Whether the word before the colon is the first of its line: a key, indented wrongly."""
    line = text[text.rfind("\n", 0, colon) + 1 : colon]
    return line.startswith(" ") and line.strip().replace("_", "").replace("-", "").isalnum()
