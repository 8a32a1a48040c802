"""The records in Django's admin: to be seen, filtered and exported, and never changed."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Length
from django.http import HttpResponseRedirect
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join

from consentgate.records.rows import read_flags
from django_consentgate import conf
from django_consentgate.records.export import csv_response
from django_consentgate.records.filters import (
    DecidedFilter,
    JurisdictionFilter,
    LanguageFilter,
    PolicyVersionFilter,
)
from django_consentgate.records.models import ConsentDocument, ConsentRecord
from django_consentgate.records.moments import for_machines, in_words
from django_consentgate.records.session import kept_document, stored_record

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from consentgate.record import Document

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

_VERIFIED: Final = "verified"
_ANSWERS: Final = {True: ("icon-yes.svg", "yes"), False: ("icon-no.svg", "no")}


class ReadOnlyAdmin(ModelAdmin):
    """An admin of what nobody may change, in the database that the records are in."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they would count all records, for each of their kinds

    class Media:
        """What the pages need beside Django's own."""

        css: Final = {"all": ("consentgate_records/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all rows; no database router is asked."""
        return super().get_queryset(request).using(conf.database_store().using)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - nobody may
        """Refuse: the store alone adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - nobody
        """Refuse: what can be changed proves nothing."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - nobody
        """Refuse: ``manage.py consent_records`` erases and purges so that the rest verifies."""
        return False


@admin.register(ConsentRecord)
class ConsentRecordAdmin(ReadOnlyAdmin):
    """The list of records, each record with the state of its chain, and their export."""

    list_display = (
        "decided",
        "event",
        "chosen",
        "language",
        "policy_version",
        "method",
        "jurisdiction",
    )
    list_filter = (
        DecidedFilter,
        "event",
        "method",
        LanguageFilter,
        PolicyVersionFilter,
        JurisdictionFilter,
    )
    list_per_page = 50
    ordering = ("-time",)
    search_fields = ("subject__exact", "record_id__exact")  # exact, for which there are indexes
    search_help_text = "Subject or record id, whole."
    actions = ("export_selected",)
    fieldsets = (
        (None, {"fields": ("chain_state",)}),
        (
            "Decision",
            {
                "fields": (
                    "event",
                    "chosen",
                    "decided_exactly",
                    "valid_until_exactly",
                    "method",
                    "layer",
                    "control",
                    "language",
                )
            },
        ),
        (
            "What was asked",
            {
                "fields": (
                    "policy_version",
                    "policy",
                    "banner",
                    "jurisdiction",
                    "package_version",
                )
            },
        ),
        ("Visitor", {"fields": ("subject_records", "sent_signals", "ip_address", "user_agent")}),
        (
            "Proof",
            {
                "fields": (
                    "number",
                    "record_id",
                    "retention_until_exactly",
                    "previous_hash",
                    "own_hash",
                    "signature",
                    "schema",
                )
            },
        ),
    )
    readonly_fields = (
        "chosen",
        "decided_exactly",
        "valid_until_exactly",
        "retention_until_exactly",
        "policy",
        "banner",
        "subject_records",
        "sent_signals",
        "chain_state",
        "own_hash",
    )

    # -- what is shown ---------------------------------------------------------------------------

    @admin.display(description="Decided", ordering="time")
    def decided(self, record: ConsentRecord) -> str:
        """Return when it was decided, where the site is."""
        return in_words(record.time)

    @admin.display(description="Choices")
    def chosen(self, record: ConsentRecord) -> SafeString:
        """Return what was accepted and what was not."""
        return _answers(record.choices)

    @admin.display(description="Privacy signals")
    def sent_signals(self, record: ConsentRecord) -> SafeString:
        """Return which signals the browser sent."""
        return _answers(record.signals)

    @admin.display(description="Decided")
    def decided_exactly(self, record: ConsentRecord) -> str:
        """Return when it was decided, to the second."""
        return _exactly(record.time)

    @admin.display(description="Valid until")
    def valid_until_exactly(self, record: ConsentRecord) -> str:
        """Return when the visitor is asked again, to the second."""
        return _exactly(record.valid_until)

    @admin.display(description="Kept until")
    def retention_until_exactly(self, record: ConsentRecord) -> str:
        """Return until when the record is kept, to the second."""
        return _exactly(record.retention_until)

    @admin.display(description="Hash")
    def own_hash(self, record: ConsentRecord) -> str:
        """Return what the next record of the subject, and the signature, vouch for."""
        return stored_record(record).hash

    @admin.display(description="Policy")
    def policy(self, record: ConsentRecord) -> str:
        """Return where the text is that says what the site declared."""
        return self._document(record.policy_hash)

    @admin.display(description="Banner")
    def banner(self, record: ConsentRecord) -> str:
        """Return where the text is that shows what was asked."""
        return self._document(record.banner_hash)

    def _document(self, hashed: str) -> str:
        if not hashed:
            return self.get_empty_value_display()
        state = _state_of_document(hashed, conf.database_store().document(hashed))
        address = self._address("consentdocument_change", hashed)
        link = format_html('<a href="{}" class="consentgate-exact">{}</a>', address, hashed)
        return format_html("{} ({})", link, state)

    @admin.display(description="Subject")
    def subject_records(self, record: ConsentRecord) -> SafeString:
        """Return the subject, and where all of its records are."""
        address = self._address("consentrecord_changelist")
        link = '<span class="consentgate-exact">{}</span> (<a href="{}?q={}">all its records</a>)'
        return format_html(link, record.subject, address, record.subject)

    def _address(self, name: str, *arguments: str) -> str:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{name}"
        return reverse(name, args=arguments)

    @admin.display(description="Chain")
    def chain_state(self, record: ConsentRecord) -> SafeString:
        """Return whether the records of the subject are as they were signed."""
        found = next(conf.database_store().verify(record.subject), None)
        if found is None:
            words = "Verified: all records of this subject are as they were signed."
        else:
            place = "" if found.number is None else f", record {found.number}"
            words = f"{found.fault.capitalize()}{place}: {found.detail}."
        return _answer(words, yes=found is None)

    # -- export ----------------------------------------------------------------------------------

    @admin.action(description="Export selected records as CSV", permissions=["view"])
    def export_selected(
        self, request: HttpRequest, records: QuerySet[ConsentRecord]
    ) -> HttpResponseBase:
        """Send the selected records, or all that match where all are selected."""
        return csv_response(request, records)

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the admin, and that of the export."""
        view = self.admin_site.admin_view(self.export)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send all records that the filters and the search of the list let through."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            records = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self._address("consentrecord_changelist"))
        return csv_response(request, records)


@admin.register(ConsentDocument)
class ConsentDocumentAdmin(ReadOnlyAdmin):
    """The texts that records refer to."""

    list_display = ("__str__", "characters")
    list_filter = ("kind",)
    search_fields = ("hash__exact",)
    search_help_text = "Hash, whole."
    fields = ("kind", "hash", "state", "characters", "exact_text")
    readonly_fields = ("state", "characters", "exact_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all documents; the list needs no texts."""
        return super().get_queryset(request).annotate(characters=Length("text")).defer("text")

    @admin.display(description="Characters", ordering="characters")
    def characters(self, document: Any) -> int:
        """Return how long the text is."""
        length: int = document.characters
        return length

    @admin.display(description="State")
    def state(self, document: ConsentDocument) -> SafeString:
        """Return whether the text is the one that its hash stands for."""
        state = _state_of_document(document.hash, kept_document(document))
        return _answer(state.capitalize(), yes=state == _VERIFIED)

    @admin.display(description="Text")
    def exact_text(self, document: ConsentDocument) -> SafeString:
        """Return the text, of which nothing is run or fetched."""
        return format_html('<pre class="consentgate-exact">{}</pre>', document.text)


def _exactly(seconds: int) -> str:
    return f"{in_words(seconds)} ({for_machines(seconds)})"


def _state_of_document(hashed: str, document: Document | None) -> str:
    if document is None:
        return "missing"
    return _VERIFIED if document.hash == hashed else "altered"


def _answers(text: str) -> SafeString:
    """Return what a column of ours says, item by item."""
    items = sorted(read_flags(text).items(), key=operator.itemgetter(0))
    answers = ((_answer(name, yes=bool(answer)),) for name, answer in items)
    return format_html_join(" ", '<span class="consentgate-answer">{}</span>', answers)


def _answer(words: str, *, yes: bool) -> SafeString:
    icon, said = _ANSWERS[yes]
    return format_html('<img src="{}" alt="{}"> {}', static(f"admin/img/{icon}"), said, words)
