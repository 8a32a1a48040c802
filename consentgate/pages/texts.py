"""What the pages say, in English; `locale/` has the same in other languages.

The names are those of the policy file's `[texts.<language>]` tables and of the templates. Each text
must be true under every policy, opt-out as well as opt-in, and ask without persuading. To add or
change one, edit it here and in every `consentgate.po`; a test compares them. pybabel finds them:

    pybabel extract --add-comments=Translators: --omit-header consentgate/pages
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 - gettext's name for "translate this, but later"
    """Mark ``text`` for translators."""
    return text


TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Translators: a link on every page. It opens the banner again, or leads to the page below.
        "settings": N_("Cookie settings"),
        # The banner.
        "banner_title": N_("Cookies on this site"),
        # Translators: before the purposes. Keep your language's plainest words for "we use
        # cookies": programs that refuse for their users know the banner by them.
        "banner_text": N_(
            "We use cookies. Some are needed for this site to work. Whether we use the others, "
            "for the purposes named here, is your decision. You can change it at any time in the "
            "cookie settings."
        ),
        # Translators: heading of the list of what the visitor decides about, one tick box each.
        "purposes": N_("Purposes"),
        # Translators: a button beside the next two. All three have equal weight: choose words of
        # similar length, and the words of your data protection authority.
        "accept_all": N_("Accept all"),
        # Translators: a button. Programs that refuse for their users know it by its words.
        "reject_all": N_("Reject all"),
        # Translators: a button; shows one tick box for each purpose.
        "customise": N_("Customise"),
        # Translators: a button; allows the ticked purposes and refuses the others.
        "save": N_("Save my choices"),
        # Translators: a button; takes back what was allowed before.
        "withdraw": N_("Withdraw consent"),
        # Translators: name of the cross that closes the banner. It neither accepts nor refuses.
        "close": N_("Close without choosing"),
        # Translators: of a purpose that needs no consent, instead of a tick box.
        "always_active": N_("Always active"),
        # Translators: of a purpose that this site rules out, instead of a tick box.
        "never_used": N_("Never used"),
        # Translators: of a purpose that needs consent, in the published list of cookies.
        "with_consent": N_("Only with your consent"),
        # Translators: of a purpose that needs no consent but can be refused, in the same list.
        "unless_refused": N_("Unless you refuse"),
        "saved": N_("Your choice has been saved."),
        "failed": N_("Your choice could not be saved. Please try again."),
        # Translators: a link to the page with every cookie, its provider, purpose and lifetime.
        "all_cookies": N_("List of all cookies"),
        # Content that waits for consent.
        # Translators: instead of a video or map, say. {host} is like "video.example", {category}
        # a purpose's title, like "Social networks".
        "placeholder": N_(
            "This content comes from {host}. It is shown only if you allow “{category}”."
        ),
        # Translators: the button below that sentence.
        "allow": N_("Allow “{category}”"),
        # The page.
        "preferences_title": N_("Cookie settings"),
        "preferences_text": N_(
            "Here you decide what this site may use cookies for. You can change your decision at "
            "any time."
        ),
        # Translators: with opt-in the boxes are empty until the visitor chooses; with opt-out they
        # are ticked. The sentence must be true of both.
        "undecided": N_(
            "You have not chosen yet. Until you do, the boxes below show what applies."
        ),
        # Translators: {date} and {asked_again} are days, like "November 22, 2026".
        "decided": N_(
            "You made your choice on {date}. It is valid until {asked_again} at the latest; then "
            "we will ask you again."
        ),
        # Translators: Global Privacy Control is a name. California wants to read "opt-out request
        # honored", in these words or similar ones.
        "gpc_honoured": N_(
            "Opt-out request honoured: your browser sends the Global Privacy Control signal."
        ),
        # Translators: a column's heading; below it are names of cookies.
        "cookie": N_("Cookie"),
        # Translators: a column's heading; below it are names of companies, or "This site".
        "vendor": N_("Provider"),
        # Translators: a column's heading; below it is what a cookie is for.
        "purpose": N_("Purpose"),
        # Translators: a column's heading; below it are durations, like "13 months".
        "life": N_("Lifetime"),
        # Translators: a column's heading; below it are domains, like "example.org", or "This site".
        "sent_to": N_("Sent to"),
        "this_site": N_("This site"),
        # Translators: a cookie's lifetime.
        "until_closed": N_("Until the browser is closed"),
        "no_cookies": N_("No cookies are declared for this purpose."),
        # Translators: {version} is like "2026-11".
        "policy_version": N_("Version of the cookie policy: {version}"),
        # Translators: heading of the part about the stored proof of the visitor's decisions.
        "record_title": N_("Record of your choices"),
        # Translators: true with and without a database; without one it is in the visitor's cookie.
        "record_text": N_("You can download what we keep of your choices, or have it erased."),
        "download": N_("Download the record"),
        "erase": N_("Erase the record"),
        "back": N_("Back to the site"),
        # Errors.
        "error_title": N_("That did not work"),
        "cross_site": N_(
            "The request came from another website. Nothing was changed. Please choose here, on "
            "this site."
        ),
        "too_large": N_("The request was too large. Nothing was changed."),
        "wrong_type": N_("The request came in a format that is not accepted. Nothing was changed."),
        "not_understood": N_("The request was not understood. Nothing was changed."),
        # Translators: {category} is a purpose's short name in lower case, like "statistics".
        "unknown_category": N_(
            "There is no choice to make about “{category}”. Nothing was changed."
        ),
        "unavailable": N_(
            "This is not possible at the moment. Nothing was changed. Please try again later."
        ),
    }
)
"""The English original of each text, by its name."""
