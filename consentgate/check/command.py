"""The command: an application in, what is wrong with its cookies out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from consentgate.check.judging import findings
from consentgate.check.kinds import KINDS
from consentgate.check.reports import as_json, as_junit, as_sarif, print_table
from consentgate.check.run import check_site
from consentgate.check.site import started
from consentgate.check.states import STATES
from consentgate.check.usage import (
    checked_file,
    chosen_paths,
    clean_output,
    let_findings_speak,
    load,
    site_options,
    url_of,
    write,
)
from consentgate.exceptions import ConfigurationError
from consentgate.findings import LEVELS, fails, is_ignored
from consentgate.policy import Policy
from consentgate.printable import printable
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.check.discovery import Discovery
    from consentgate.check.runner import Scenario
    from consentgate.check.sightings import Run
    from consentgate.check.site import Site
    from consentgate.client.application import Application
    from consentgate.findings import Finding, Level

_PASSES: Final = sum(1 if state.before == "none" else 2 for state in STATES)
_REPORTS: Final = ("json", "junit", "sarif")


def _ignored(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for entry in value:
        if entry.partition(":")[0] not in KINDS:
            raise click.BadParameter(
                f"{entry!r} is no kind of finding; there are {', '.join(KINDS)}", ctx, param
            )
    return value


@click.command(
    epilog="""\b
In CI, with what its host shows as tests and beside the code:
  consentgate check shop.app:app --junit check.xml --sarif check.sarif
Before there is a gate in the application:
  consentgate check shop.app:app --policy consent.toml
What visitors do besides looking, once each, in checks.py:
  def sign_in(client):  # an httpx.Client
      client.post("/login", data={"user": "test", "password": "test"})
  consentgate check shop.app:app --scenario checks:sign_in
Exit codes:
  0 nothing wrong, 1 findings of --fail-on or worse, 2 it could not be checked
"""
)
@click.argument("application", metavar="MODULE:APP")
@click.option(
    "--policy", "policy_file", metavar="FILE", help="That of an application without a gate."
)
@site_options
@click.option(
    "--ignore",
    multiple=True,
    callback=_ignored,
    metavar="ID[:COOKIE]",
    help="Live with findings of this kind, or with those about one cookie.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*LEVELS, "never"]),
    default="error",
    metavar="LEVEL",
    help="error, warning, note or never.  [error]",
)
@click.option("--json", callback=checked_file, metavar="FILE", help="All that was seen.")
@click.option("--junit", callback=checked_file, metavar="FILE", help="A test for each cookie.")
@click.option("--sarif", callback=checked_file, metavar="FILE", help="For beside the code.")
def check(application: str, policy_file: str | None, **options: Any) -> None:
    """Check what cookies an application really sets, in every state of consent.

    MODULE:APP is a WSGI or ASGI application, as its server is told it, 'module:make_app()' what
    makes one, or the settings module of a Django site. It is run in this process, so give it a
    database for tests. Unless --path says otherwise, it is asked for every path of its framework's
    map of URLs, its sitemap and its OpenAPI document, but for what may end the visit or delete
    something. A report for the FILE '-' goes to standard output in place of the table.
    """
    let_findings_speak()
    to_output = [options[report] for report in _REPORTS].count("-")
    if to_output > 1:
        raise Unusable("only one report can go to standard output")
    try:
        policy = None if policy_file is None else Policy.from_file(policy_file)
        with clean_output(wanted=to_output > 0):
            loaded = load(application, options["interface"])
            run = _run(loaded, policy, **options)
    except ConfigurationError as error:
        raise Unusable(str(error)) from None
    found = findings(run)
    shown = [finding for finding in found if not is_ignored(finding, options["ignore"])]
    _report(run, found, shown, Path(policy_file) if policy_file else _file_of(loaded), **options)
    if fails(shown, options["fail_on"]):
        raise SystemExit(1)


def _run(
    application: Application,
    policy: Policy | None,
    *,
    url: str | None,
    timeout: float,
    scenario: Scenario | None,
    **options: Any,
) -> Run:
    with started(application, url or url_of(application), timeout=timeout) as site:
        return _watched(site, chosen_paths(site, **options), policy, scenario)


def _watched(
    site: Site, chosen: Discovery, policy: Policy | None, scenario: Scenario | None
) -> Run:
    """Check ``site``, and show how far it is where somebody sits at a terminal."""
    console = Console(stderr=True)
    requests = (_PASSES + (len(STATES) if scenario else 0)) * len(chosen.paths)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(escape(printable(site.application.target)), total=requests)
        return check_site(
            site,
            chosen.paths,
            policy=policy,
            scenario=scenario,
            progress=lambda: progress.advance(bar),
            unasked=chosen.unasked,
        )


def _report(
    run: Run,
    found: Sequence[Finding],
    shown: Sequence[Finding],
    source: Path,
    *,
    fail_on: str,
    ignore: Sequence[str],
    **files: Any,
) -> None:
    """Write the reports that are asked for, and the table unless one is in its place."""
    failing: Sequence[Level] = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else ()
    if files["json"]:
        write(files["json"], as_json(run, shown))
    if files["junit"]:
        write(files["junit"], as_junit(run, shown, failing))
    if files["sarif"]:
        write(files["sarif"], as_sarif(run, found, source, ignore))
    if "-" not in [files[report] for report in _REPORTS]:
        print_table(Console(), run, shown)


def _file_of(application: Application) -> Path:
    """Return the file that the application is in."""
    module = sys.modules.get(application.target.partition(":")[0])
    return Path(getattr(module, "__file__", None) or application.target)
