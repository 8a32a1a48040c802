"""What is to be audited: which pages of a site, and how its banner is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urljoin, urlsplit

from consentgate.audit.domains import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consentgate.audit.autoconsent import Autoconsent
    from consentgate.audit.banners import SelectorBanner

__all__ = ["Plan", "further_pages"]

_NO_PAGES: Final = (".pdf", ".zip", ".gz", ".jpg", ".jpeg", ".png", ".gif", ".svg", ".webp",
    ".mp3", ".mp4", ".xml", ".rss", ".doc", ".docx", ".xls", ".xlsx", ".csv", ".ics")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is to be audited, and how banners are answered."""

    url: str
    further: tuple[str, ...] = ()
    """Addresses or paths of the site; where there are none, links of the first page."""
    pages: int = 3
    """How many links of the first page are followed."""
    named: SelectorBanner | None = None
    """The banner whose buttons were named, if they were."""
    autoconsent: Autoconsent | None = field(default=None, repr=False)
    gpc: bool = False

    @property
    def steps(self) -> int:
        """How many stages there are at most."""
        return 5 + self.gpc


def further_pages(plan: Plan, page: str, links: Iterable[str]) -> list[str]:
    """Return the addresses that are visited after the first: those given, else the first links."""
    if plan.further:
        return [urljoin(page, each) for each in plan.further]
    seen = {_bare(plan.url), _bare(page)}
    found: list[str] = []
    for link in links:
        bare = _bare(link)
        if bare not in seen and _is_page(link, page) and len(found) < plan.pages:
            seen.add(bare)
            found.append(urldefrag(link).url)
    return found


def _bare(url: str) -> str:
    return urldefrag(url).url.rstrip("/")


def _is_page(link: str, page: str) -> bool:
    """Whether ``link`` leads to a page of the same host."""
    if not link.startswith(("http://", "https://")) or host_of(link) != host_of(page):
        return False
    path = urlsplit(link).path.lower()
    return not path.endswith(_NO_PAGES) and not {"logout", "signout", "consent"} & set(
        path.split("/")
    )
