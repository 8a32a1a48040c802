"""The command: an address in; a summary, a report and JSON out."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import click
from rich.console import Console
from rich.progress import Progress

from consentgate.audit.arguments import STANDARD_OUTPUT, ids, language, paths, urls, writable
from consentgate.audit.autoconsent import INSTALL, Autoconsent
from consentgate.audit.banners import SelectorBanner
from consentgate.audit.browser import started
from consentgate.audit.classify import Classifier, policy_from_declaration
from consentgate.audit.interruption import interruptible
from consentgate.audit.judging import judge
from consentgate.audit.machine import as_json
from consentgate.audit.options import Options
from consentgate.audit.outputs import write_all
from consentgate.audit.plan import Plan
from consentgate.audit.report import report_html
from consentgate.audit.stages import Auditor
from consentgate.audit.summary import print_summary
from consentgate.audit.words import STAGES, cut
from consentgate.exceptions import PolicyError
from consentgate.findings import fails, is_ignored
from consentgate.policy import Policy
from consentgate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.audit.facts import Audit, StageName

__all__ = ["audit", "classifier_for"]

FailOn = Literal["error", "warning", "never"]
_LONGEST: Final = 300
"""Characters of what a site or a file says that are shown."""


@click.command(
    epilog="""\b
What a shop stores, and what it goes on reading:
  consentgate audit https://shop.example --html report.html
With a banner that nobody knows:
  consentgate audit https://shop.example --refuse '#no' --accept '#yes' \\
      --withdraw '#change' --withdraw '#no'
In CI, for a known exception:
  consentgate audit http://127.0.0.1:8000 --policy consent.toml \\
      --ignore storage-before-choice:theme --json audit.json
Ends with 0 where nothing is as bad as --fail-on, 1 where something is,
2 for a mistake in this command or a report that cannot be written, 3 where
the site could not be audited.
"""
)
@click.argument("urls_", metavar="URL [URL]...", nargs=-1, required=True, callback=urls)
@click.option("--path", "paths_", multiple=True, callback=paths, help="Also look at this page.")
@click.option(
    "--pages",
    type=click.IntRange(0, 50),
    default=3,
    show_default=True,
    help="How many links of the first page to follow, where no further page is named.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(),
    help="The site's policy file; else what a ConsentGate of the site declares, else guesses.",
)
@click.option("--refuse", multiple=True, metavar="CSS", help="What to click to refuse; in turn.")
@click.option("--accept", multiple=True, metavar="CSS", help="What to click to accept; in turn.")
@click.option(
    "--withdraw", multiple=True, metavar="CSS", help="What to click to withdraw; in turn."
)
@click.option(
    "--autoconsent",
    "autoconsent_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the npm package @duckduckgo/autoconsent is; else in node_modules here or above.",
)
@click.option("--gpc", is_flag=True, help="Also visit with Global Privacy Control.")
@click.option(
    "--html",
    "html",
    type=click.Path(dir_okay=False),
    callback=writable,
    help="Write a report for people.",
)
@click.option(
    "--json",
    "json_",
    type=click.Path(dir_okay=False),
    callback=writable,
    help="Write all for machines; '-' prints it.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="ID[:NAME]",
    callback=ids,
    help="Leave out findings of this kind, or those about this name; that they are is told.",
)
@click.option(
    "--fail-on",
    type=click.Choice(get_args(FailOn)),
    default="error",
    show_default=True,
    help="The least bad finding that makes this command end with 1.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=30.0,
    show_default=True,
    help="Seconds that a page may take to load.",
)
@click.option(
    "--language",
    "language_",
    default="en",
    show_default=True,
    callback=language,
    help="The browser's language: fr-FR.",
)
@click.option(
    "--user-agent",
    help="What the browser calls itself; else what it would with a window, without the word "
    "Headless, for which many sites behave. Its client hints say Chromium either way.",
)
@click.option("--insecure", is_flag=True, help="Believe any certificate.")
@click.option("--browser", "browser_path", help="The Chromium to start.")
@click.option("--browser-argument", multiple=True, hidden=True, help="Handed to the browser.")
def audit(
    urls_: tuple[str, ...],
    *,
    paths_: tuple[str, ...],
    pages: int,
    policy_file: str | None,
    refuse: tuple[str, ...],
    accept: tuple[str, ...],
    withdraw: tuple[str, ...],
    autoconsent_folder: Path | None,
    gpc: bool,
    html: str | None,
    json_: str | None,
    ignore: tuple[str, ...],
    fail_on: FailOn,
    timeout: float,
    language_: str,
    user_agent: str | None,
    insecure: bool,
    browser_path: str | None,
    browser_argument: tuple[str, ...],
) -> None:
    """Find out what the site at URL stores and sends, in a real browser.

    Its pages are looked at by a visitor who has not chosen, by one who refuses, and by one who
    accepts, comes again and withdraws. The banner of ConsentGate is known; others are answered by
    the rules of the npm package @duckduckgo/autoconsent, or by the clicks that --refuse, --accept
    and --withdraw name. Further URLs are further pages of the same site.

    What a site declares of itself is believed as far as ConsentGate's catalogue of known cookies
    does not say otherwise; hand in its policy by --policy where you know better.
    """
    policy = _policy(policy_file)
    is_named = bool(refuse or accept or withdraw)
    plan = Plan(
        urls_[0],
        (*urls_[1:], *paths_),
        pages,
        SelectorBanner(refuse, accept, withdraw) if is_named else None,
        None if is_named else _autoconsent(autoconsent_folder),
        gpc,
    )
    options = Options(timeout, language_, user_agent, insecure)
    seen = _look(plan, options, browser_path, browser_argument)
    classifier = classifier_for(seen, policy, policy_file, language_)
    found = judge(seen, classifier)
    left_out = tuple(finding for finding in found if is_ignored(finding, ignore))
    findings = tuple(finding for finding in found if finding not in left_out)
    if STANDARD_OUTPUT not in (json_, html):
        print_summary(Console(), seen, findings, classifier, left_out)
    used = version("consentgate")
    write_all(
        (
            (html, lambda: report_html(seen, findings, classifier, left_out, version=used)),
            (json_, lambda: as_json(seen, findings, classifier, left_out)),
        )
    )
    sys.exit(fails(findings, fail_on))


def _policy(path: str | None) -> Policy | None:
    if path is None:
        return None
    try:
        return Policy.from_file(path)
    except PolicyError as error:
        raise click.BadParameter(_shown(error), param_hint="--policy") from None


def _autoconsent(folder: Path | None) -> Autoconsent | None:
    try:
        return Autoconsent.load(folder) if folder else Autoconsent.find(Path.cwd())
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"this is not the npm package ({_shown(error)}): {INSTALL}", param_hint="--autoconsent"
        ) from None


def _look(
    plan: Plan, options: Options, browser_path: str | None, arguments: Sequence[str]
) -> Audit:
    """Audit with a progress bar, which only a terminal shows."""
    console = Console(stderr=True)
    with interruptible(), ExitStack() as stack:
        progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        task = stack.enter_context(progress).add_task("Starting", total=plan.steps)

        def tell(stage: StageName) -> None:
            progress.update(task, advance=1, description=STAGES[stage])

        launcher = started(browser_path, arguments)
        return Auditor(stack.enter_context(launcher), plan, options, tell).run()


def classifier_for(
    seen: Audit, policy: Policy | None, policy_file: str | None, in_language: str
) -> Classifier:
    """Return what says what cookies are for: a policy file, else the site, else the catalogue."""
    if policy:
        return Classifier(policy, seen.parties, f"the policy file {policy_file}", in_language)
    if seen.declaration is None:
        return Classifier(None, seen.parties)
    try:
        declared = policy_from_declaration(seen.declaration)
    except PolicyError as error:
        click.echo(f"Warning: the site's policy.json is not used: {_shown(error)}", err=True)
        return Classifier(None, seen.parties)
    source = "the policy that the site itself declares"
    return Classifier(declared, seen.parties, source, in_language, is_own_word=True)


def _shown(error: Exception) -> str:
    """Return what is wrong, which may quote a file or a site: it controls no terminal."""
    return cut(printable(str(error)), _LONGEST)
