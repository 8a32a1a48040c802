"""The tables of `DjangoRecordStore`.

They hold what `consentgate.record` describes. Nothing counts across subjects: there is no sequence
and no foreign key. Times are whole seconds since 1970 and mappings are canonical JSON, because the
chain of hashes vouches for them. Only the store writes here; what anybody else writes, ``manage.py
consent_records verify`` finds.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar, Final

from django.db import models

if TYPE_CHECKING:
    from typing import Any, Self

_SUBJECT: Final = 64
_HASH: Final = 64
_SIGNATURE: Final = 64
_WORD: Final = 16
_UUID: Final = 36
_SHORT: Final = 12


class Event(models.TextChoices):
    """What became of a choice, in words."""

    GIVEN = "given", "Given"
    PARTIAL = "partial", "Given in part"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    SIGNAL = "signal", "Privacy signal"


class Method(models.TextChoices):
    """Where it was decided, in words."""

    BANNER = "banner", "Banner"
    PREFERENCES = "preferences", "Preferences page"
    PLACEHOLDER = "placeholder", "Placeholder"
    API = "api", "Script"
    APPLICATION = "application", "Form of the site"
    SIGNAL = "signal", "Privacy signal"


# A column's type for the type checkers, which cannot tell it from a call of Django's classes.


def _characters(length: int, name: str = "", **options: Any) -> models.CharField[str, str]:
    return models.CharField(name or None, max_length=length, **options)


def _text(name: str = "", **options: Any) -> models.TextField[str, str]:
    return models.TextField(name or None, **options)


def _number(name: str = "", **options: Any) -> models.IntegerField[int, int]:
    return models.IntegerField(name or None, **options)


def _seconds(name: str = "", **options: Any) -> models.BigIntegerField[int, int]:
    return models.BigIntegerField(name or None, **options)


def _layer() -> models.IntegerField[int | None, int | None]:
    help_text = "1 for the first layer of the banner, 2 for what lies behind it."
    return models.IntegerField(null=True, help_text=help_text)


def _signature() -> models.CharField[str, str]:
    help_text = "Only who has the site's secret keys can make it."
    return models.CharField(max_length=_SIGNATURE, help_text=help_text)


class ConsentRecord(models.Model):
    """The proof of one decision, in the chain of its subject's records."""

    record_id = _characters(_UUID, "record", primary_key=True, help_text="A UUID.")
    subject = _characters(_SUBJECT, help_text="The random id in the visitor's consent cookie.")
    number = _number(help_text="Its place among the records of its subject, from 1 on.")
    schema = _number(help_text="The version of these fields.")
    event = _characters(_WORD, "decision", choices=Event.choices)
    time = _seconds(
        "decided", db_index=True, help_text="When it was decided, in seconds since 1970."
    )
    valid_until = _seconds(help_text="When the visitor is asked again, in seconds since 1970.")
    retention_until = _seconds(
        "kept until", db_index=True, help_text="Until when it is kept, in seconds since 1970."
    )
    choices = _text(
        help_text="By category, whether it was accepted; of a privacy signal, whether it may be "
        "stored now. Canonical JSON."
    )
    method = _characters(_WORD, choices=Method.choices, help_text="Where it was decided.")
    layer = _layer()
    control = _characters(
        _WORD, "button", help_text="The button that was pressed, if it was one of ConsentGate's."
    )
    policy_version = _text()
    policy_hash = _characters(
        _HASH, "policy", help_text="The document that says what the site declared."
    )
    banner_hash = _characters(_HASH, "banner", help_text="The document that shows what was asked.")
    package_version = _text("ConsentGate", help_text="The version of ConsentGate that asked.")
    language = _text(help_text="The language it was asked in (BCP 47).")
    jurisdiction = _text(help_text="The preset that the policy builds on.")
    signals = _text(
        "privacy signals", help_text="By signal, whether the browser sent it. Canonical JSON."
    )
    ip_address = _text(
        "network", help_text="The network the request came from, where the site keeps it."
    )
    user_agent = _text("browser", help_text="Name and major version, where the site keeps them.")
    previous_hash = _characters(_HASH, help_text="The hash of the subject's record before it.")
    signature = _signature()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """How records are called and ordered, and what is unique of them."""

        verbose_name = "consent record"
        ordering = ("-time", "subject", "-number")
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("subject", "number"), name="consent_record_place"),
        )

    def __str__(self) -> str:
        return f"record {self.number} of {self.subject}"


class ConsentChain(models.Model):
    """The two ends of one subject's chain of records."""

    subject = _characters(_SUBJECT, primary_key=True)
    first_number = _number(help_text="The place of the oldest record that is kept.")
    first_previous_hash = _characters(
        _HASH, help_text="The hash of the record before that, if one was purged."
    )
    last_number = _number(help_text="The place of the newest record.")
    last_hash = _characters(_HASH, help_text="The hash of the newest record.")
    retention_until = _seconds(
        "kept until", help_text="Until when the newest record is kept, in seconds since 1970."
    )
    signature = _signature()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """How chains are called and ordered."""

        verbose_name = "chain of consent records"
        verbose_name_plural = "chains of consent records"
        ordering = ("subject",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"records {self.first_number} to {self.last_number} of {self.subject}"


class ConsentDocument(models.Model):
    """A text that records refer to by its hash, so that it can be shown later."""

    hash = _characters(_HASH, primary_key=True, help_text="The SHA-256 of the text in UTF-8.")
    kind = _characters(_WORD)
    text = _text()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """How documents are called and ordered."""

        verbose_name = "consent document"
        ordering = ("kind", "hash")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.kind} {self.hash[:_SHORT]}"


class ConsentErasure(models.Model):
    """What stays of an erased chain: that it was erased, and nothing of whose it was."""

    erasure_id: models.UUIDField[uuid.UUID, uuid.UUID] = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False
    )
    subject_hash = _characters(_HASH, db_index=True, help_text="The SHA-256 of the subject.")
    last_number = _number(help_text="The place that the newest record had.")
    last_hash = _characters(_HASH, help_text="The hash that the newest record had.")
    time = _seconds("erased", help_text="When it was erased, in seconds since 1970.")
    retention_until = _seconds(
        "kept until", db_index=True, help_text="Until when this is kept, in seconds since 1970."
    )
    signature = _signature()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """How erasures are called and ordered."""

        verbose_name = "consent erasure"
        ordering = ("time", "erasure_id")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.last_number} records of {self.subject_hash[:_SHORT]}"
