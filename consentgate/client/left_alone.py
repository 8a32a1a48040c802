"""Which paths look as if to ask for them ends the visit, or takes something away.

By their words, in the languages that ConsentGate speaks: there is no other way to tell from
outside.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

__all__ = ["is_left_alone"]

_ENDS_A_VISIT: Final = {
    "de": "abmelden ausloggen",
    "en": "logout logoff signout signoff",
    "es": "cerrarsesion desconectar salir",
    "fr": "deconnexion deconnecter deconnecte",
    "it": "disconnetti disconnettersi esci",
    "nl": "afmelden uitloggen",
}
_TAKES_AWAY: Final = {
    "de": "loschen loesche loeschen entfernen kundigen kuendigen stornieren deaktivieren"
    " abbestellen abbrechen",
    "en": "cancel deactivate delete destroy erase purge remove unsubscribe",
    "es": "eliminar borrar quitar cancelar anular desactivar desuscribir vaciar",
    "fr": "supprimer effacer desabonner desinscrire desinscription desactiver annuler resilier",
    "it": "elimina eliminare cancella cancellare rimuovi rimuovere disattiva disattivare annulla"
    " annullare disiscriviti svuota",
    "nl": "verwijder verwijderen annuleren opzeggen uitschrijven deactiveren",
}
_WORDS: Final = frozenset(" ".join([*_ENDS_A_VISIT.values(), *_TAKES_AWAY.values()]).split())
_NEXT_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LETTERS = re.compile(r"[a-z]+")
_IN_TWO_WORDS = re.compile(
    r"(?<![a-z])((log|sign)[-_+ ](out|off)|(cerrar|fermer)[-_+ ](la[-_+ ])?sess?ion)(?![a-z])"
)
_WITHIN_A_WORD = re.compile(r"(log|sign)(out|off)|(?<![a-z])delete(?!([drs]|rs)(?![a-z]))")


def is_left_alone(path: str) -> bool:
    """Whether to ask for ``path`` may end the visitor's session, or take something away.

    It looks so where its path or query has such a word in English, Dutch, French, German, Italian
    or Spanish: ``/logout``, ``/signOff``, ``/deconnexion``, ``/user/3/deactivate``. Accents and
    the case do not matter; ``deleteAccount`` is two words.
    """
    text = _plain(_NEXT_WORD.sub("-", unquote(path)))
    if _WITHIN_A_WORD.search(text) or _IN_TWO_WORDS.search(text):
        return True
    return not _WORDS.isdisjoint(_LETTERS.findall(text))


def _plain(text: str) -> str:
    """Return ``text`` in lower case and without accents."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))
