"""The states of consent that a visitor can be in, and how a request shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from consentgate.policy import Policy

StateName = Literal["undecided", "refused", "granted", "withdrawn", "gpc"]


@dataclass(frozen=True, slots=True)
class State:
    """One state of consent."""

    name: StateName
    choice: Literal["none", "nothing", "everything"]
    """What the visitor has chosen."""
    before: Literal["none", "everything"] = "none"
    """What the visitor chose at first, with whose cookies the state begins."""
    gpc: bool = False
    """Whether the browser sends ``Sec-GPC: 1``."""

    @property
    def headers(self) -> dict[str, str]:
        """The request headers of the state."""
        return {"Sec-GPC": "1"} if self.gpc else {}


STATES: Final = (
    State("undecided", "none"),
    State("refused", "nothing"),
    State("granted", "everything"),
    State("withdrawn", "nothing", before="everything"),
    State("gpc", "none", gpc=True),
)


def granted_by(choice: str, policy: Policy) -> tuple[str, ...] | None:
    """Return the categories that a choice grants; None where there was none."""
    return {"none": None, "nothing": (), "everything": policy.offered}[choice]
