"""Our tree is the one that StrictYAML gives, and its scanner's places are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import strictyaml
from hypothesis import given, settings
from hypothesis import strategies as st
from strictyaml.ruamel.error import MarkedYAMLError
from strictyaml.ruamel.parser import Parser
from strictyaml.ruamel.reader import Reader
from strictyaml.ruamel.scanner import Scanner

from scalable_cli.manifest.findings import Findings
from scalable_cli.manifest.nodes import Listing, Mapping, Node
from scalable_cli.manifest.parse import parse_text
from scalable_cli.manifest.scanner import EventParser

VALID = sorted((Path(__file__).parent.parent / "manifests" / "valid").glob("*.yaml"))
PIECES = [
    *" :#-[]{},'\"\n\t?&*!|>%a1\\.é",
    "\n  ",
    "- ",
    ": ",
    " #",
    "---\n",
    "...\n",
    "\n\n",
    "key: v",
    "two words",
    "|\n  a\n  b\n",
    ">-\n  a\n\n  b\n",
    '"a\\n b"',
    "'it''s'",
    "\u2028",
    "\x85",
]


class Original(Reader, Scanner, Parser):
    """StrictYAML's scanner and parser, unchanged."""

    processing_version = (1, 2)

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text, loader=self)
        Scanner.__init__(self, loader=self)
        Parser.__init__(self, loader=self)

    @property
    def resolver(self) -> Original:
        return self


def events(parser: Any, text: str) -> list[object]:
    seen: list[object] = []
    try:
        source = parser(text)
        while source.check_event():
            event = source.get_event()
            start, end = event.start_mark, event.end_mark
            value = getattr(event, "value", None), getattr(event, "anchor", None)
            seen.append((type(event), value, start.line, start.column, start.index, end.index))
    except MarkedYAMLError as error:
        seen.append((error.problem, error.problem_mark.line, error.problem_mark.column))
    except (ValueError, IndexError) as error:
        seen.append(type(error))
    return seen


def plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {name: plain(value) for name, value in node.items.items()}
    return [plain(item) for item in node.items] if isinstance(node, Listing) else node.text


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_events_are_those_of_the_original(text: str) -> None:
    assert events(EventParser, text) == events(Original, text)


@pytest.mark.parametrize("path", VALID, ids=[path.stem for path in VALID])
def test_trees_are_those_of_strictyaml(path: Path) -> None:
    text = path.read_text()

    tree = parse_text(text, Findings("x", text))

    assert tree is not None
    assert plain(tree) == strictyaml.dirty_load(text, allow_flow_style=True).data


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("a: 1\na: 2\n", strictyaml.DuplicateKeysDisallowed),
        ("a: &x 1\nb: *x\n", strictyaml.AnchorTokenDisallowed),
        ("a: !!int 1\n", strictyaml.TagTokenDisallowed),
    ],
)
def test_what_strictyaml_refuses_is_refused(text: str, refusal: type[Exception]) -> None:
    found = Findings("x", text)

    parse_text(text, found)

    assert found.failed
    with pytest.raises(refusal):
        strictyaml.dirty_load(text, allow_flow_style=True)
