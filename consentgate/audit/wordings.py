"""What banners call their buttons, in the languages that the library speaks and some more.

Whole labels, not words within them: "Accept" is a button, "Accepted payments" is a link.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ACCEPT", "REFUSE", "REOPEN", "REOPENERS"]


def _labels(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"^\W*(?:{'|'.join(alternatives)})\W*$", re.IGNORECASE)


_COOKIES: Final = r"(?: (?:all|the|our|these))?(?: (?:optional|non-essential))?(?: cookies)?"

ACCEPT: Final = _labels(
    rf"(?:(?:i|yes,? i) )?(?:accept|agree|allow|consent)(?: to)?{_COOKIES}(?: (?:and|&) \w+)?",
    r"(?:ok|okay|got it|i agree)",
    r"(?:tout )?(?:accepter|autoriser)(?: tout| tous les cookies| les cookies)?(?: (?:et|&) \w+)?",
    r"j.accepte(?: tout| les cookies)?",
    r"(?:alle[sn]? )?(?:cookies )?(?:akzeptieren|zulassen|annehmen|erlauben)(?: (?:und|&) \w+)?",
    r"(?:ich )?(?:akzeptiere|stimme zu)|zustimmen|einverstanden",
    r"(?:aceptar|acepto|permitir)(?: tod[ao]s?)?(?: las)?(?: cookies)?(?: y \w+)?",
    r"(?:accetta|accetto|consenti)(?: tutt[ioe]?)?(?: i)?(?: cookie)?(?: e \w+)?",
    r"(?:alle[s]? )?(?:cookies )?(?:accepteren|toestaan)|akkoord|alles accepteren",
    r"(?:aceitar|aceito|permitir)(?: tod[ao]s)?(?: os)?(?: cookies)?",
    r"(?:za)?akceptuj[eę]?(?: wszystkie)?(?: pliki cookie| cookies)?|zgadzam się",
    r"(?:acceptera|godkänn)(?: alla)?(?: cookies| kakor)?|tillåt alla(?: cookies)?",
)
"""Consent to everything."""

REFUSE: Final = _labels(
    rf"(?:(?:no,? )?i )?(?:reject|decline|refuse|deny|disagree|disallow){_COOKIES}"
    r"(?: (?:and|&) \w+)?",
    r"(?:withdraw|revoke)(?: (?:all|my))?(?: consents?)?|do not (?:accept|consent)|opt[ -]out",
    r"(?:(?:use|accept|allow) )?(?:only )?(?:strictly )?(?:necessary|essential|required)"
    r"(?: cookies)?(?: only)?",
    r"(?:continue|proceed) without (?:accepting|consent|agreeing)",
    r"(?:tout )?(?:refuser|rejeter|interdire)(?: tout| tous les cookies| les cookies)?",
    r"je refuse(?: tout)?|continuer sans accepter|retirer (?:mon |le )?consentement",
    r"(?:alle[sn]? )?(?:cookies )?(?:ablehnen|verweigern)|nicht zustimmen",
    r"(?:nur|ausschließlich) (?:(?:technisch )?notwendige|essenzielle|erforderliche)n?"
    r"(?: cookies)?(?: \w+)?|(?:einwilligung|zustimmung) widerrufen",
    r"(?:rechazar|rechazo|denegar)(?: tod[ao]s?)?(?: las)?(?: cookies)?"
    r"|(?:s[oó]lo|solamente) (?:necesarias|esenciales)",
    r"(?:rifiuta|rifiuto|nega)(?: tutt[ioe]?)?(?: i)?(?: cookie)?|continua senza accettare"
    r"|solo (?:i )?(?:cookie )?(?:necessari|essenziali)",
    r"(?:alles? |alle cookies )?(?:weigeren|afwijzen)"
    r"|(?:alleen|enkel) (?:noodzakelijke?|functionele)"
    r"(?: cookies)?(?: \w+)?",
    r"(?:rejeitar|recusar)(?: tod[ao]s)?(?: os)?(?: cookies)?",
    r"odrzuć(?: wszystkie)?(?: pliki cookie| cookies)?|nie zgadzam się",
    r"(?:avvisa|neka)(?: alla)?(?: cookies| kakor)?|(?:endast|bara) nödvändiga(?: cookies| kakor)?",
)
"""Refuse everything that can be refused."""

REOPEN: Final = _labels(
    r"(?:manage|change|edit|review|open|update)?(?: your| my)? ?"
    r"(?:cookies?|privacy|consent|tracking)"
    r" ?(?:settings?|preferences?|choices|options|consent|manager)",
    r"(?:manage|change) (?:your |my )?(?:cookies?|consent|choices)|your privacy choices"
    r"|do not sell(?: or share)? my personal information|ad choices",
    r"(?:g[eé]rer|modifier|param[eé]trer|personnaliser|pr[eé]f[eé]rences|param[eè]tres|gestion)"
    r" ?(?:mes |les |des |de |vos |aux )*"
    r"(?:cookies|choix|consentements?|traceurs|confidentialit[eé])?"
    r"(?: (?:relatifs aux |des |en mati[eè]re de )?cookies)?",
    r"(?:cookies?|datenschutz|privatsphäre|consent)[ -]?"
    r"(?:einstellungen|präferenzen|optionen|auswahl)(?: (?:ändern|öffnen|verwalten))?",
    r"(?:configuraci[oó]n|configurar|preferencias|gestionar|ajustes|panel) ?(?:de |las |mis )*"
    r"(?:cookies|privacidad|consentimiento)",
    r"(?:impostazioni|preferenze|gestisci|gestione|modifica) ?(?:sui |dei |i |le |tue )*"
    r"(?:cookie|privacy|consenso|preferenze)(?: cookie)?",
    r"(?:cookies?|privacy)[ -]?(?:instellingen|voorkeuren)(?: (?:wijzigen|beheren))?",
    r"(?:defini[cç][oõ]es|prefer[eê]ncias|gerir) ?(?:de |os )*cookies",
    r"ustawienia (?:plików )?cookies?|(?:cookie|kak)[ -]?inställningar",
)
"""Open again what asked for consent."""

REOPENERS: Final = (
    "#CookiebotWidget",
    "#ot-sdk-btn",
    "#ot-sdk-btn-floating button",
    ".ot-sdk-show-settings",
    ".optanon-toggle-display",
    ".didomi-consent-notice-preferences",
    ".cky-btn-revisit",
    ".cmplz-manage-consent",
    "#tarteaucitronIcon button",
    "#tarteaucitronManager",
    ".iubenda-cs-preferences-link",
    ".iubenda-tp-btn",
    "#usercentrics-psl",
    "[data-cc='show-preferencesModal']",
    "[data-cc='c-settings']",
    ".termly-display-preferences",
    ".osano-cm-widget",
    ".cookiefirst-settings-button",
    ".axeptio_widget",
    ".cc-revoke",
)
"""What well-known managers leave on the page for it, as CSS."""
