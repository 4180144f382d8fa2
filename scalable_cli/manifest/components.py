"""One component of the manifest: from its node to a `Component`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.manifest import schema
from scalable_cli.manifest.nodes import Mapping, Scalar
from scalable_cli.model.manifest import Build, Component, Mount

if TYPE_CHECKING:
    from scalable_cli.manifest.fields import Fields, Reader
    from scalable_cli.manifest.nodes import Node


def read_component(key: Scalar, node: Node, reader: Reader) -> tuple[Component, Fields] | None:
    """The component called `key`, with its fields; None when it is not a mapping."""
    found = reader.found
    fields = reader.record(node, schema.COMPONENT)
    if fields is None:
        return None
    if not re.fullmatch(schema.NAME, key.text):
        said = f'"{key.text[:80]}" is not a name that is allowed for a component'
        found.error("E212", key, said, hint=schema.NAME_FORM, words=key.text)
    memory = fields.integer("memory")
    component = Component(
        name=key.text,
        cpus=fields.number("cpus") or Decimal(1),
        memory_bytes=1 << 30 if memory is None else memory,
        memory_limited=memory is not None,
        gpus=fields.integer("gpus") or 0,
        image=fields.text("image"),
        build=_build(fields.record("build")),
        runtime=fields.text("runtime"),
        mounts=_mounts(fields, reader),
        env=fields.pairs("env"),
        tags=fields.texts("tags"),
        preload_script=fields.text("preload_script"),
        modules=fields.texts("modules"),
    )
    return component, fields


def _build(fields: Fields | None) -> Build | None:
    if fields is None:
        return None
    return Build(
        dockerfile=fields.text("dockerfile") or "Dockerfile",
        context=fields.text("context") or ".",
        args=fields.pairs("args"),
        target=fields.text("target"),
        secrets=fields.texts("secrets"),
    )


def _mounts(fields: Fields, reader: Reader) -> tuple[Mount, ...]:
    mounts: dict[str, Mount] = {}
    nodes = fields.nodes.get("mounts")
    for source, text in fields.pairs("mounts"):
        assert isinstance(nodes, Mapping)
        node = nodes.items[source]
        target, _, mode = text.partition(":")
        complaint = _complaint(source, target, mode)
        if complaint is None and target in mounts:
            first = mounts[target].source
            complaint = f'"{target}" is already the place of "{first}"', "mount each elsewhere"
        if complaint is not None:
            reader.found.error("E217", node, complaint[0], hint=complaint[1])
            continue
        mounts[target] = Mount(source, target, read_only=mode == "ro")
    return tuple(mounts.values())


def _complaint(source: str, target: str, mode: str) -> tuple[str, str] | None:
    if not target.startswith("/"):
        return f'"{target[:200]}" is not an absolute path', "write HOST: /CONTAINER"
    if target.rstrip("/") == "" or ".." in target.split("/"):
        return f'"{target[:200]}" cannot be the place of a mount', "name a folder, such as /data"
    if mode not in ("", "ro", "rw"):
        return f'"{mode[:80]}" is not a way to mount', 'write ":ro" for read-only, or nothing'
    if ":" in source:
        return (
            f'"{source[:200]}" has a colon',
            "write HOST: CONTAINER, with a blank after the colon",
        )
    return None
