"""The wheel as users get it; run by ``make wheel-test`` where the sources cannot be imported."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tarfile
from importlib import metadata, resources
from pathlib import Path, PurePosixPath

import pytest

from consentgate import Gate, Policy
from consentgate.page import PageRequest
from consentgate.pages import LANGUAGES, ConsentPages

PACKAGES = (
    "consentgate",
    "django_consentgate",
    "flask_consentgate",
    "pytest_consentgate",
    "starlette_consentgate",
)
PRESETS = ("strict", "eu", "fr", "uk", "us-ca", "django", "flask", "starlette")
SUBPACKAGES = sorted(
    ".".join(file.parent.parts)
    for file in metadata.files("consentgate") or ()
    if file.name == "__init__.py"
)


def installed_files() -> set[str]:
    """Return the paths that the wheel put into site-packages."""
    return {str(file) for file in metadata.files("consentgate") or ()}


def packaged_files() -> set[str]:
    """Return the files of the packages in the source tree, relative to their import root."""
    return set(Path(os.environ["CONSENTGATE_PACKAGE_FILES"]).read_text().splitlines())


def sdist_files() -> set[str]:
    """Return the paths in the sdist, below its one directory."""
    with tarfile.open(os.environ["CONSENTGATE_SDIST"]) as sdist:
        paths = [PurePosixPath(name) for name in sdist.getnames()]
    return {str(PurePosixPath(*path.parts[1:])) for path in paths}


def run_consentgate(*arguments: str) -> str:
    """Return what the installed command prints."""
    command = Path(sys.executable).with_name("consentgate")
    return subprocess.run(  # noqa: S603
        [command, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("package", sorted({*PACKAGES, *SUBPACKAGES}))
def test_a_package_is_imported_from_the_wheel(package: str) -> None:
    """Each package imports, and comes from this environment and not from the sources."""
    origin = importlib.import_module(package).__file__
    assert origin is not None
    assert Path(origin).is_relative_to(sys.prefix)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed(package: str) -> None:
    """Type checkers read our annotations only where a py.typed says so (PEP 561)."""
    assert f"{package}/py.typed" in installed_files()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_can_be_read(preset: str) -> None:
    """The presets are data files, which a build leaves out without an error."""
    assert resources.files("consentgate").joinpath("presets", f"{preset}.toml").read_text()


def test_the_policy_schema_can_be_read() -> None:
    """Editors check policy files against the schema that comes with the library."""
    assert resources.files("consentgate").joinpath("policy.schema.json").read_text()


def test_the_visitors_pages_are_complete() -> None:
    """Templates, script, styles and languages are data files, too."""
    pages = ConsentPages(Gate(Policy("1"), "key"))
    for path in sorted(pages.paths):
        for language in LANGUAGES:
            visit = pages.gate.visit(Nothing())
            method = "POST" if path.endswith("erase") else "GET"
            request = PageRequest(visit, method, path, f"lang={language}")
            assert pages.answer(request).status in {200, 303}


class Nothing:
    """A request without a header."""

    def header(self, _name: str) -> str:
        """Return no header."""
        return ""

    def path(self) -> str:
        """Return the path."""
        return "/"

    def is_secure(self) -> bool:
        """Say that there is no TLS."""
        return False


def test_the_wheel_holds_the_packages_and_nothing_else() -> None:
    """Not one file of the source packages is missing, and no test, example or tool came along."""
    installed = {
        file
        for file in installed_files()
        if "__pycache__" not in file
        and ".dist-info/" not in file
        and not file.endswith("/bin/consentgate")
    }
    assert packaged_files() == installed


def test_the_licence_comes_along() -> None:
    """BSD asks that its text stays with every copy."""
    assert [file for file in installed_files() if file.endswith("/licenses/LICENSE")]


def test_the_command_is_installed() -> None:
    """The entry point works and tells what it can do."""
    assert run_consentgate("--help").startswith("Usage: consentgate")


def test_commands_of_adapters_are_found() -> None:
    """A command that lives with an adapter is listed beside the others."""
    assert "demo" in run_consentgate("--help")
    assert run_consentgate("demo", "--help").startswith("Usage: consentgate demo")


def test_a_cookie_is_explained(tmp_path: Path) -> None:
    """The command that asks the gate finds it in the wheel, presets included."""
    policy = tmp_path / "consent.toml"
    policy.write_text('version = "1"\npreset = "fr"\nframeworks = ["django"]\n')
    assert "exempt" in run_consentgate("explain", str(policy), "sessionid=1")


def test_pytest_finds_the_plugin() -> None:
    """Its entry point is heeded without a word in anybody's conftest.py."""
    command = Path(sys.executable).with_name("pytest")
    options = subprocess.run(  # noqa: S603
        [command, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "--consent-report" in options


def test_the_sdist_is_enough_to_build_and_to_test() -> None:
    """Distributions build from the sdist and run the tests in it."""
    packages = {
        file if file.startswith("consentgate/") else f"adapters/{file}" for file in packaged_files()
    }
    needed = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tests/conftest.py"}
    assert (packages | needed) - sdist_files() == set()
