# ruff: noqa: INP001, T201 - a script, which prints
"""Count the instructions of each row of `requests_cost`, and compare them with instructions.json.

Run it with ``make count``; README.md beside this file tells how to read the table. Valgrind counts
what the processor is told to do, so a loaded machine gets the same figures as an idle one. What
could still differ from run to run is the same in each: see `same_each_time` and `seal`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import importlib
import json
import os
import platform
import random
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from shutil import ignore_patterns
from sysconfig import get_config_var
from typing import TYPE_CHECKING, Any, Final

from harness import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness import Row, Subject

COMMITTED: Final = Path(__file__).with_suffix(".json")
UPDATE: Final = "make count UPDATE='why'"

WARM_UP: Final = 100
"""Requests that nobody counts: Python specialises code, and the gate fills its caches."""
FEW: Final = 100
MANY: Final = 200
"""What ``MANY`` requests take more than ``FEW`` is theirs alone, without what surrounds them."""

TOLERANCE: Final = 0.05
OTHER_BUILD: Final = 0.10
"""Another compiler, or Python optimised by profile, does better by the floor than by the gate."""
LEAST: Final = 0.01
"""What may change, of the floor, in a row that adds next to nothing."""

VALGRIND: Final = shutil.which("valgrind") or ""
PACKAGES: Final = ("consentgate", "itsdangerous")
NOW: Final = 1_795_219_200.0
OPTIMISED: Final = re.findall(
    r"-O\w|--enable-optimizations|--with-lto",
    f"{get_config_var('OPT')} {get_config_var('CONFIG_ARGS')}",
)
BUILD: Final = " ".join([platform.python_version(), platform.python_compiler(), *OPTIMISED])
INTERPRETER: Final = (
    f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
    f" on {platform.machine()}"
)


# --- Under valgrind: a process for each subject, which marks where its requests begin and end.


def same_each_time() -> None:
    """Fix the clock, the ids of visitors, and the garbage collector, which comes when it likes.

    Call it before anything here is imported. Hashes and addresses are fixed already: see `seal`.
    """
    time.time = repeat(NOW).__next__
    secrets.token_bytes = random.Random(0).randbytes  # noqa: S311 - nobody's secret
    gc.disable()


def mark() -> None:
    """Make valgrind write what it has counted and begin anew.

    It watches the C library's `getpgid`, which nothing else here calls. Symbols of the C library
    are there even where Python itself has none.
    """
    os.getpgid(0)


def run_marked(subject: Subject) -> None:
    """Let ``subject`` answer `FEW` and `MANY` requests between two marks each."""
    subject.answer(list(islice(subject.requests, WARM_UP)))
    for number in (FEW, MANY):
        batch = list(islice(subject.requests, number))
        mark()
        subject.answer(batch)
        mark()


def fork(action: Callable[[], None]) -> int:
    """Do ``action`` in a child process, and return that one's id."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        action()
        status = 0
    finally:  # whatever happens, this child must not run on
        if status:
            traceback.print_exc()
        os._exit(status)


def wait() -> None:
    """Wait for a child, and end if it failed."""
    _, status = os.wait()
    if status:
        sys.exit("a row could not be counted")


def subjects(rows: Iterable[Row]) -> Iterator[tuple[str, str, Subject]]:
    """Yield floor and subjects of all rows, with the row's name and ``"floor"`` or the variant."""
    for row in rows:
        yield row.name, "floor", row.floor
        for variant, subject in zip(VARIANTS, row.subjects, strict=False):
            yield row.name, variant, subject


def run_all_marked() -> None:
    """Run each subject in a child of its own, so that no row changes another's figures.

    As many run at once as there are processors. Says on a line each which process was which.
    """
    same_each_time()
    rows: Iterable[Row] = importlib.import_module("requests_cost").rows()
    free = len(os.sched_getaffinity(0))
    for name, part, subject in subjects(rows):
        if not free:
            wait()
            free += 1
        pid = fork(lambda subject=subject: run_marked(subject))
        free -= 1
        print(f"{pid:010}", name, part, sep="\t", flush=True)  # a longer id takes more memory
    while free < len(os.sched_getaffinity(0)):
        wait()
        free += 1


# --- Outside: start that, read what valgrind wrote, and compare.


@dataclass(frozen=True)
class Figure:
    """What one request of a row takes, through the floor and through the gate."""

    floor: float
    gate: float
    ratio: float
    """Added instructions, in proportion to the floor's."""
    python: str

    @classmethod
    def of(cls, floor: float, gate: float) -> Figure:
        """Return the figure of these counts, as it is written to the file."""
        ratio = round((gate - floor) / floor, 4)
        return cls(round(floor, 2), round(gate, 2), ratio, BUILD)


def seal(directory: Path) -> None:
    """Copy all that is counted to ``directory``, and compile it.

    Valgrind gives a program the same addresses each time, if it asks for the same memory. Python
    asks for more where a path is longer, a directory fuller or a module not compiled; and where
    two names or types collide in a cache is a matter of their addresses.
    """
    for package in PACKAGES:
        source = importlib.import_module(package).__path__[0]
        shutil.copytree(source, directory / package, ignore=ignore_patterns("__pycache__"))
    for module in Path(__file__).parent.glob("*.py"):
        shutil.copy2(module, directory)
    run_python("-m", "compileall", "-q", str(directory))


def run_python(*arguments: str, under: Sequence[str] = ()) -> str:
    """Run Python ``under`` another program, and return what it printed.

    It has the same environment and directory each time, and sees nothing that is installed.
    """
    command = [*under, str(Path(sys.executable).resolve()), "-S", *arguments]
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd="/",
        env={"PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"this failed: {shlex.join(command)}")
    return done.stdout


def valgrind(directory: Path, sealed: Path) -> Iterator[tuple[int, str, str]]:
    """Count what is ``sealed`` into ``directory``; yield which process was which subject."""
    command = [VALGRIND, "--quiet", "--tool=callgrind", f"--callgrind-out-file={directory}/%p"]
    command += ["--dump-before=getpgid", "--dump-before=__getpgid"]  # two names of one function
    printed = run_python("-B", str(sealed / Path(__file__).name), "--marked", under=command)
    for line in printed.splitlines():
        pid, name, part = line.split("\t")
        yield int(pid), name, part


def instructions(directory: Path, pid: int) -> float:
    """Return what a request took in the process ``pid``."""
    few, many = (marked_count(directory / f"{pid}.{dump}") for dump in (2, 4))
    return (many - few) / (MANY - FEW)


def marked_count(dump: Path) -> int:
    """Return what was counted between the mark that ended in ``dump`` and the one before."""
    text = dump.read_text() if dump.exists() else ""
    total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
    if total is None or "desc: Trigger: --dump-before=" not in text:
        sys.exit(f"valgrind has not seen a mark: no count in {dump.name}")
    return int(total[1])


def count() -> dict[str, Figure]:
    """Count all rows."""
    counted: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as counts, tempfile.TemporaryDirectory() as sealed:
        seal(Path(sealed))
        for pid, name, part in valgrind(Path(counts), Path(sealed)):
            if (name, part) in counted:
                sys.exit(f"two rows are called {name!r}")
            counted[name, part] = instructions(Path(counts), pid)
    return {
        f"{name} ({part})" if part else name: Figure.of(counted[name, "floor"], gate)
        for (name, part), gate in counted.items()
        if part != "floor"
    }


def standing(old: Figure | None, new: Figure | None) -> str:
    """Return how a row's new figure compares with the committed one; nothing where it is equal."""
    if old is None or new is None:
        return "new" if old is None else "gone"
    share = TOLERANCE if old.python == new.python else OTHER_BUILD
    allowed = max(share * abs(old.ratio), LEAST)
    if abs(new.ratio - old.ratio) <= allowed:
        return ""
    return "over" if new.ratio > old.ratio else "better"


def table_line(name: str, old: Figure | None, new: Figure | None) -> str:
    """Return the line of a row."""
    counted = f"{new.floor:9,.0f}{new.gate:11,.0f}{new.ratio:10.4f}" if new else " " * 30
    committed = f"{old.ratio:10.4f}" if old else " " * 10
    change = f"{(new.ratio / old.ratio - 1):+8.1%}" if old and new and old.ratio else " " * 8
    return f"{name:60}{counted}{committed}{change} {standing(old, new)}".rstrip()


def read() -> dict[str, Any]:
    """Return what is committed, or nothing yet."""
    if not COMMITTED.exists():
        return {"interpreter": INTERPRETER, "rows": {}, "reasons": []}
    return json.loads(COMMITTED.read_text())


def write(committed: Mapping[str, Any], changed: Mapping[str, Figure | None], reason: str) -> None:
    """Commit what ``changed``, and for what reason."""
    rows = dict(committed["rows"])
    ratios = {}
    for name, new in changed.items():
        before = rows[name]["ratio"] if name in rows else "new"
        ratios[name] = f"{before} -> {new.ratio if new else 'gone'}"
        rows[name] = new and asdict(new)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    report = {
        "interpreter": INTERPRETER,
        "rows": {name: row for name, row in rows.items() if row},
        "reasons": [*committed["reasons"], {"date": today, "reason": reason, "rows": ratios}],
    }
    COMMITTED.write_text(json.dumps(report, indent=1) + "\n")


def compare(committed: Mapping[str, Any], reason: str) -> None:
    """Count, print the table, and write new figures where there is a ``reason``, or fail."""
    old = {name: Figure(**row) for name, row in committed["rows"].items()}
    new = count()
    changed: dict[str, Figure | None] = {}
    print(f"{'instructions of a request':63} floor       gate     added committed  change")
    for name in dict.fromkeys(chain(new, old)):
        print(table_line(name, old.get(name), new.get(name)))
        if standing(old.get(name), new.get(name)):
            changed[name] = new.get(name)
    if changed and reason:
        write(committed, changed, reason)
        print(f"{COMMITTED.name} has new figures for {len(changed)} rows")
    elif changed:
        tell(old, changed)


def tell(old: Mapping[str, Figure], changed: Mapping[str, Figure | None]) -> None:
    """Say what the rows that have ``changed`` ask for, and fail unless all are better."""
    better = {name for name, new in changed.items() if standing(old.get(name), new) == "better"}
    if better:
        print(f"what is better is kept with {UPDATE}")
    if len(better) < len(changed):
        print("\nThese rows have no committed figure that holds:", file=sys.stderr)
        for name, new in changed.items():
            if name not in better:
                print(table_line(name, old.get(name), new), file=sys.stderr)
        sys.exit(f"Make them cheaper again, or commit new figures and the reason: {UPDATE}")


def check(reason: str) -> None:
    """Compare what can be compared here, or say why not."""
    committed = read()
    if committed["interpreter"] != INTERPRETER:
        skip(
            f"not comparable, not counted: {COMMITTED.name} has the figures of "
            f"{committed['interpreter']}, and this is {INTERPRETER}",
            fail=bool(reason),
        )
    elif not VALGRIND:
        skip(
            "no valgrind, so no instructions were counted: apt-get install valgrind",
            fail=bool(reason or os.environ.get("CONSENTGATE_TEST_ALL")),
        )
    else:
        compare(committed, reason)


def skip(why: str, *, fail: bool) -> None:
    """Say ``why`` nothing is counted."""
    if fail:
        sys.exit(why)
    print(why)


def main() -> None:
    """Count the rows, and compare or write their figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--update", default="", metavar="REASON", help="write new figures")
    parser.add_argument("--marked", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.marked:
        run_all_marked()
    else:
        check(options.update)


if __name__ == "__main__":
    main()
