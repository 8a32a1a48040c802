# ruff: noqa: INP001, S603, T201 - a script, which starts itself and prints
"""What ConsentGate adds to a request, beside what others add that handle cookies or headers.

Each stack has a process of its own, because Django can be configured only once and because no peer
is to find what another left behind. All forms of a stack take turns in that process.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Final

from harness import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from added_time import Stack

TITLE: Final = "time added to a bare stack, and its ratio to peers'"
STACKS: Final = ("asgi", "wsgi", "flask", "django")


def results() -> Iterator[Result]:
    """Measure all stacks, one after the other."""
    for name in STACKS:
        yield from _in_a_process(name)


def _in_a_process(name: str) -> Iterator[Result]:
    command = [sys.executable, __file__, name, *(["--gc"] if gc.isenabled() else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        for line in process.stdout or ():
            yield Result(**json.loads(line))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def main(name: str, *options: str) -> None:
    """Print the results of one stack, a line of JSON each."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    stack: Stack = import_module(f"peers_{name}").STACK
    gc.freeze()
    if "--gc" not in options:
        gc.disable()
    for result in stack.results():
        print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
