"""``consentgate check``: what an application really sets, in every state of consent."""

from consentgate.check.judging import findings
from consentgate.check.kinds import KINDS
from consentgate.check.run import check_application, check_site
from consentgate.check.sightings import Answer, Run, Sighting
from consentgate.check.site import Site, started
from consentgate.check.states import STATES, State

__all__ = [
    "KINDS",
    "STATES",
    "Answer",
    "Run",
    "Sighting",
    "Site",
    "State",
    "check_application",
    "check_site",
    "findings",
    "started",
]
