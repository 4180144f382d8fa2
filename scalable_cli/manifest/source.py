"""An opened manifest: resolves it for a target, or checks it for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from scalable_cli.errors import ManifestError, UsageError
from scalable_cli.manifest import schema
from scalable_cli.manifest.components import read_component
from scalable_cli.manifest.expand import expand
from scalable_cli.manifest.fields import Reader
from scalable_cli.manifest.findings import Findings, in_order
from scalable_cli.manifest.fit import check_components, check_size
from scalable_cli.manifest.lock import lock_of
from scalable_cli.manifest.matrix import MatrixReader
from scalable_cli.manifest.nodes import Mapping, Scalar, merge
from scalable_cli.manifest.projects import read_project, without_image
from scalable_cli.manifest.references import References
from scalable_cli.manifest.suggest import did_you_mean
from scalable_cli.manifest.targets import read_target
from scalable_cli.manifest.tasks import read_task
from scalable_cli.model.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Lookup
    from pathlib import Path

    from scalable_cli.manifest.fields import Fields
    from scalable_cli.manifest.nodes import Node
    from scalable_cli.manifest.tasks import ReadTask
    from scalable_cli.model.manifest import Component, Project, Target, Task
    from scalable_cli.model.problem import Problem

Read = TypeVar("Read")
COMMAND_LINE = "command line"


@dataclass(frozen=True)
class _Sections:
    """What does not depend on the target: read once for each overlay."""

    project: Project | None
    components: list[tuple[Component, Fields]]
    tasks: tuple[Task, ...]
    problems: list[Problem]


@dataclass
class ManifestSource:
    """A manifest's text as a tree. Reading is lazy, and what overlays leave alone is read once."""

    path: str
    folder: Path
    environ: Lookup[str, str]
    text: str
    tree: Mapping
    syntax: tuple[Problem, ...] = ()
    _entries: dict[tuple[str, str, int], tuple[Node, object, list[Problem]]] = field(
        default_factory=dict, repr=False
    )
    _sections: dict[str | None, _Sections] = field(default_factory=dict, repr=False)
    _trees: dict[str, Mapping] = field(default_factory=dict, repr=False)
    _tables: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]] | None] = field(
        default_factory=dict, repr=False
    )

    @property
    def target_names(self) -> tuple[str, ...]:
        """The targets in the order of the file."""
        targets = self.tree.items.get("targets")
        return tuple(targets.items) if isinstance(targets, Mapping) else ()

    @property
    def overlay_names(self) -> tuple[str, ...]:
        """The overlays in the order of the file."""
        overlays = self.tree.items.get("overlays")
        return tuple(overlays.items) if isinstance(overlays, Mapping) else ()

    def resolve(
        self,
        target: str | None = None,
        *,
        overlay: str | None = None,
        overrides: Lookup[str, str] | None = None,
    ) -> Manifest:
        """The manifest for one target.

        `target` is a name; else SCALABLE_TARGET, else the first. `overlay` replaces the
        target's own. `overrides` are keys of the target as text, such as "worker_cpu" or
        "adaptive.maximum". Raises ManifestError with every problem that concerns this
        target (`check` has those of the others), UsageError for a name that is not there.
        """
        name = target or self.environ.get("SCALABLE_TARGET") or next(iter(self.target_names), None)
        if name is None:
            raise ManifestError(self.check())
        _require(name, self.target_names, "target")
        if overlay is not None:
            _require(overlay, self.overlay_names, "overlay")
        found = self._found()
        found.problems += self.syntax
        self._check_top(found)
        chosen = overlay or self._overlay_of(name, found)
        sections = self._read_sections(chosen)
        found.problems += sections.problems
        read = self._read_target(name, chosen, sections, found, overrides or {})
        problems = self._sorted(found)
        if found.failed or read is None or sections.project is None:
            raise ManifestError(problems)
        lock = lock_of(
            sections.project,
            read[0],
            [component for component, _ in sections.components],
            sections.tasks,
            own_size=not {"adaptive", "n_workers", "max_workers"} & read[1].values.keys(),
        )
        return Manifest(
            path=self.path,
            folder=str(self.folder),
            project=sections.project,
            target=read[0],
            target_names=self.target_names,
            components=tuple(component for component, _ in sections.components),
            tasks=sections.tasks,
            lock=lock,
            warnings=problems,
        )

    def check(self) -> tuple[Problem, ...]:
        """Every problem and warning, for every target and overlay, sorted by place."""
        found = self._found()
        found.problems += self.syntax
        self._check_top(found)
        self._check_overlays(found)
        used: set[str | None] = {None}
        for name in self.target_names:
            overlay = self._overlay_of(name, found)
            sections = self._read_sections(overlay)
            found.problems += sections.problems
            self._read_target(name, overlay, sections, found, {})
            used.add(overlay)
        found.problems += self._read_sections(None).problems
        for overlay in self.overlay_names:
            if overlay not in used:
                self._check_unused(overlay, found)
        return self._sorted(found)

    def _check_unused(self, overlay: str, found: Findings) -> None:
        """An overlay that no target names is read for the targets that it changes."""
        sections = self._read_sections(overlay)
        found.problems += sections.problems
        changes = _child(self._tree(overlay), "targets")
        base = _child(self.tree, "targets")
        if isinstance(changes, Mapping) and isinstance(base, Mapping):
            for name in self.target_names:
                if changes.items.get(name) is not base.items[name]:
                    self._read_target(name, overlay, sections, found, {})

    def _sorted(self, found: Findings) -> tuple[Problem, ...]:
        """The problems by place; where the syntax is wrong, only that is said."""
        wrong = {problem.place for problem in self.syntax}
        later = [problem for problem in found.problems if problem.place not in wrong]
        return in_order([*self.syntax, *later])

    def _found(self) -> Findings:
        return Findings(self.path, self.text)

    def _check_top(self, found: Findings) -> None:
        top = self.tree
        for name, key in top.keys.items():
            if name not in schema.SECTIONS:
                hint = did_you_mean(name, schema.SECTIONS) or f"known: {', '.join(schema.SECTIONS)}"
                said = f'unknown key "{name.strip(chr(0))[:80]}" in the manifest'
                found.error("E201", key, said, hint=hint, words=name)
        for name in schema.REQUIRED_SECTIONS:
            if name not in top.items:
                hint = "add: version: 1" if name == "version" else f"add a section: {name}:"
                found.error("E203", top, f'the manifest needs "{name}"', hint=hint)
        for name in ("targets", "components", "tasks", "overlays"):
            node = top.items.get(name)
            if isinstance(node, Mapping) and not node.items:
                found.error("E213", node, f'"{name}" is empty')
            elif node is not None and not isinstance(node, Mapping):
                _not_a_mapping(name, node, found)
        version = top.items.get("version")
        if isinstance(version, Scalar) and version.text == schema.VERSION:
            return
        if version is not None:
            said = "this version of the manifest is not known"
            found.error("E214", version, said, hint="write version: 1")

    def _check_overlays(self, found: Findings) -> None:
        overlays = self.tree.items.get("overlays")
        for name, overlay in overlays.items.items() if isinstance(overlays, Mapping) else ():
            if not isinstance(overlay, Mapping):
                _not_a_mapping(name, overlay, found)
                continue
            for section, key in overlay.keys.items():
                if section not in schema.OVERLAID:
                    hint = did_you_mean(section, schema.OVERLAID)
                    said = f'an overlay has no section "{section.strip(chr(0))[:80]}"'
                    found.error("E201", key, said, hint=hint, words=section)
            targets = overlay.items.get("targets")
            for target, key in targets.keys.items() if isinstance(targets, Mapping) else ():
                if target not in self.target_names:
                    hint = did_you_mean(target, self.target_names)
                    said = f'target "{target[:80]}" is not there, so it cannot be changed'
                    found.error("E309", key, said, hint=hint, words=target)

    def _overlay_of(self, target: str, found: Findings) -> str | None:
        node = _child(_child(_child(self.tree, "targets"), target), "overlay")
        if not isinstance(node, Scalar):
            return None
        name = expand(node, self.environ, self._found())
        if not name or name in self.overlay_names:
            return name or None
        hint = did_you_mean(name, self.overlay_names)
        found.error("E305", node, f'overlay "{name[:80]}" is not there', hint=hint, words=name)
        return None

    def _tree(self, overlay: str | None) -> Mapping:
        """The tree with the overlay laid on it."""
        if overlay is None:
            return self.tree
        if overlay not in self._trees:
            over = _child(self.tree.items["overlays"], overlay)
            layer = Mapping(0, 0)
            if isinstance(over, Mapping):
                names = [name for name in schema.OVERLAID if name in over.items]
                layer.items = {name: over.items[name] for name in names}
                layer.keys = {name: over.keys[name] for name in names}
            merged = merge(self.tree, layer)
            assert isinstance(merged, Mapping)
            self._trees[overlay] = merged
        return self._trees[overlay]

    def _read_sections(self, overlay: str | None) -> _Sections:
        if overlay not in self._sections:
            self._sections[overlay] = self._sections_of(self._tree(overlay))
        return self._sections[overlay]

    def _sections_of(self, tree: Mapping) -> _Sections:
        found = self._found()
        components = self._section(tree, "components", found, read_component)
        read_tasks = self._section(tree, "tasks", found, self._read_task)
        tasks: tuple[Task, ...] = ()
        if read_tasks:
            names = _names(tree, "tasks")
            by_name = {read.task.name: read for read in read_tasks}
            components_named = _names(tree, "components")
            follow = References(by_name, names, components_named, self.folder, found)
            tasks = follow.follow()
        project = None
        node = tree.items.get("project")
        if node is not None:
            project = read_project(node, Reader(self.environ, found), self.folder, tasks)
        return _Sections(project, components, tasks, found.problems)

    def _section(
        self,
        tree: Mapping,
        name: str,
        found: Findings,
        read: Callable[[Scalar, Node, Reader], Read | None],
    ) -> list[Read]:
        """The entries of a section; an entry that was read before is not read again."""
        section = tree.items.get(name)
        values: list[Read] = []
        if not isinstance(section, Mapping):
            return values
        for entry, node in section.items.items():
            mark = (name, entry, id(node))
            if mark not in self._entries:
                own = self._found()
                value = read(section.keys[entry], node, Reader(self.environ, own))
                self._entries[mark] = (node, value, own.problems)
            _, known, problems = self._entries[mark]
            found.problems += problems
            if known is not None:
                values.append(known)  # type: ignore[arg-type]  # by its section
        return values

    def _read_task(self, key: Scalar, node: Node, reader: Reader) -> ReadTask | None:
        matrices = MatrixReader(self.folder, self.environ, reader.found, self._tables)
        return read_task(key, node, reader, matrices)

    def _read_target(
        self,
        name: str,
        overlay: str | None,
        sections: _Sections,
        found: Findings,
        overrides: Lookup[str, str],
    ) -> tuple[Target, Fields] | None:
        targets = self._tree(overlay).items["targets"]
        if not isinstance(targets, Mapping):
            return None
        node = targets.items[name]
        for option, text in overrides.items():
            node = merge(node, _override(option, text))
        read = read_target(targets.keys[name], node, Reader(self.environ, found))
        if read is None:
            return None
        check_size(*read, found)
        used = {task.component for task in sections.tasks}
        wanted = [pair for pair in sections.components if pair[0].name in used]
        check_components(read[0], wanted, found)
        without_image(read[0], targets.keys[name], wanted, found)
        return read


def _require(name: str, known: tuple[str, ...], what: str) -> None:
    if name not in known:
        hint = (
            did_you_mean(name, known) or f"{what}s of this manifest: {', '.join(known) or 'none'}"
        )
        raise UsageError(f'there is no {what} "{name[:80]}"', hint=hint)


def _child(node: Node | None, name: str) -> Node | None:
    return node.items.get(name) if isinstance(node, Mapping) else None


def _names(tree: Mapping, section: str) -> tuple[str, ...]:
    node = tree.items.get(section)
    return tuple(node.items) if isinstance(node, Mapping) else ()


def _not_a_mapping(name: str, node: Node, found: Findings) -> None:
    if isinstance(node, Scalar) and not node.text:
        found.error("E213", node, f'"{name}" is empty')
    else:
        found.error("E204", node, f'"{name}" must be a mapping')


def _override(option: str, text: str) -> Mapping:
    """The node of "a.b" = text, as if it stood in the manifest."""
    name, _, rest = option.partition(".")
    value = _override(rest, text) if rest else Scalar(text, 1, 1, origin=COMMAND_LINE)
    key = Scalar(name, 1, 1, origin=COMMAND_LINE)
    return Mapping(1, 1, {name: value}, {name: key})
