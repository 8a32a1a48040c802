"""The command: an address in; a summary, a report and JSON out."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import Progress

from consentgate.audit.autoconsent import INSTALL, Autoconsent
from consentgate.audit.banners import SelectorBanner
from consentgate.audit.browser import started
from consentgate.audit.classify import Classifier, policy_from_declaration
from consentgate.audit.judging import IDS, judge
from consentgate.audit.machine import as_json
from consentgate.audit.profile import Options
from consentgate.audit.report import report_html
from consentgate.audit.stages import Auditor, Plan
from consentgate.audit.summary import print_summary
from consentgate.audit.words import STAGES
from consentgate.exceptions import PolicyError
from consentgate.findings import LEVELS
from consentgate.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consentgate.audit.facts import Audit, StageName
    from consentgate.findings import Finding, Level

__all__ = ["audit"]

_STANDARD_OUTPUT: Final = "-"
_LEVELS_THAT_FAIL: Final = ("error", "warning", "never")


def _url(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses; one without a scheme is taken to be a host over TLS."""
    return tuple(map(_with_scheme, value))


def _with_scheme(value: str) -> str:
    url = value if "://" in value else f"https://{value}"
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:
        known = None
    if not known:
        raise click.BadParameter(f"{value!r} is no address of a page: https://shop.example/")
    return url


def _path(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not each.startswith("/"):
            raise click.BadParameter(f"{each!r} is no path: begin it with '/'", ctx, param)
    return value


def _writable(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the path of a file that can be in its folder; else the audit would be for nothing."""
    if value is not None and not Path(value).parent.is_dir():
        raise click.BadParameter(f"there is no folder {Path(value).parent}", ctx, param)
    return value


def _ignored(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> frozenset[tuple[str, str]]:
    pairs = [(kind, name) for kind, _, name in (each.partition(":") for each in value)]
    for kind, _ in pairs:
        if kind not in IDS:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(IDS)}", ctx, param)
    return frozenset(pairs)


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
2 for a mistake in this command, 3 where the site could not be audited.
"""
)
@click.argument("urls", metavar="URL [URL]...", nargs=-1, required=True, callback=_url)
@click.option("--path", "paths", multiple=True, callback=_path, help="Also look at this page.")
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
    callback=_writable,
    help="Write a report for people.",
)
@click.option(
    "--json",
    "json_",
    type=click.Path(dir_okay=False),
    callback=_writable,
    help="Write all for machines; '-' prints it.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="ID[:NAME]",
    callback=_ignored,
    help="Leave out findings of this kind, or those about this name.",
)
@click.option("--fail-on", type=click.Choice(_LEVELS_THAT_FAIL), default="error", show_default=True)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=30.0,
    show_default=True,
    help="Seconds that a page may take to load.",
)
@click.option("--language", default="en", show_default=True, help="The browser's language: fr-FR.")
@click.option("--user-agent", help="What the browser calls itself.")
@click.option("--insecure", is_flag=True, help="Believe any certificate.")
@click.option("--browser", "browser_path", help="The Chromium to start.")
@click.option("--browser-argument", multiple=True, hidden=True, help="Handed to the browser.")
def audit(
    urls: tuple[str, ...],
    *,
    paths: tuple[str, ...],
    pages: int,
    policy_file: str | None,
    refuse: tuple[str, ...],
    accept: tuple[str, ...],
    withdraw: tuple[str, ...],
    autoconsent_folder: Path | None,
    gpc: bool,
    html: str | None,
    json_: str | None,
    ignore: frozenset[tuple[str, str]],
    fail_on: str,
    timeout: float,
    language: str,
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
    """
    policy = _policy(policy_file)
    is_named = bool(refuse or accept or withdraw)
    plan = Plan(
        urls[0],
        (*urls[1:], *paths),
        pages,
        SelectorBanner(refuse, accept, withdraw) if is_named else None,
        None if is_named else _autoconsent(autoconsent_folder),
        gpc,
    )
    options = Options(timeout, language, user_agent, insecure)
    seen = _look(plan, options, browser_path, browser_argument)
    classifier = _classifier(seen, policy, policy_file, language)
    findings = _kept(judge(seen, classifier), ignore)
    _write(html, lambda: report_html(seen, findings, classifier, version=version("consentgate")))
    _write(json_, lambda: as_json(seen, findings, classifier))
    if _STANDARD_OUTPUT not in (json_, html):
        print_summary(Console(), seen, findings, classifier)
    sys.exit(_fails(findings, fail_on))


def _policy(path: str | None) -> Policy | None:
    if path is None:
        return None
    try:
        return Policy.from_file(path)
    except PolicyError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None


def _autoconsent(folder: Path | None) -> Autoconsent | None:
    try:
        return Autoconsent.load(folder) if folder else Autoconsent.find(Path.cwd())
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"this is not the npm package ({error}): {INSTALL}", param_hint="--autoconsent"
        ) from None


def _look(
    plan: Plan, options: Options, browser_path: str | None, arguments: Sequence[str]
) -> Audit:
    """Audit with a progress bar, which only a terminal shows."""
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        started(browser_path, arguments) as launcher,
    ):
        task = progress.add_task("Starting", total=plan.steps)

        def tell(stage: StageName) -> None:
            progress.update(task, advance=1, description=STAGES[stage])

        return Auditor(launcher, plan, options, tell).run()


def _classifier(
    seen: Audit, policy: Policy | None, policy_file: str | None, language: str
) -> Classifier:
    if policy:
        return Classifier(policy, f"the policy file {policy_file}", language)
    if seen.declaration is None:
        return Classifier(None)
    try:
        declared = policy_from_declaration(seen.declaration)
    except PolicyError as error:
        click.echo(f"Warning: the site's policy.json is not used: {error}", err=True)
        return Classifier(None)
    return Classifier(declared, "the policy that the site itself declares", language)


def _kept(findings: Iterable[Finding], ignored: frozenset[tuple[str, str]]) -> tuple[Finding, ...]:
    return tuple(
        finding
        for finding in findings
        if ignored.isdisjoint({(finding.id, ""), (finding.id, finding.cookie)})
    )


def _write(path: str | None, make: Callable[[], str]) -> None:
    if path is None:
        return
    text = make()
    if path == _STANDARD_OUTPUT:
        click.echo(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _fails(findings: Iterable[Finding], fail_on: str) -> int:
    if fail_on == "never":
        return 0
    failing = LEVELS[: LEVELS.index(cast("Level", fail_on)) + 1]
    return int(any(finding.level in failing for finding in findings))
