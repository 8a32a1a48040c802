"""The command: an application in, a first policy file out."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from consentgate.check.answers import of_answers
from consentgate.check.kinds import KINDS
from consentgate.check.run import check_site
from consentgate.check.site import started
from consentgate.check.states import STATES
from consentgate.check.summary import summaries
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
from consentgate.findings import worst_first
from consentgate.init.draft import draft
from consentgate.init.next_steps import next_steps
from consentgate.policy import Policy
from consentgate.policy_file import load_preset, preset_names
from consentgate.printable import printable
from consentgate.usage_error import Unusable

if TYPE_CHECKING:
    from consentgate.check.runner import Scenario
    from consentgate.check.sightings import Run
    from consentgate.client.application import Application
    from consentgate.init.draft import Draft

_EXAMPLES: Final = {
    "flask": "shop.app:app, or shop.app:create_app()",
    "django": "the settings module, such as mysite.settings",
    "starlette": "shop.app:app; FastAPI's too",
    "other": "any WSGI or ASGI application, such as shop.wsgi:application",
}
_GRANTED: Final = tuple(state for state in STATES if state.name == "granted")


def _jurisdictions() -> list[str]:
    return [name for name in preset_names() if "mode" in load_preset(name)]


@click.command(
    epilog="""\b
Answering its questions:
  consentgate init
Without any:
  consentgate init shop.app:app --preset fr --output consent.toml
With what is behind a sign-in, as consentgate check --help tells:
  consentgate init shop.app:app --scenario checks:sign_in
"""
)
@click.argument("application", metavar="[MODULE:APP]", required=False)
@click.option(
    "--preset",
    type=click.Choice(_jurisdictions()),
    metavar="LAW",
    help=f"That of your visitors: {', '.join(_jurisdictions())}.",
)
@site_options
@click.option(
    "--output",
    default="consent.toml",
    callback=checked_file,
    metavar="FILE",
    help="'-' prints it.  [consent.toml]",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(application: str | None, output: str, *, force: bool, **options: Any) -> None:
    """Write a first policy file, with the cookies that an application sets.

    MODULE:APP is run once in this process and asked for all its paths, or those of --path; so give
    it a database for tests. What the catalogue of known cookies knows becomes a rule to review,
    what nobody knows a comment.
    """
    let_findings_speak()
    if output != "-" and Path(output).exists() and not force:
        raise Unusable(f"{output!r} is there already; give another --output, or --force")
    target = application or _ask_for_application()
    preset = options["preset"] or _ask_for_preset()
    try:
        with clean_output(wanted=output == "-"):
            loaded = load(target, options["interface"])
            run = _run(loaded, **options)
            written = _draft(loaded, run, preset)
    except ConfigurationError as error:
        raise Unusable(str(error)) from None
    _tell_of_gaps(run)
    write(output, written.text)
    steps = next_steps(loaded, output, printable(target), is_gated=run.is_gated)
    click.echo(f"{_told(written, output)}\n\n{steps}", err=True)


def _ask_for_application() -> str:
    framework: str = click.prompt(
        "Which framework", type=click.Choice(list(_EXAMPLES)), default="other", err=True
    )
    answer: str = click.prompt(f"Where is it ({_EXAMPLES[framework]})", err=True)
    return answer


def _ask_for_preset() -> str:
    answer: str = click.prompt(
        "Which law are your visitors under",
        type=click.Choice(_jurisdictions()),
        default="strict",
        err=True,
    )
    return answer


def _run(
    application: Application,
    *,
    url: str | None,
    timeout: float,
    scenario: Scenario | None,
    **options: Any,
) -> Run:
    """Ask for everything once, with a gate that changes nothing around it unless it has its own."""
    watching = Policy("init", mode="report", unregistered="report")
    with started(application, url or url_of(application), timeout=timeout) as site:
        chosen = chosen_paths(site, **options)
        return check_site(
            site,
            chosen.paths,
            policy=watching,
            states=_GRANTED,
            scenario=scenario,
            unless_gated=True,
            unasked=chosen.unasked,
        )


def _tell_of_gaps(run: Run) -> None:
    """Say on standard error what could not be asked, and what to do about it."""
    by_kind = groupby(worst_first(of_answers(run)), lambda finding: finding.id)
    for kind, found in by_kind:
        lines = [*(finding.message for finding in found), f"  {KINDS[kind].help}", ""]
        click.echo("\n".join(map(printable, lines)), err=True)


def _draft(application: Application, run: Run, preset: str) -> Draft:
    version = datetime.now(UTC).strftime("%Y-%m")
    policy = application.with_framework(Policy(version, preset=preset))
    cookies = [each for each in summaries(run.sightings) if each.is_set and each.name]
    return draft(cookies, policy, title=f"What {application.target} may store.")


def _told(written: Draft, output: str) -> str:
    lines = ["The policy has:" if output == "-" else f"{output} has:"]
    for what, names in (
        ("guessed from the catalogue, to review", written.guessed),
        ("unknown, comments until you say what they are for", written.unknown),
        ("that no rule can be for", written.impossible),
        ("known to ConsentGate, exempt", written.known),
    ):
        if names:
            lines.append(f"  {len(names)} {what}: {printable(', '.join(names))}")
    return "\n".join(lines) if len(lines) > 1 else "No cookie was set on any path."
