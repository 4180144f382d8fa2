"""What runs in the user's Python for a `python: module:function` task.

It is handed to that Python as text (`python -c`), so nothing has to be installed there.
"""

from __future__ import annotations

CALLER = """\
import importlib, json, os, sys
sys.path.insert(0, os.getcwd())
with open(sys.argv[1], encoding="utf-8") as stream:
    call = json.load(stream)
module, _, names = call["function"].partition(":")
function = importlib.import_module(module)
for name in names.split("."):
    function = getattr(function, name)
result = function(**call["arguments"])
outputs = list(call["outputs"].values())
if result is not None and len(outputs) == 1 and not os.path.exists(outputs[0]):
    with open(outputs[0], "w", encoding="utf-8") as stream:
        json.dump(result, stream, indent=1)
        stream.write("\\n")
"""
