"""The contract of a place where records are kept: for our stores, and for those of others.

To show that a store is sound, inherit `RecordStoreContract`, say how it is opened, and let pytest
run it; a store that builds on `ChainedRecordStore` inherits `ChainedRecordStoreContract`, which
also tampers with its database::

    class TestMyStore(RecordStoreContract):
        def store(self):
            return MyStore(self.address_of_an_empty_database)
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from itertools import pairwise
from threading import Barrier
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast, get_args
from uuid import uuid4

from consentgate.duration import DAY, months
from consentgate.exceptions import ConfigurationError
from consentgate.record import (
    Control,
    Discrepancy,
    Document,
    Event,
    Method,
    Record,
    canonical_json,
)
from consentgate.records.chain import Chain, Erasure, subject_hash
from consentgate.records.export import exported
from consentgate.testing import NOW as _NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from consentgate.record import DecisionCount, RecordStore, StoredRecord
    from consentgate.records.chained import ChainedRecordStore

__all__ = [
    "BANNER",
    "KEYS",
    "NOW",
    "POLICY",
    "ChainedRecordStoreContract",
    "RecordStoreContract",
    "sample_record",
]

T = TypeVar("T")

NOW: Final = int(_NOW)
"""When the contract's decisions are made: 21 November 2026, in seconds since 1970."""

KEYS: Final = ("the newest key", "an older key")

POLICY: Final = Document("policy", '{"version":"1"}')
BANNER: Final = Document("banner", "<div>Cookies?</div>")

_VALID_FOR: Final = months(6)
_LATER_THAN_ALL: Final = NOW + 200 * 365 * DAY
_THREADS: Final = 8


def sample_record(subject: str = "visitor", **changes: Any) -> Record:
    """Return a record of a decision that refers to `POLICY` and `BANNER`, with ``changes``."""
    time: int = changes.get("time", NOW)
    values: dict[str, Any] = {
        "event": "partial",
        "time": time,
        "valid_until": time + _VALID_FOR,
        "choices": {"statistics": True, "advertising": False},
        "method": "banner",
        "layer": 1,
        "control": "save",
        "policy_version": "1",
        "policy_hash": POLICY.hash,
        "banner_hash": BANNER.hash,
        "package_version": "0.1.0",
        "language": "en",
        "jurisdiction": "eu",
        "signals": {"gpc": False, "dnt": False},
    }
    return Record(subject=subject, **{**values, **changes})


def _signal(subject: str = "visitor", *, gpc: bool = True, **changes: Any) -> Record:
    """Return the record of a privacy signal that changed."""
    values: dict[str, Any] = {
        "event": "signal",
        "choices": {"advertising": not gpc},
        "method": "signal",
        "layer": None,
        "control": "",
        "banner_hash": "",
        "signals": {"gpc": gpc, "dnt": False},
    }
    return sample_record(subject, **{**values, **changes})


def _records(stored: Iterable[StoredRecord]) -> list[Record]:
    return [each.record for each in stored]


def _in_threads(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Return what ``actions`` return when they all begin at once; raise what one of them raises."""
    start = Barrier(len(actions))

    def run(action: Callable[[], T]) -> T:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


@contextmanager
def _hasty_threads() -> Generator[None]:
    """Let threads interrupt each other wherever they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class RecordStoreContract:
    """What every `RecordStore` does; inherit it and say how the `store` is opened."""

    def store(self) -> RecordStore:
        """Open the store as one more process does; before a test's first, it is empty.

        It has keys of its own, if it needs any.
        """
        raise NotImplementedError

    def keep(self, *records: Record) -> RecordStore:
        """Append ``records`` with the documents they refer to, and return the store."""
        store = self.store()
        for record in records:
            assert store.append(record, [POLICY, BANNER])
        return store

    # -- append and by_subject -------------------------------------------------------------------

    def test_what_is_kept_is_found(self) -> None:
        """Every field is as it was, and the place in the chain is said."""
        record = sample_record(ip_address="192.0.2.0/24", user_agent="Firefox 145")
        (stored,) = self.keep(record).by_subject("visitor")
        assert record == stored.record
        assert (1, "") == (stored.number, stored.previous_hash)
        assert stored.retention_until >= record.valid_until

    def test_what_is_kept_is_found_by_other_processes(self) -> None:
        """Nothing waits in memory when `append` returns."""
        kept = self.keep(sample_record(), sample_record()).by_subject("visitor")
        assert list(kept) == list(self.store().by_subject("visitor"))

    def test_the_oldest_record_comes_first(self) -> None:
        """In the order they were kept in, even where a clock was set back."""
        records = [sample_record(time=NOW - number) for number in range(12)]
        assert records == _records(self.keep(*records).by_subject("visitor"))

    def test_each_record_follows_the_one_before(self) -> None:
        """It bears the next number and the hash of its predecessor."""
        store = self.keep(*(sample_record() for _ in range(5)))
        stored = store.by_subject("visitor")
        assert [1, 2, 3, 4, 5] == [each.number for each in stored]
        assert [each.hash for each in stored][:-1] == [each.previous_hash for each in stored][1:]

    def test_records_are_a_sequence(self) -> None:
        """They can be counted, taken by number and gone through again."""
        stored = self.keep(sample_record(), sample_record()).by_subject("visitor")
        assert 2 == len(stored)
        assert stored[1] == list(stored)[-1] == list(stored)[-1]

    def test_an_unknown_subject_has_no_records(self) -> None:
        """That is no error."""
        store = self.keep(sample_record())
        assert [] == list(store.by_subject("nobody"))
        assert [] == list(store.by_subject(""))

    def test_subjects_are_told_apart(self) -> None:
        """By case, by blanks, by accents, and whatever means something to a database."""
        subjects = ["a", "A", "a ", " a", "ä", "a\u0308", "a%", "%", "_", "a'--", '"', "\\", "🍪"]
        records = [sample_record(subject) for subject in subjects]
        store = self.keep(*records)
        for record in records:
            assert [record] == _records(store.by_subject(record.subject))

    def test_text_is_kept_to_the_letter(self) -> None:
        """Any script, any length, quotes, line ends and the blanks at both ends."""
        for text in (
            "Ça, ¿qué? Привет 你好 مرحبا 🍪👩\u200d💻",
            "e\u0301 \u00e9 \u2126 \ufb01",
            " '\"`\\%_;--\r\n\t\u2028\x7f\x01 ",
            "\U0010ffff\ufffd\ufeff",
            "null",
            "1",
            "x" * 10_000,
        ):
            record = sample_record(
                policy_version=text,
                package_version=text,
                language=text,
                jurisdiction=text,
                ip_address=text,
                user_agent=text,
                choices={text: True, f"{text}2": False},
                signals={text: True},
            )
            store = self.keep(record)
            assert record == store.by_subject("visitor")[-1].record
        assert [] == list(store.verify())

    def test_the_longest_values_have_room(self) -> None:
        """A subject of 64 characters, hundreds of categories, the year 9999, the largest layer."""
        end = 253_402_300_799
        record = sample_record(
            "🍪" * 64,
            time=end - _VALID_FOR,
            choices={f"category {number}": number % 2 == 0 for number in range(500)},
            layer=2**31 - 1,
            schema=2**31 - 1,
        )
        store = self.keep(record)
        assert [record] == _records(store.by_subject(record.subject))
        assert [end // DAY - _VALID_FOR // DAY] == [each.day for each in store.count()]

    def test_the_emptiest_values_are_values(self) -> None:
        """Nothing asked, nothing sent, nowhere in particular."""
        record = sample_record(
            choices={},
            signals={},
            layer=None,
            control="",
            policy_version="",
            banner_hash="",
            package_version="",
            language="",
            jurisdiction="",
            time=0,
        )
        assert [record] == _records(self.keep(record).by_subject("visitor"))

    def test_every_kind_of_decision_is_kept(self) -> None:
        """Events, methods, buttons and layers, all that the types allow."""
        records = [
            *(sample_record(event=each) for each in get_args(Event) if each != "signal"),
            *(sample_record(method=each) for each in get_args(Method)),
            *(sample_record(control=each) for each in get_args(Control)),
            *(sample_record(layer=each) for each in (None, 1, 2)),
        ]
        assert records == _records(self.keep(*records).by_subject("visitor"))

    def test_any_mapping_is_kept_as_a_mapping(self) -> None:
        """Also one that JSON does not know."""
        record = sample_record(choices=MappingProxyType({"b": True, "a": False}))
        (stored,) = self.keep(record).by_subject("visitor")
        assert {"a": False, "b": True} == dict(stored.record.choices)

    def test_a_thousand_records_of_one_visitor(self) -> None:
        """They are all there, in order and sound, however large the numbers grow."""
        store = self.store()
        records = [sample_record(time=NOW + number) for number in range(1000)]
        for record in records:
            store.append(record)
        assert records == _records(store.by_subject("visitor"))
        assert [] == list(store.verify("visitor"))
        assert 1000 == store.erase("visitor")

    # -- signals ---------------------------------------------------------------------------------

    def test_a_signal_is_kept_once(self) -> None:
        """A browser sends it with every request; one record says it."""
        store = self.store()
        assert [True, False, False] == [store.append(_signal(time=NOW + n)) for n in range(3)]
        assert [NOW] == [each.record.time for each in store.by_subject("visitor")]
        assert not self.store().append(_signal())

    def test_each_change_of_a_signal_is_kept(self) -> None:
        """Sent, no longer sent, sent again."""
        store = self.store()
        sent = [True, True, False, False, True, True, True, False]
        kept = [store.append(_signal(gpc=gpc)) for gpc in sent]
        assert [True, False, True, False, True, False, False, True] == kept
        assert 4 == len(store.by_subject("visitor"))

    def test_a_decision_says_the_signal_too(self) -> None:
        """After it, the same signal is nothing new, and another one is."""
        store = self.keep(sample_record(signals={"gpc": True, "dnt": False}))
        assert not store.append(_signal(gpc=True))
        assert not store.append(_signal(signals=MappingProxyType({"dnt": False, "gpc": True})))
        assert store.append(_signal(gpc=False))
        assert store.append(_signal(gpc=True, signals={"gpc": False, "dnt": True}))

    def test_a_decision_is_kept_however_often_it_is_made(self) -> None:
        """Each press of a button is a decision, even where nothing changes by it."""
        store = self.keep(*(sample_record(signals={"gpc": True}) for _ in range(3)))
        assert 3 == len(store.by_subject("visitor"))

    def test_a_signal_is_anybodys_own(self) -> None:
        """What one visitor's browser sends says nothing of another's."""
        store = self.keep(_signal("first"), _signal("second"))
        assert not store.append(_signal("first"))
        assert 1 == len(store.by_subject("second"))

    def test_a_signal_does_not_undo_an_erasure(self) -> None:
        """A page that was under way meanwhile keeps nothing; a decision of the visitor is kept."""
        store = self.keep(_signal())
        store.erase("visitor")
        assert not store.append(_signal())
        assert [] == list(store.by_subject("visitor"))
        assert store.append(sample_record())
        assert store.append(_signal())

    def test_a_signal_that_is_not_kept_loses_no_document(self) -> None:
        """The next record that refers to the same document finds it kept."""
        newer = Document("policy", '{"version":"2"}')
        store = self.keep(_signal())
        assert not store.append(_signal(policy_hash=newer.hash), [newer])
        assert store.append(sample_record(policy_hash=newer.hash), [newer])
        assert newer == store.document(newer.hash)
        assert [] == list(store.verify())

    # -- documents -------------------------------------------------------------------------------

    def test_a_document_is_found_by_its_hash(self) -> None:
        """Of every kind, and by every process; what is unknown is None."""
        page = Document("preferences", "<form></form>")
        self.store().append(sample_record(), [POLICY, BANNER, page])
        for document in (POLICY, BANNER, page):
            assert document == self.store().document(document.hash)
        assert self.store().document(page.hash[:-1]) is None
        assert self.store().document("") is None

    def test_a_document_is_kept_to_the_letter(self) -> None:
        """Whatever its length and its line ends, its hash still fits."""
        for text in ("", "a\r\nb\n\n", "<p>Ça 🍪 '\"\\ \u2028</p>", "ï" * 1_000_000):
            document = Document("banner", text)
            store = self.store()
            store.append(sample_record(banner_hash=document.hash), [document, POLICY])
            assert document == store.document(document.hash)
        assert [] == list(store.verify())

    def test_a_document_is_given_again_and_again(self) -> None:
        """By the same process, by another one, twice at once, and from an iterator."""
        store = self.keep(sample_record())
        for again in (store, self.store(), store):
            assert again.append(sample_record(), iter([POLICY, POLICY, BANNER]))
        assert POLICY == store.document(POLICY.hash)
        assert 4 == len(store.by_subject("visitor"))

    def test_a_document_stays_when_a_subject_goes(self) -> None:
        """Others were asked by the same words."""
        store = self.keep(sample_record("first"), sample_record("second"))
        store.erase("first")
        assert POLICY == store.document(POLICY.hash)

    # -- erase and purge -------------------------------------------------------------------------

    def test_an_erased_subject_is_gone(self) -> None:
        """How many records there were is said; once more there are none."""
        store = self.keep(sample_record(), sample_record(), sample_record())
        assert [3, 0] == [store.erase("visitor"), store.erase("visitor")]
        assert [] == list(store.by_subject("visitor"))
        assert [] == list(store.count())
        assert [] == list(store.verify())

    def test_nobody_is_nothing_to_erase(self) -> None:
        """That is no error."""
        assert 0 == self.keep(sample_record()).erase("nobody")

    def test_erasing_one_subject_leaves_all_others(self) -> None:
        """Their records stay as they were, and verifiable."""
        records = [sample_record(subject) for subject in "abcabcabc"]
        store = self.keep(*records)
        before = {subject: store.by_subject(subject) for subject in "ac"}
        store.erase("b")
        assert before == {subject: store.by_subject(subject) for subject in "ac"}
        assert [] == list(store.verify())

    def test_an_erased_subject_may_come_back(self) -> None:
        """A browser that still sends the old id begins anew."""
        store = self.keep(sample_record(), sample_record())
        for _ in range(3):
            store.erase("visitor")
            record = sample_record()
            assert store.append(record)
            (stored,) = store.by_subject("visitor")
            assert (record, 1, "") == (stored.record, stored.number, stored.previous_hash)
        assert [] == list(store.verify("visitor"))

    def test_what_still_counts_is_not_purged(self) -> None:
        """The proof of a decision outlives the decision."""
        store = self.keep(sample_record())
        assert 0 == store.purge(now=NOW + _VALID_FOR - 1)
        assert 1 == len(store.by_subject("visitor"))

    def test_what_is_over_is_purged(self) -> None:
        """How many records there were is said; once more there are none."""
        store = self.keep(*(sample_record(subject) for subject in "abcaba"))
        assert [6, 0] == [store.purge(now=_LATER_THAN_ALL) for _ in range(2)]
        assert [[], [], []] == [list(store.by_subject(subject)) for subject in "abc"]
        assert [] == list(store.verify())

    def test_only_what_is_over_is_purged(self) -> None:
        """The oldest records of each visitor go, the others stay and are verifiable."""
        late = NOW + 100 * 365 * DAY
        records = [sample_record(subject, time=time) for time in (NOW, late) for subject in "abb"]
        store = self.keep(*records, sample_record("c", time=late), sample_record("d"))
        assert 4 == store.purge(now=late + _VALID_FOR - 1)
        assert [1, 2, 1, 0] == [len(store.by_subject(subject)) for subject in "abcd"]
        assert [] == list(store.verify())

    # -- verify ----------------------------------------------------------------------------------

    def test_what_nobody_touched_is_sound(self) -> None:
        """All records, those of one subject, and those of nobody; an empty store, too."""
        assert [] == list(self.store().verify())
        store = self.keep(*(sample_record(subject) for subject in "abcab"), _signal("c"))
        for subject in (None, "a", "b", "c", "nobody", ""):
            assert [] == list(store.verify(subject))
            assert [] == list(self.store().verify(subject))

    # -- count -----------------------------------------------------------------------------------

    def test_an_empty_store_counts_nothing(self) -> None:
        """No row, rather than one of zero."""
        assert [] == list(self.store().count())

    def test_records_are_counted_by_what_they_say(self) -> None:
        """Day, event, choices, language and policy version, and nothing else, make a difference."""
        counted = sample_record("first")
        variants = [
            replace(counted, event="given"),
            replace(counted, choices={"statistics": True}),
            replace(counted, choices={"statistics": True, "advertising": True}),
            replace(counted, language="fr"),
            replace(counted, policy_version="2"),
        ]
        alike = [
            replace(counted, subject="second", method="preferences", layer=2, jurisdiction="fr"),
            replace(counted, choices={"advertising": False, "statistics": True}),
            replace(counted, time=NOW + DAY - 1, signals={}, control="", user_agent="Firefox"),
        ]
        others = (replace(each, record_id=str(uuid4())) for each in (*variants, *alike))
        counts = self.keep(counted, *others).count()
        assert {NOW // DAY} == {each.day for each in counts}
        assert sorted([_key(counted), *map(_key, variants)]) == sorted(map(_key, counts))
        assert [4] == [each.records for each in counts if _key(each) == _key(counted)]
        assert [1] * 5 == [each.records for each in counts if _key(each) != _key(counted)]

    def test_days_are_those_of_utc(self) -> None:
        """The last second of a day is one day's, the next second the next day's."""
        midnight = NOW // DAY * DAY
        times = [midnight - 1, midnight, midnight + DAY - 1, midnight + DAY, 0]
        counts = self.keep(*(sample_record(time=time) for time in times)).count()
        day = midnight // DAY
        assert [(0, 1), (day - 1, 1), (day, 2), (day + 1, 1)] == _by_day(counts)

    def test_days_are_counted_from_one_to_another(self) -> None:
        """The first counts, the last does not; either may be left open."""
        day = NOW // DAY
        store = self.keep(*(sample_record(time=NOW + n * DAY) for n in (3, 1, 0, 2, 4)))
        for since, until, expected in (
            (None, None, range(5)),
            (day + 1, None, range(1, 5)),
            (None, day + 3, range(3)),
            (day + 1, day + 3, range(1, 3)),
            (day + 2, day + 2, ()),
            (day + 5, None, ()),
        ):
            days = [(day + n, 1) for n in expected]
            assert days == _by_day(store.count(since, until))
            assert days == _by_day(store.count(since=since, until=until))

    # -- at once ---------------------------------------------------------------------------------

    def test_threads_append_to_one_subject(self) -> None:
        """A visitor who presses buttons in many tabs has one chain without a gap or a fork."""
        store = self.store()

        def append() -> list[Record]:
            records = [sample_record() for _ in range(12)]
            assert all(store.append(record, [POLICY, BANNER]) for record in records)
            return records

        each = _in_threads([append] * _THREADS)
        stored = store.by_subject("visitor")
        assert list(range(1, 12 * _THREADS + 1)) == [one.number for one in stored]
        for records in each:
            assert records == [one.record for one in stored if one.record in records]
        assert [] == list(store.verify())

    def test_threads_append_to_many_subjects(self) -> None:
        """Of two stores, as if in two processes; nobody gets another one's record."""
        stores = [self.store(), self.store()]

        def append(thread: int) -> None:
            for number in range(12):
                subject = f"{number % 6}-{thread}"
                assert stores[thread % 2].append(sample_record(subject), [POLICY, BANNER])

        _in_threads([partial(append, thread) for thread in range(_THREADS)])
        subjects = [f"{number}-{thread}" for number in range(6) for thread in range(_THREADS)]
        assert {2} == {len(stores[0].by_subject(subject)) for subject in subjects}
        assert 12 * _THREADS == sum(each.records for each in stores[1].count())
        assert [] == list(stores[0].verify())

    def test_threads_bring_new_documents(self) -> None:
        """All at once, the same ones and their own, and none is lost."""
        store = self.store()

        def append(thread: int) -> list[Document]:
            documents = [Document("banner", f"{thread % 4} {number}") for number in range(12)]
            for document in documents:
                store.append(
                    sample_record(str(thread), banner_hash=document.hash), [POLICY, document]
                )
            return documents

        with _hasty_threads():
            found = _in_threads([partial(append, thread) for thread in range(_THREADS)])
        for document in {each for documents in found for each in documents}:
            assert document == store.document(document.hash)
        assert [] == list(store.verify())

    def test_threads_bring_the_same_signal(self) -> None:
        """A page with many pictures sends it many times at once; one record says it."""
        stores = [self.store(), self.store()]
        for subject in "abc":
            actions = [
                partial(store.append, _signal(subject)) for store in stores * (_THREADS // 2)
            ]
            assert 1 == sum(_in_threads(actions))
            assert 1 == len(stores[0].by_subject(subject))

    def test_threads_erase_while_others_append(self) -> None:
        """Whatever comes first, what is left is a sound chain."""
        store = self.store()

        def append() -> int:
            return sum(store.append(sample_record(), [POLICY, BANNER]) for _ in range(12))

        def erase() -> int:
            return -sum(store.erase("visitor") for _ in range(6))

        left = sum(_in_threads([append, append, append, erase, erase]))
        stored = store.by_subject("visitor")
        assert list(range(1, left + 1)) == [each.number for each in stored]
        assert [] == list(store.verify())

    def test_threads_purge_while_others_append(self) -> None:
        """What is kept meanwhile is not purged with what was over, and nothing counts twice."""
        late = NOW + 100 * 365 * DAY
        store = self.keep(*(sample_record(subject) for subject in "abcde" for _ in range(2)))
        new = [sample_record(subject, time=late) for subject in "abcde"]
        actions: list[Callable[[], int]] = [partial(store.append, record) for record in new]
        purges: list[Callable[[], int]] = [lambda: -store.purge(now=late)] * 2
        assert 5 - 10 == sum(_in_threads([*purges, *actions, *purges]))
        for record in new:
            assert [record] == _records(store.by_subject(record.subject))
        assert [] == list(store.verify())

    # -- errors ----------------------------------------------------------------------------------

    def test_what_cannot_be_kept_leaves_nothing_behind(self) -> None:
        """Neither record nor document; and the next one is kept as if nothing had been."""
        store = self.keep(sample_record())
        document = Document("banner", "<p>never seen</p>")
        for impossible in (
            sample_record(choices={"statistics": object()}),
            sample_record(signals={"gpc": object()}),
            sample_record(language=None),
            replace(sample_record(), time=cast("int", None)),
            sample_record("newcomer", policy_version=None),
        ):
            assert _raises(partial(store.append, impossible, [document]))
        assert [1] == [each.number for each in store.by_subject("visitor")]
        assert [] == list(store.by_subject("newcomer"))
        assert store.document(document.hash) is None
        assert store.append(sample_record(banner_hash=document.hash), [document])
        assert document == store.document(document.hash)
        assert [] == list(store.verify())

    def test_a_document_that_cannot_be_kept_leaves_nothing_behind(self) -> None:
        """A record without what it refers to proves nothing."""
        store = self.store()
        impossible: Any = Document("banner", "text")
        object.__setattr__(impossible, "kind", None)
        assert _raises(lambda: store.append(sample_record(), [POLICY, impossible]))
        assert [] == list(store.by_subject("visitor"))
        assert store.document(POLICY.hash) is None

    def test_documents_that_do_not_come_leave_nothing_behind(self) -> None:
        """What goes wrong while they are made is the caller's to see."""

        def broken() -> Iterator[Document]:
            yield POLICY
            raise KeyError("template")

        store = self.store()
        assert _raises(lambda: store.append(sample_record(), broken()))
        assert [] == list(store.by_subject("visitor"))
        assert store.append(sample_record(), [POLICY, BANNER])
        assert POLICY == store.document(POLICY.hash)

    def test_keys_may_be_given_again(self) -> None:
        """A store that is used by a gate, or by two, signs on as before."""
        store = self.keep(sample_record())
        store.use_keys([b"of a gate"])
        store.use_keys([b"of another gate"])
        assert store.append(sample_record())
        assert [] == list(self.store().verify())


def _key(counted: DecisionCount | Record) -> tuple[str, ...]:
    choices = canonical_json(dict(counted.choices))
    return (counted.event, choices, counted.language, counted.policy_version)


def _by_day(counts: Iterable[DecisionCount]) -> list[tuple[int, int]]:
    return [(each.day, each.records) for each in counts]


def _raises(action: Callable[[], object]) -> bool:
    raised = False
    try:
        action()
    except Exception:  # whichever: it means that it cannot
        raised = True
    return raised


class ChainedRecordStoreContract(RecordStoreContract):
    """What every `ChainedRecordStore` does, also when somebody writes to its database.

    Say how the `store` is opened and how to `tamper` with its database; where the tables have
    other names, say which. Columns are named as the fields of `Record`, `StoredRecord`, `Document`,
    `Chain` and `Erasure`.
    """

    records_table: ClassVar[str] = "consent_records"
    chains_table: ClassVar[str] = "consent_chains"
    documents_table: ClassVar[str] = "consent_documents"
    erasures_table: ClassVar[str] = "consent_erasures"

    def store(
        self,
        secret_keys: Sequence[str] | None = KEYS,
        *,
        retention: int | str = "5 years",
        clock: Callable[[], float] = lambda: NOW,
    ) -> ChainedRecordStore:
        """Open the store as one more process does; before a test's first, it is empty."""
        raise NotImplementedError

    def tamper(self, sql: str, parameters: Mapping[str, object]) -> int:
        """Run and commit one statement past the store; return how many rows it concerned.

        A parameter stands in ``sql`` as its name with a colon before it.
        """
        raise NotImplementedError

    def change(self, table: str, where: Mapping[str, object], **values: object) -> None:
        """Give the columns ``values`` new values in the one row that ``where`` describes."""
        columns = ", ".join(f'"{name}" = :{name}' for name in values)
        sql = f"UPDATE {table} SET {columns} WHERE {_condition(where)}"  # noqa: S608
        assert 1 == self.tamper(sql, {**values, **_parameters(where)})

    def remove(self, table: str, **where: object) -> None:
        """Remove the rows that ``where`` describes, at least one."""
        sql = f"DELETE FROM {table} WHERE {_condition(where)}"  # noqa: S608
        assert self.tamper(sql, _parameters(where))

    def change_record(self, number: int, subject: str = "visitor", /, **values: object) -> None:
        """Change one record."""
        self.change(self.records_table, {"subject": subject, "number": number}, **values)

    def remove_records(self, *numbers: int, subject: str = "visitor") -> None:
        """Remove records one by one."""
        for number in numbers:
            self.remove(self.records_table, subject=subject, number=number)

    def change_chain(self, subject: str = "visitor", /, **values: object) -> None:
        """Change the chain of a subject."""
        self.change(self.chains_table, {"subject": subject}, **values)

    def chain(self, subject: str = "visitor") -> Chain:
        """Return the chain of a subject."""
        return next(chain for chain, _ in self.store().chains() if chain.subject == subject)

    def kept(self, count: int, subject: str = "visitor") -> Sequence[StoredRecord]:
        """Keep ``count`` records of a subject, and return all of its records."""
        return self.keep(*(sample_record(subject) for _ in range(count))).by_subject(subject)

    def found(self, subject: str | None = "visitor") -> list[tuple[str, str, int | None]]:
        """Return what is wrong: fault, subject and number of each."""
        return [(each.fault, each.subject, each.number) for each in self.store().verify(subject)]

    # -- altered ---------------------------------------------------------------------------------

    def test_verify_names_an_altered_record(self) -> None:
        """Whichever of its fields was altered, and nobody else's record."""
        expected: list[tuple[str, str, int | None]] = []
        for name in _SIGNED:
            subject = f"of {name}"
            stored = self.kept(3, subject)[1]
            self.change_record(2, subject, **{name: _another(_column(stored, name))})
            assert [("altered", subject, 2)] == self.found(subject), name
            expected.append(("altered", subject, 2))
        found = [each for each in self.found(None) if each[1]]
        assert sorted(expected) == found

    def test_verify_names_the_smallest_alterations(self) -> None:
        """A blank, a capital, a sign that looks the same, nothing in the place of something."""
        changes: Sequence[Mapping[str, object]] = (
            {"policy_version": "1 "},
            {"policy_version": ""},
            {"policy_version": "\uff11"},
            {"language": "EN"},
            {"language": "\u0435n"},
            {"layer": None},
            {"event": "given"},
            {"choices": '{"advertising":false,"statistics":false}'},
            {"choices": '{"advertising":false}'},
            {"choices": '{"advertising":0,"statistics":1}'},
            {"choices": "{}"},
            {"signals": '{"dnt":false,"gpc":true}'},
        )
        for number, change in enumerate(changes):
            subject = f"{number}"
            self.kept(2, subject)
            self.change_record(1, subject, **change)
            assert [("altered", subject, 1)] == self.found(subject), change

    def test_verify_names_the_first_altered_record(self) -> None:
        """Of several; wherever in the chain it stands."""
        for first in (1, 3, 5):
            subject = f"from {first}"
            self.kept(5, subject)
            for number in range(first, 6):
                self.change_record(number, subject, language="fr")
            assert [("altered", subject, first)] == self.found(subject)

    def test_a_signature_of_anything_else_is_none(self) -> None:
        """That of another record, none, one in other letters, and what is no base64 at all."""
        first, second = self.kept(2)
        signature = second.signature
        others = (
            first.signature,
            "",
            signature.upper(),
            signature[:-1],
            f"{signature}=",
            "é",
            "🍪",
        )
        for other in (*others, f" {signature}", signature.swapcase()):
            self.change_record(2, signature=other)
            assert [("altered", "visitor", 2)] == self.found(), other
        self.change_record(2, signature=signature)
        assert [] == self.found()

    def test_what_is_put_back_is_sound(self) -> None:
        """Nothing but what is there counts."""
        (stored,) = self.kept(1)
        self.change_record(1, time=NOW + 1)
        assert [("altered", "visitor", 1)] == self.found()
        self.change_record(1, time=stored.record.time)
        assert [] == self.found()

    # -- missing ---------------------------------------------------------------------------------

    def test_verify_names_a_missing_record(self) -> None:
        """The first, one in the middle, the last, and the first of several."""
        for removed in ((1,), (2,), (3,), (4,), (1, 2), (2, 3), (3, 4), (1, 4), (1, 2, 3, 4)):
            subject = f"without {removed}"
            self.kept(4, subject)
            self.remove_records(*removed, subject=subject)
            assert [("missing", subject, removed[0])] == self.found(subject)
            assert ("missing", subject, removed[0]) in self.found(None)

    def test_a_gap_that_was_closed_is_named(self) -> None:
        """The records behind it were given the numbers before theirs."""
        self.kept(4)
        self.remove_records(2)
        self.change_record(3, number=2)
        self.change_record(4, number=3)
        assert [("missing", "visitor", 2)] == self.found()

    def test_verify_names_a_missing_record_behind_a_purge(self) -> None:
        """What was purged is not missing, what follows is."""
        self.keep(*(sample_record(time=time) for time in (NOW, NOW, NOW + 1, NOW + 2, NOW + 3)))
        store = self.store()
        assert 2 == store.purge(now=NOW + months(60))
        assert [] == self.found()
        self.remove_records(3)
        assert [("missing", "visitor", 3)] == self.found()

    # -- reordered -------------------------------------------------------------------------------

    def test_verify_names_swapped_records(self) -> None:
        """The place of the first that stands where another belongs."""
        for one, other in ((1, 2), (2, 3), (3, 4), (1, 4), (2, 4)):
            subject = f"{one} for {other}"
            self.kept(4, subject)
            self.change_record(one, subject, number=99)
            self.change_record(other, subject, number=one)
            self.change_record(99, subject, number=other)
            assert [("reordered", subject, one)] == self.found(subject)

    def test_verify_names_renumbered_records(self) -> None:
        """Without a change of their order, too."""
        for number, new, place in ((1, 0, 1), (3, 7, 3), (1, -1, 1), (2, 9, 2), (1, 9, 1)):
            subject = f"{number} as {new}"
            self.kept(3, subject)
            self.change_record(number, subject, number=new)
            assert [("reordered", subject, place)] == self.found(subject)

    def test_verify_names_a_chain_that_was_renumbered_as_a_whole(self) -> None:
        """As if something had been before it."""
        self.kept(3)
        for number in (3, 2, 1):
            self.change_record(number, number=number + 1)
        assert [("reordered", "visitor", 1)] == self.found()

    def test_verify_names_a_record_that_was_moved_to_another_subject(self) -> None:
        """It is missing there, and not what was signed here; also where nobody was before."""
        self.kept(3, "a")
        self.kept(1, "b")
        self.change_record(2, "a", subject="b")
        self.change_record(3, "a", subject="c")
        assert [
            ("missing", "a", 2),
            ("altered", "b", 2),
            ("altered", "c", 3),
        ] == sorted(self.found(None), key=lambda each: each[1])

    def test_verify_names_a_chain_that_was_moved_to_another_subject(self) -> None:
        """With all its records and their ends."""
        self.kept(1)
        self.change_record(1, subject="another")
        self.change_chain(subject="another")
        assert ["another"] == [subject for _, subject, _ in self.found(None)]

    # -- the ends of a chain ---------------------------------------------------------------------

    def test_verify_names_a_chain_whose_ends_were_altered(self) -> None:
        """Whichever of their fields it was."""
        for name in _OF_CHAIN:
            subject = f"of {name}"
            self.kept(2, subject)
            self.change_chain(subject, **{name: _another(getattr(self.chain(subject), name))})
            assert [("altered", subject, None)] == self.found(subject), name
        assert sorted(_OF_CHAIN) == [subject[3:] for _, subject, _ in self.found(None)]

    def test_verify_names_a_chain_whose_ends_are_missing(self) -> None:
        """Its records alone do not say that they are all."""
        self.kept(2)
        self.kept(1, "another")
        self.remove(self.chains_table, subject="visitor")
        assert [("missing", "visitor", None)] == self.found() == self.found(None)

    def test_the_ends_of_another_chain_are_none(self) -> None:
        """Though they are signed."""
        self.kept(2)
        self.kept(2, "another")
        another = self.chain("another")
        self.change_chain(**{name: getattr(another, name) for name in _OF_CHAIN})
        assert [("altered", "visitor", None)] == self.found()

    def test_older_ends_do_not_hide_newer_records(self) -> None:
        """Though they are signed, too: one more record is there than they say."""
        self.kept(2)
        older = self.chain()
        self.kept(1)
        self.change_chain(**{name: getattr(older, name) for name in _OF_CHAIN})
        assert ["visitor"] == [subject for _, subject, _ in self.found()]
        self.remove_records(3)
        assert [] == self.found()  # an older state as a whole: see `compare`

    # -- nothing that the store does afterwards makes good what was done to it -------------------

    def test_a_new_record_does_not_hide_that_the_last_are_missing(self) -> None:
        """The ends that were made up for it are not signed with those of the new record."""
        first, second, *_ = self.kept(4)
        self.remove_records(3, 4)
        self.change_chain(last_number=2, last_hash=second.hash)
        self.try_to_append()
        assert ["visitor"] == [subject for _, subject, _ in self.found()]
        assert first in self.store().by_subject("visitor")

    def test_a_new_record_does_not_hide_that_the_first_are_missing(self) -> None:
        """As if they had been purged."""
        _, second, *_ = self.kept(4)
        self.remove_records(1, 2)
        self.change_chain(first_number=3, first_previous_hash=second.hash)
        self.try_to_append()
        assert ["visitor"] == [subject for _, subject, _ in self.found()]

    def test_a_new_record_does_not_hide_what_was_altered(self) -> None:
        """Neither in a record nor at the ends, nor that the ends are missing."""
        for subject in "abc":
            self.kept(2, subject)
        self.change_record(2, "a", language="fr")
        self.change_chain("b", retention_until=NOW)
        self.remove(self.chains_table, subject="c")
        for subject in "abc":
            self.try_to_append(subject)
        assert ["a", "b", "c"] == sorted(subject for _, subject, _ in self.found(None))

    def test_a_purge_does_not_hide_that_a_record_is_missing(self) -> None:
        """The first record was purged, the second was not: it is still missing."""
        times = [NOW, *(NOW + number * DAY for number in range(1, 4))]
        self.keep(*(sample_record(time=time) for time in times))
        self.remove_records(2)
        self.store().purge(now=NOW + months(60))
        assert [("missing", 2)] == [(fault, number) for fault, _, number in self.found()]

    def test_a_purge_does_not_hide_that_the_last_are_missing(self) -> None:
        """They were still to be kept, as the ends of the chain say."""
        self.keep(sample_record(), sample_record(time=NOW + DAY))
        self.remove_records(2)
        self.store().purge(now=NOW + months(60))
        assert [("missing", 2)] == [(fault, number) for fault, _, number in self.found()]

    def test_a_purge_does_not_hide_an_altered_record(self) -> None:
        """Nor does it remove what is only said to be over."""
        for subject in "ab":
            self.keep(*(sample_record(subject, time=NOW + n * DAY) for n in range(3)))
        self.change_record(1, "a", retention_until=NOW)
        for number in (1, 2, 3):
            self.change_record(number, "b", retention_until=NOW)
        self.change_chain("b", retention_until=NOW)
        self.store().purge(now=NOW + DAY)
        assert ["a", "b"] == sorted(subject for _, subject, _ in self.found(None))

    def test_a_purge_does_not_hide_altered_ends(self) -> None:
        """It signs no ends that somebody else made up."""
        times = [NOW, *(NOW + number * DAY for number in range(1, 4))]
        *_, third, _ = self.keep(*(sample_record(time=time) for time in times)).by_subject(
            "visitor"
        )
        self.remove_records(4)
        self.change_chain(last_number=3, last_hash=third.hash)
        self.store().purge(now=NOW + months(60))
        assert ["visitor"] == [subject for _, subject, _ in self.found()]

    def test_what_was_tampered_with_can_be_erased(self) -> None:
        """Whose data it is may have it erased, whatever was done to it."""
        for subject in "abc":
            self.kept(2, subject)
        self.change_record(2, "a", language="fr")
        self.change_chain("b", retention_until=NOW)
        self.remove(self.chains_table, subject="c")
        assert [2, 2, 2] == [self.store().erase(subject) for subject in "abc"]
        assert [] == self.found(None)

    def try_to_append(self, subject: str = "visitor") -> None:
        """Append one more record, or find that nothing is appended to a broken chain."""
        before = _records(self.store().by_subject(subject))
        record = sample_record(subject)
        refused = _raises(lambda: self.store().append(record, [POLICY, BANNER]))
        after = _records(self.store().by_subject(subject))
        assert [*before, *([] if refused else [record])] == after

    # -- documents -------------------------------------------------------------------------------

    def test_verify_names_an_altered_document(self) -> None:
        """By its hash, which a reader of records has."""
        self.kept(1)
        self.change(self.documents_table, {"hash": POLICY.hash}, text='{"version":"1" }')
        (found,) = self.store().verify()
        assert ("altered", "", None) == (found.fault, found.subject, found.number)
        assert POLICY.hash in found.detail

    def test_verify_names_a_document_of_another_kind(self) -> None:
        """What was shown on the banner was not shown on the preferences page."""
        self.kept(1)
        self.change(self.documents_table, {"hash": BANNER.hash}, kind="policy")
        assert [("altered", "", None)] == self.found(None)

    def test_verify_names_a_missing_document(self) -> None:
        """Of the policy or of the banner; and one that was put under another hash."""
        self.kept(1)
        for document in (POLICY, BANNER):
            self.remove(self.documents_table, hash=document.hash)
        found = list(self.store().verify())
        assert [("missing", "")] * 2 == [(each.fault, each.subject) for each in found]
        assert sorted([POLICY.hash, BANNER.hash]) == [each.detail.split()[2] for each in found]

    def test_verify_names_a_document_that_was_moved(self) -> None:
        """It is not what its new hash says, and missing under the old one."""
        self.kept(1)
        self.change(self.documents_table, {"hash": POLICY.hash}, hash="0" * 64)
        assert [("altered", "", None), ("missing", "", None)] == self.found(None)
        assert [] == self.found("visitor")

    def test_each_distinct_document_is_kept_once(self) -> None:
        """However many records refer to it, in however many processes."""
        for store in (self.store(), self.store()):
            for subject in "abc":
                assert store.append(sample_record(subject), [POLICY, BANNER])
        kept = sorted(each.hash for each in self.store().documents())
        assert sorted([POLICY.hash, BANNER.hash]) == kept

    # -- keys ------------------------------------------------------------------------------------

    def test_what_an_older_key_signed_is_sound(self) -> None:
        """Where the older key is still among the keys, the chain goes on under the newest."""
        self.store(["old"]).append(sample_record(), [POLICY, BANNER])
        rotated = self.store(["new", "old"])
        assert [] == list(rotated.verify())
        rotated.append(sample_record())
        rotated.append(sample_record("another"))
        assert [] == list(rotated.verify())
        assert ["visitor"] == [each.subject for each in self.store(["new"]).verify()]
        faults = [(each.fault, each.subject) for each in self.store(["old"]).verify()]
        assert [("altered", "another"), ("altered", "visitor")] == faults

    def test_what_another_key_signed_is_not_sound(self) -> None:
        """Who has not the site's keys can make no record, and no ends of a chain."""
        self.store(["foreign"]).append(sample_record(), [POLICY, BANNER])
        assert ["visitor"] == [subject for _, subject, _ in self.found(None)]
        self.store(["foreign"]).append(sample_record("another"))
        self.kept(1, "another")
        assert ["another", "visitor"] == [subject for _, subject, _ in self.found(None)]

    def test_reading_needs_no_keys(self) -> None:
        """Statistics and export run where the site's secrets are not."""
        stored = self.kept(2)
        reader = self.store(None)
        assert stored == reader.by_subject("visitor")
        assert POLICY == reader.document(POLICY.hash)
        assert 2 == len(reader.documents())
        assert [2] == [each.records for each in reader.count()]

    def test_without_keys_nothing_is_signed_or_verified(self) -> None:
        """The error comes at once and says what is wanting; nothing is left behind."""
        self.kept(2)
        keyless = self.store(None)
        document = Document("banner", "never shown")
        for action in (
            lambda: keyless.append(sample_record(), [document]),
            lambda: keyless.append(sample_record("another"), [document]),
            lambda: keyless.erase("visitor"),
            lambda: keyless.purge(now=_LATER_THAN_ALL),
            lambda: list(keyless.verify()),
            lambda: list(keyless.verify("visitor")),
        ):
            assert "secret keys" in _configuration_error(action)
        assert [2, 0] == [len(keyless.by_subject(name)) for name in ("visitor", "another")]
        assert keyless.document(document.hash) is None
        assert [] == self.found(None)

    def test_the_gates_keys_are_used_unless_there_are_others(self) -> None:
        """What the gate signs with, its records are signed with."""
        of_gate, own = self.store(None), self.store(["own"])
        for store in (of_gate, own):
            store.use_keys([b"of the gate"])
        of_gate.use_keys([b"of another gate"])
        of_gate.append(sample_record("a"), [POLICY, BANNER])
        own.append(sample_record("b"))
        assert ["b"] == [each.subject for each in self.store(["of the gate"]).verify()]
        assert ["a"] == [each.subject for each in self.store(["own"]).verify()]

    def test_a_store_wants_keys_that_are_keys(self) -> None:
        """None at all is said by None, and not by an empty list."""
        for keys in ([], [""], ["key", ""]):
            assert "secret_keys" in _configuration_error(partial(self.store, keys))

    # -- erasures --------------------------------------------------------------------------------

    def test_of_an_erased_subject_only_its_end_stays(self) -> None:
        """Signed, with the time, and with nothing that says whose it was."""
        *_, last = self.kept(3)
        self.store(clock=lambda: NOW + 7.9).erase("visitor")
        (erasure,) = self.store().erasures()
        assert (3, last.hash, NOW + 7) == (erasure.last_number, erasure.last_hash, erasure.time)
        assert subject_hash("visitor") == erasure.subject_hash
        assert self.store().signer.is_erased(erasure)
        assert "visitor" not in str(erasure)

    def test_each_erasure_is_kept(self) -> None:
        """Also of a subject that comes back again and again."""
        for count in (1, 2, 3):
            self.kept(count)
            self.store().erase("visitor")
        self.store().erase("visitor")
        assert [1, 2, 3] == sorted(each.last_number for each in self.store().erasures())

    def test_a_made_up_erasure_is_none(self) -> None:
        """Whichever of its fields was altered, and whoever else signed it."""
        for name in _OF_ERASURE:
            self.kept(1, name)
            self.store().erase(name)
            (erasure,) = (
                each for each in self.store().erasures() if each.subject_hash == subject_hash(name)
            )
            change: dict[str, Any] = {name: _another(getattr(erasure, name))}
            forged = replace(erasure, **change)
            assert self.store().signer.is_erased(erasure)
            assert not self.store().signer.is_erased(forged)
            assert not self.store(["foreign"]).signer.is_erased(erasure)

    def test_verify_names_an_altered_erasure(self) -> None:
        """It would excuse what was removed; of whom it is, its hash says."""
        for name in _OF_ERASURE[2:]:
            self.kept(1, name)
            self.store().erase(name)
            where = {"subject_hash": subject_hash(name)}
            (erasure,) = (
                each for each in self.store().erasures() if each.subject_hash in where.values()
            )
            self.change(self.erasures_table, where, **{name: _another(getattr(erasure, name))})
            assert [("altered", "", None)] == [
                (each.fault, each.subject, each.number)
                for each in self.store().verify()
                if subject_hash(name) in each.detail
            ]
        assert len(_OF_ERASURE[2:]) == len(self.found(None))

    # -- retention and purge ---------------------------------------------------------------------

    def test_a_record_is_kept_as_long_as_the_site_says(self) -> None:
        """From when it was decided, and not from when it was written."""
        for number, (words, seconds) in enumerate(
            {"5 years": months(60), "3 years 2 days": months(36) + 2 * DAY}.items(), start=1
        ):
            store = self.store(retention=words)
            store.append(sample_record(time=NOW - 1000))
            assert NOW - 1000 + seconds == store.by_subject("visitor")[number - 1].retention_until
        store = self.store(retention=200 * DAY)
        store.append(sample_record(time=NOW - 1000))
        assert NOW - 1000 + 200 * DAY == store.by_subject("visitor")[-1].retention_until

    def test_a_record_is_kept_as_long_as_its_decision_counts(self) -> None:
        """However short the retention is."""
        store = self.store(retention="1 day")
        store.append(sample_record())
        (stored,) = store.by_subject("visitor")
        assert stored.record.valid_until == stored.retention_until
        assert [0, 1] == [store.purge(now=NOW + _VALID_FOR + n) for n in (-1, 0)]

    def test_a_retention_is_a_duration(self) -> None:
        """Said at the start, not when the first record comes."""
        for wrong in ("five years", "", 0, -1, "200 years"):
            assert _configuration_error(partial(self.store, retention=wrong))

    def test_a_purge_asks_the_clock(self) -> None:
        """Where nobody says what time it is."""
        self.kept(2)
        late = NOW + months(60)
        assert 0 == self.store(clock=lambda: late - 0.1).purge()
        assert 2 == self.store(clock=lambda: late + 0.1).purge()

    def test_after_a_purge_the_chain_goes_on(self) -> None:
        """What is new follows what was kept, number by number and hash by hash."""
        store = self.store()
        for time in range(NOW, NOW + 6):
            store.append(sample_record(time=time))
        for expected in ([3, 4, 5, 6, 7], [5, 6, 7, 8]):
            store.purge(now=NOW + expected[0] - 2 + months(60))
            store.append(sample_record(time=NOW + 9), [POLICY, BANNER])
            stored = store.by_subject("visitor")
            assert expected == [each.number for each in stored]
            assert all(one.hash == other.previous_hash for one, other in pairwise(stored))
            assert [] == self.found(None)

    def test_after_a_purge_of_everything_a_chain_begins(self) -> None:
        """As for a subject that never was here."""
        store = self.store()
        self.kept(3)
        assert 3 == store.purge(now=_LATER_THAN_ALL)
        assert [] == list(store.chains())
        assert [(1, "")] == [(each.number, each.previous_hash) for each in self.kept(1)]
        assert [] == self.found(None)

    def test_a_purge_stops_at_the_first_record_to_be_kept(self) -> None:
        """A chain is shortened from its beginning, and has no holes."""
        for retention in ("1 year", "5 years", "1 year"):
            self.store(retention=retention).append(sample_record(), [POLICY, BANNER])
        assert [1, 0] == [self.store().purge(now=NOW + months(12)) for _ in range(2)]
        assert [2, 3] == [each.number for each in self.store().by_subject("visitor")]
        assert [] == self.found(None)
        assert [2, 0] == [self.store().purge(now=NOW + months(60)) for _ in range(2)]

    def test_a_purged_chain_may_be_erased(self) -> None:
        """What is left of it."""
        self.keep(sample_record(), sample_record(time=NOW + 1))
        self.store().purge(now=NOW + months(60))
        assert 1 == self.store().erase("visitor")
        assert [2] == [each.last_number for each in self.store().erasures()]

    # -- seen from outside -----------------------------------------------------------------------

    def test_an_export_is_always_the_same(self) -> None:
        """Again and again, from every process, and after others came and went; it is JSON."""
        before = canonical_json([exported(each) for each in self.kept(3)])
        self.kept(2, "another")
        self.store().erase("another")
        for store in (self.store(), self.store(None), self.store()):
            again = [exported(each) for each in store.by_subject("visitor")]
            assert before == canonical_json(again)

    def test_verify_finds_nothing_wrong_while_others_write(self) -> None:
        """It reads chains and records of one moment."""
        store = self.store()

        def write() -> list[Discrepancy]:
            for number in range(20):
                store.append(sample_record(f"{number % 4}"), [POLICY, BANNER])
            return []

        def verify() -> list[Discrepancy]:
            return [found for _ in range(8) for found in self.store().verify()]

        assert [[], [], []] == _in_threads([write, verify, write])

    def test_chains_come_with_their_records(self) -> None:
        """Each subject's once, in one order."""
        for subject in ("b", "c", "a", "b"):
            self.kept(1, subject)
        chains = list(self.store().chains())
        assert [("a", 1), ("b", 2), ("c", 1)] == [(one.subject, len(all_)) for one, all_ in chains]
        assert all(chain.last_hash == records[-1].hash for chain, records in chains)


_SIGNED: Final = (
    *(each.name for each in fields(Record) if each.name != "subject"),
    "retention_until",
    "previous_hash",
    "signature",
)
"""The columns of a record whose alteration is seen in the record itself."""

_OF_CHAIN: Final = tuple(each.name for each in fields(Chain) if each.name != "subject")
_OF_ERASURE: Final = tuple(each.name for each in fields(Erasure))


def _column(stored: StoredRecord, name: str) -> object:
    """Return what a column holds of a record."""
    value = getattr(stored.record if hasattr(stored.record, name) else stored, name)
    return canonical_json(dict(value)) if name in ("choices", "signals") else value


def _another(value: object) -> object:
    """Return a value that has room where ``value`` has."""
    if isinstance(value, str):
        if value.startswith("{"):
            return value.replace("false", "true", 1)
        return value[:-1] + ("x" if value[-1:] != "x" else "y")
    return value + 1 if isinstance(value, int) else 1


def _condition(where: Mapping[str, object]) -> str:
    return " AND ".join(f'"{name}" = :where_{name}' for name in where)


def _parameters(where: Mapping[str, object]) -> dict[str, object]:
    return {f"where_{name}": value for name, value in where.items()}


def _configuration_error(action: Callable[[], object]) -> str:
    """Return what the `ConfigurationError` says that ``action`` raises; nothing without one."""
    said = ""
    try:
        action()
    except ConfigurationError as error:
        said = str(error)
    return said
