"""The key of a step: one digest over everything that its result depends on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from scalable_cli.model.digest import canonical, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.manifest import Component, Target, Task, Value
    from scalable_cli.model.plan import CodeFile, PlannedTask, Step

# Part of every key: a change of the form below must change it.
_FORM = "scalable.key/1"


def task_parts(
    task: Task, component: Component, target: Target, dockerfile: str | None
) -> tuple[tuple[str, str], ...]:
    """The named ingredients of a task's keys that do not vary by step.

    Environments are digests, for they may hold secrets. `dockerfile` is the digest of what
    the component's image is built from, where that is known.
    """
    build = component.build
    parts: dict[str, object] = {
        "command": task.command if isinstance(task.command, str) else None,
        "arguments": None if isinstance(task.command, str) else task.command,
        "python": task.python,
        "task env": _digest(sorted(task.env)),
        "outputs": task.outputs,
        "image": component.image or target.image,
        "build": build and [build.dockerfile, build.context, sorted(build.args), build.target],
        "dockerfile": dockerfile,
        "env": _digest(sorted(component.env)),
        "mounts": sorted((m.target, m.source, m.read_only) for m in component.mounts),
        "modules": component.modules,
        "preload_script": component.preload_script,
    }
    return tuple((name, _text(part)) for name, part in parts.items() if part)


def task_base(parts: Sequence[tuple[str, str]], code: Iterable[CodeFile]) -> str:
    """The digest of what all steps of a task share; blind to the order of parts and files."""
    files = sorted((file.path, file.digest) for file in code)
    return digest_of([_FORM, sorted(parts), files])


def step_key(task: PlannedTask, step: Step, inputs: Mapping[str, str]) -> str:
    """The key of `step`, once the digest of every input (name to digest) is known."""
    make = key_maker(task.task, task.base)
    return make(step.values, inputs_text(inputs), step.outputs)


def key_maker(task: Task, base: str) -> Callable[[Sequence[Value], str, Sequence[str]], str]:
    """A function from (values, `inputs_text`, output paths) to the key of that step.

    Every text carries its length, so no two sets of ingredients give the same bytes. The
    order of matrix names and inputs does not matter. A Python function gets numbers as
    numbers, so there 1, 1.0 and "1" are different values; a command gets texts.
    """
    start = hashlib.sha256(f"{base}v{len(task.matrix_names)};".encode())
    names = task.matrix_names
    order = sorted((name, index) for index, name in enumerate(names))
    heads = [(_sized(name), index) for name, index in order]
    typed = task.python is not None

    def make(values: Sequence[Value], inputs: str, outputs: Sequence[str]) -> str:
        texts = []
        for head, index in heads:
            value = values[index]
            text = value.text
            kind = type(value.number).__name__ if typed else ""
            texts.append(f"{head}{kind}={len(text)}:{text}")
        paths = "".join([f"{len(path)}:{path}" for path in outputs])
        digest = start.copy()
        digest.update(
            f"{''.join(texts)}{inputs}o{len(outputs)};{paths}".encode("utf-8", "surrogatepass")
        )
        return digest.hexdigest()

    return make


def inputs_text(inputs: Mapping[str, str]) -> str:
    """Input names and digests in the form that goes into a key."""
    pairs = "".join(_sized(name) + _sized(digest) for name, digest in sorted(inputs.items()))
    return f"i{len(inputs)};{pairs}"


def inputs_digest(refs: Iterable[ArtifactRef]) -> str:
    """The digest of what one input reads: of one thing its own, of several that of them all.

    The order of `refs` does not matter; their paths do, when there are several.
    """
    pairs = sorted((ref.path, ref.digest) for ref in refs)
    return pairs[0][1] if len(pairs) == 1 else digest_of(pairs)


def _sized(text: str) -> str:
    return f"{len(text)}:{text}"


def _digest(pairs: list[tuple[str, str]]) -> str | None:
    return digest_of(pairs) if pairs else None


def _text(part: object) -> str:
    return part if isinstance(part, str) else canonical(part).decode()
