"""From a manifest to every step of a run: in order, with its key, cached or with a reason."""

from __future__ import annotations

from scalable_cli.planning.files import list_input
from scalable_cli.planning.keys import inputs_digest, step_key
from scalable_cli.planning.make import PlanRequest, make_plan
from scalable_cli.planning.save import plan_document, read_plan
from scalable_cli.planning.scan import CodeScan, scan_code, scan_project
from scalable_cli.planning.template import render_command

__all__ = [
    "CodeScan",
    "PlanRequest",
    "inputs_digest",
    "list_input",
    "make_plan",
    "plan_document",
    "read_plan",
    "render_command",
    "scan_code",
    "scan_project",
    "step_key",
]
