"""What pages store elsewhere than in cookies: names and sizes, asked of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, get_args

from consentgate.audit.asking import ask
from consentgate.audit.facts import Area, StoredKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Frame

__all__ = ["Storage", "items", "stored_keys"]

_MOST_KEYS: Final = 2_000
_MOST_OF_A_FRAME: Final = 800
_ASK: Final = """async () => {
    const MOST = 200;
    const kept = [];
    let more = false;
    const keep = (area, name, size) => kept.push([area, String(name).slice(0, 500), size]);
    const all = (area, storage) => {
        more ||= storage.length > MOST;
        for (let each = 0; each < Math.min(storage.length, MOST); each++) {
            const name = storage.key(each);
            keep(area, name, storage.getItem(name)?.length ?? null);
        }
    };
    const names = (area, found) => {
        more ||= found.length > MOST;
        for (const name of found.slice(0, MOST)) keep(area, name, null);
    };
    const attempts = [
        () => all("local storage", localStorage),
        () => all("session storage", sessionStorage),
        async () => names("IndexedDB", (await indexedDB.databases()).map(({name}) => name)),
        async () => names("cache", await caches.keys()),
    ];
    for (const attempt of attempts) try { await attempt(); } catch {}
    return [origin, kept, more];
}"""


class Storage:
    """What the frames of the pages of one stage stored."""

    def __init__(self) -> None:
        self.truncated = False
        self._kept: dict[tuple[str, Area, str], StoredKey] = {}

    def gather(self, frame: Frame, timeout: float) -> None:
        """Ask ``frame``, for ``timeout`` seconds at most; raises Playwright's error."""
        self.add(ask(frame, _ASK, timeout=timeout))

    def add(self, answer: object) -> None:
        """Keep what one frame says it stores."""
        match items(answer):
            case [_, _, True]:
                self.truncated = True
            case _:
                pass
        for key in stored_keys(answer):
            if len(self._kept) >= _MOST_KEYS:
                self.truncated = True
                return
            self._kept[key.origin, key.area, key.name] = key

    def keys(self) -> tuple[StoredKey, ...]:
        """Return all of it."""
        return tuple(self._kept.values())


def stored_keys(answer: object) -> Iterator[StoredKey]:
    """Yield what a frame says it stores; what is no such list says nothing."""
    match items(answer):
        case [str(origin), kept, *_]:
            for each in items(kept)[:_MOST_OF_A_FRAME]:
                yield from _stored_key(origin, each)
        case _:
            return


def _stored_key(origin: str, answer: object) -> Iterator[StoredKey]:
    match items(answer):
        case [str(area), str(name), size] if area in get_args(Area):
            count = size if isinstance(size, int) else None
            yield StoredKey(origin, cast("Area", area), name, count)
        case _:
            return


def items(answer: object) -> list[object]:
    """Return the list that a page's answer is, or an empty one."""
    return cast("list[object]", answer) if isinstance(answer, list) else []
