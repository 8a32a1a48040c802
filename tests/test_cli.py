"""The command line: its version, its commands from wherever they are, and what is missing."""

from __future__ import annotations

import runpy
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from consentgate import cli
from consentgate.cli import load, main
from consentgate.extras import remedy

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: str) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution with two commands, of which one needs what is not installed."""
    metadata = tmp_path / "shopkit-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shopkit\nVersion: 1.0\nProvides-Extra: greet\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[consentgate.commands]\n"
        "hello = shopkit_commands:hello\n"
        "greet = shopkit_greetings:greet\n"
        "wave = shopkit_greetings:wave\n"
    )
    (tmp_path / "shopkit_commands.py").write_text(
        "import click\n\n@click.command()\ndef hello():\n    '''Say hello.'''\n"
        "    click.echo('hello')\n"
    )
    (tmp_path / "shopkit_greetings.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_version_is_that_of_the_package() -> None:
    """--version tells what is installed."""
    assert f"consentgate, version {version('consentgate')}\n" == run("--version").output


def test_help_lists_the_commands() -> None:
    """The demo is found through its entry point."""
    result = run("--help")
    assert 0 == result.exit_code
    assert "demo  " in result.output


def test_a_command_of_ours_is_run() -> None:
    """A command's own help is reached through the group."""
    assert run("demo", "--help").output.startswith("Usage: main demo")


def test_an_unknown_command_is_an_error() -> None:
    """A slip of the pen is told as click tells it."""
    result = run("dmeo")
    assert 2 == result.exit_code
    assert "No such command 'dmeo'" in result.output


@pytest.mark.usefixtures("plugins")
def test_other_packages_add_commands() -> None:
    """A command under the entry-point group of another package runs as if it were ours."""
    assert "hello" in run("--help").output
    assert "hello\n" == run("hello").output


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("arguments", [["greet"], ["greet", "--help"], ["greet", "--port", "1"]])
def test_a_missing_extra_gives_a_remedy(arguments: list[str]) -> None:
    """Whatever was asked of it, one line says what to install, without a traceback."""
    result = run(*arguments)
    assert 2 == result.exit_code
    assert "Error: greet needs no_such_module: pip install 'shopkit[greet]'\n" == result.output


@pytest.mark.usefixtures("plugins")
def test_a_missing_package_without_an_extra_is_named() -> None:
    """Where no extra bears the command's name the remedy is the package itself."""
    assert "pip install 'shopkit'" in run("wave").output


@pytest.mark.usefixtures("plugins")
def test_help_lists_what_is_not_installed() -> None:
    """One broken command does not hide the others."""
    output = run("--help").output
    assert "not installed: pip install" in output
    assert "demo  " in output


def test_the_remedy_for_a_command_of_nobody() -> None:
    """An entry point that was made by hand belongs to no package to be installed."""
    entry_point = EntryPoint("lost", "no_such_module:lost", "consentgate.commands")
    assert "install the package that it is in" == remedy(entry_point)
    assert "not installed: install the package that it is in" == load(entry_point).short_help


def test_an_error_within_a_command_is_not_hidden(plugins: Path) -> None:
    """Only a missing module has a remedy; a defect keeps its traceback."""
    (plugins / "shopkit_commands.py").write_text("from click import no_such_name\n")
    sys.modules.pop("shopkit_commands", None)
    result = run("hello")
    assert isinstance(result.exception, ImportError)


@pytest.mark.parametrize(
    "missing", ["click", "starlette", "uvicorn", "jinja2", "python_multipart", "rich"]
)
def test_the_demo_says_what_it_lacks(missing: str) -> None:
    """Each package that the demo needs, when missing, gives one line and exit code 2."""
    program = f"""if True:
        import sys
        sys.modules[{missing!r}] = None
        sys.argv = ["consentgate", "demo"]
        from consentgate.cli import main
        main()"""
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    extra = "cli" if missing == "click" else "demo"
    assert 2 == ended.returncode
    assert ended.stderr.endswith(f"pip install 'consentgate[{extra}]'\n")
    assert 1 == ended.stderr.count("\n")
    assert "" == ended.stdout


def test_without_click_the_import_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console script imports this module, so it is there that the remedy must be told."""
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(cli.__file__)
    assert capsys.readouterr().err.endswith(": pip install 'consentgate[cli]'\n")


def test_main_is_a_group_that_others_can_extend() -> None:
    """The group keeps the commands that are added to it in code."""

    @click.command()
    def extra() -> None:
        """Be there."""

    main.add_command(extra)
    try:
        assert "Be there." in run("--help").output
        assert 0 == run("extra").exit_code
    finally:
        del main.commands["extra"]
