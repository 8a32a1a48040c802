"""The house keeps its shape: who may import whom, and how long a function is.

Read from the source with `ast`, so that imports inside functions count too.
"""

from __future__ import annotations

import ast
import inspect
import statistics
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import consentgate
from consentgate import exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

# From the ground up. A module imports modules below its own line or beside it, never above.
LAYERS = (
    {"exceptions"},
    {
        "cache",
        "cookie_header",
        "duration",
        "forks",
        "lifetime",
        "origin",
        "printable",
        "rule_index",
        "set_cookie",
        "signing",
        "timestamp",
        "values",
    },
    {
        "caching",
        "catalogue",
        "consent",
        "deletions",
        "deposits",
        "policy",
        "policy_file",
        "record",
        "signal_note",
    },
    {"declaration", "known_cookie"},
    {"recorder"},
    {"visit"},
    {"gate"},
    {"page"},
    {"__init__"},
    {"asgi", "wsgi"},
    {"observation"},
    {"refusal"},
    {"assertions"},
    {"testing"},
    {"documents"},
    {"records"},
    {"pages"},
    {"extras", "findings", "usage_error"},
    {"client", "cookie_policy", "explain", "lookup"},
    {"check"},
    {"audit", "init"},
    {"cli", "__main__"},
)
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
CORE = {name for name, height in HEIGHT.items() if height <= HEIGHT["wsgi"]}
ROOMS = set(HEIGHT) - CORE

CORE_MAY_USE = {*sys.stdlib_module_names, "_typeshed", "consentgate", "itsdangerous"}
FRAMEWORKS_OF = {
    "django_consentgate": {"asgiref", "django"},
    "flask_consentgate": {"flask", "werkzeug"},
    "pytest_consentgate": {"pytest"},
    "starlette_consentgate": {"fastapi", "starlette"},
}
FRAMEWORKS = set[str]().union(*FRAMEWORKS_OF.values()) | {"litestar", "quart"}
ADAPTERS_MAY_USE = {
    "assertions",
    "catalogue",
    "client",
    "observation",
    "__init__",
    "asgi",
    "cli",
    "gate",
    "page",
    "pages",
    "policy",
    "record",
    "recorder",
    "records",
    "testing",
    "visit",
    "wsgi",
}


class Import(NamedTuple):
    """One imported module, as an absolute name, and where the import stands."""

    module: str
    place: str
    names: tuple[str, ...] = ()
    only_types: bool = False

    @property
    def top(self) -> str:
        """The package that must be installed for it."""
        return self.module.partition(".")[0]

    @property
    def part(self) -> str:
        """The part of ConsentGate that it is in: ``gate`` of ``consentgate.gate``."""
        return part_of(self.module)


class Source(NamedTuple):
    """One file of ours."""

    module: str
    path: Path

    def tree(self) -> ast.Module:
        """Return its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def imports(self) -> Iterator[Import]:
        """Find every import in the file."""
        tree = self.tree()
        type_checking = set(_nodes_for_type_checkers(tree))
        for node in ast.walk(tree):
            place = f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            for module, names in _imported(node, self._package()):
                yield Import(module, place, names, node in type_checking)

    def _package(self) -> str:
        is_package = self.path.name == "__init__.py"
        return self.module if is_package else self.module.rpartition(".")[0]


def part_of(module: str) -> str:
    """Return the first name below ``consentgate``, or ``__init__`` for the package itself."""
    return [*module.split("."), "__init__"][1]


def height_of(part: str) -> int:
    """Return the layer of a part; one without a place stands above all others."""
    return HEIGHT.get(part, len(LAYERS))


def _nodes_for_type_checkers(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                yield from ast.walk(statement)


def _imported(node: ast.AST, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, ()) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        module = _absolute(node, package)
        if module == "consentgate":  # "from consentgate import gate" names a module
            modules = [name for name in names if name in HEIGHT]
            yield from ((f"consentgate.{name}", ()) for name in modules)
            names = tuple(name for name in names if name not in modules)
        if names:
            yield module, names


def _absolute(node: ast.ImportFrom, package: str) -> str:
    ancestors = package.split(".")[: len(package.split(".")) + 1 - node.level]
    return ".".join([*(ancestors if node.level else []), *([node.module] if node.module else [])])


def sources(import_root: Path, package: str) -> list[Source]:
    """Return the Python files of ``package``."""
    found = sorted((import_root / package).rglob("*.py"))
    return [Source(_module_name(path.relative_to(import_root)), path) for path in found]


def _module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


LIBRARY = sources(ROOT, "consentgate")
ADAPTERS = {name: sources(ROOT / "adapters", name) for name in FRAMEWORKS_OF}
EVERY_SOURCE = [*LIBRARY, *(source for found in ADAPTERS.values() for source in found)]


def imports_of(found: list[Source]) -> Iterator[tuple[Source, Import]]:
    """Return each import of each source."""
    return ((source, imported) for source in found for imported in source.imports())


def test_every_module_has_a_place_in_the_house() -> None:
    """A new module must be given a line in the table of layers above."""
    assert {part_of(source.module) for source in LIBRARY} <= set(HEIGHT)


def test_the_library_knows_no_framework_and_no_adapter() -> None:
    """Nothing in consentgate/ imports a framework or an adapter, not even for its types."""
    strangers = FRAMEWORKS | set(FRAMEWORKS_OF)
    assert [
        imported.place for _, imported in imports_of(LIBRARY) if imported.top in strangers
    ] == []


def test_the_core_needs_itsdangerous_only() -> None:
    """What a gate needs imports the standard library and itsdangerous, and nothing else."""
    core = [source for source in LIBRARY if part_of(source.module) in CORE]
    assert [
        imported.place for _, imported in imports_of(core) if imported.top not in CORE_MAY_USE
    ] == []


def test_imports_point_downward() -> None:
    """A module imports what is below it or beside it; only annotations may look up."""
    assert [
        f"{imported.place} imports {imported.module}"
        for source, imported in imports_of(LIBRARY)
        if imported.top == "consentgate" and not imported.only_types
        if height_of(imported.part) > height_of(part_of(source.module))
    ] == []


def test_no_two_modules_need_each_other() -> None:
    """There is no circle of imports, inside functions or out of them."""
    needs: dict[str, set[str]] = {part_of(source.module): set() for source in LIBRARY}
    for source, imported in imports_of(LIBRARY):
        here = part_of(source.module)
        if imported.top == "consentgate" and not imported.only_types and imported.part != here:
            needs[here].add(imported.part)
    TopologicalSorter(needs).prepare()


def test_the_glue_knows_neither_pages_nor_records() -> None:
    """The core never names a room, not even for its types: it is handed values instead."""
    core = [source for source in LIBRARY if part_of(source.module) in CORE]
    assert [
        imported.place
        for _, imported in imports_of(core)
        if imported.top == "consentgate" and imported.part in ROOMS
    ] == []


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_uses_public_modules_only(adapter: str) -> None:
    """Adapters locate and carry: what reads a cookie or a date is out of their reach."""
    assert [
        f"{imported.place} imports {imported.module}"
        for _, imported in imports_of(ADAPTERS[adapter])
        if imported.top == "consentgate"
        if imported.part not in ADAPTERS_MAY_USE or any(map(_is_private, imported.names))
    ] == []


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_knows_its_own_framework_only(adapter: str) -> None:
    """No adapter imports another one, or a framework that its users need not have."""
    strangers = (FRAMEWORKS | set(FRAMEWORKS_OF)) - FRAMEWORKS_OF[adapter] - {adapter}
    assert [
        imported.place for _, imported in imports_of(ADAPTERS[adapter]) if imported.top in strangers
    ] == []


@pytest.mark.parametrize("module", ["consentgate", "consentgate.wsgi", "consentgate.asgi"])
def test_a_fresh_interpreter_loads_no_other_package(module: str) -> None:
    """Importing ConsentGate makes Python load itsdangerous and nothing else from outside."""
    program = f"""if True:
        import sys
        before = set(sys.modules)
        import {module}
        tops = {{name.partition(".")[0] for name in set(sys.modules) - before}}
        print(*sorted(tops - sys.stdlib_module_names))"""

    loaded = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    assert loaded == ["consentgate", "itsdangerous"]


def test_the_public_names_are_these() -> None:
    """The one namespace holds what DESIGN promises and every error, and nothing more."""
    errors = {
        name
        for name, value in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(value, Exception)
    }
    promised = {"Category", "Consent", "CookieRule", "Gate", "Policy", "Route", "Verdict"}
    assert sorted(promised | errors) == sorted(consentgate.__all__)
    assert [name for name in consentgate.__all__ if not hasattr(consentgate, name)] == []


def test_errors_are_one_tree() -> None:
    """Whoever catches ConsentGateError catches every error of ours."""
    classes = [value for _, value in inspect.getmembers(exceptions, inspect.isclass)]
    assert [error for error in classes if not issubclass(error, exceptions.ConsentGateError)] == []


def test_functions_are_short() -> None:
    """Half of all functions have at most 8 lines, and nine of ten at most 25."""
    lengths = sorted(length for source in EVERY_SOURCE for length in function_lengths(source))
    assert statistics.median(lengths) <= 8
    assert lengths[len(lengths) * 9 // 10] <= 25


def function_lengths(source: Source) -> Iterator[int]:
    """Count the lines of each function, from ``def`` on and without its docstring."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None
            yield _lines(node) - (_lines(node.body[0]) if documented else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
