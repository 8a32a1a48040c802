"""The tables of version 0001."""

from __future__ import annotations

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """Create all tables."""

    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="ConsentChain",
            fields=[
                ("subject", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "first_number",
                    models.IntegerField(help_text="The place of the oldest record that is kept."),
                ),
                (
                    "first_previous_hash",
                    models.CharField(
                        help_text="The hash of the record before that, if one was purged.",
                        max_length=64,
                    ),
                ),
                ("last_number", models.IntegerField(help_text="The place of the newest record.")),
                (
                    "last_hash",
                    models.CharField(help_text="The hash of the newest record.", max_length=64),
                ),
                (
                    "retention_until",
                    models.BigIntegerField(
                        help_text="Until when the newest record is kept, in seconds since 1970.",
                        verbose_name="kept until",
                    ),
                ),
                (
                    "signature",
                    models.CharField(
                        help_text="Only who has the site's secret keys can make it.", max_length=64
                    ),
                ),
            ],
            options={
                "verbose_name": "chain of consent records",
                "verbose_name_plural": "chains of consent records",
                "ordering": ("subject",),
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ConsentDocument",
            fields=[
                (
                    "hash",
                    models.CharField(
                        help_text="The SHA-256 of the text in UTF-8.",
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("text", models.TextField()),
            ],
            options={
                "verbose_name": "consent document",
                "ordering": ("kind", "hash"),
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ConsentErasure",
            fields=[
                (
                    "erasure_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "subject_hash",
                    models.CharField(
                        db_index=True, help_text="The SHA-256 of the subject.", max_length=64
                    ),
                ),
                (
                    "last_number",
                    models.IntegerField(help_text="The place that the newest record had."),
                ),
                (
                    "last_hash",
                    models.CharField(
                        help_text="The hash that the newest record had.", max_length=64
                    ),
                ),
                (
                    "time",
                    models.BigIntegerField(
                        help_text="When it was erased, in seconds since 1970.",
                        verbose_name="erased",
                    ),
                ),
                (
                    "retention_until",
                    models.BigIntegerField(
                        db_index=True,
                        help_text="Until when this is kept, in seconds since 1970.",
                        verbose_name="kept until",
                    ),
                ),
                (
                    "signature",
                    models.CharField(
                        help_text="Only who has the site's secret keys can make it.", max_length=64
                    ),
                ),
            ],
            options={
                "verbose_name": "consent erasure",
                "ordering": ("time", "erasure_id"),
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ConsentRecord",
            fields=[
                (
                    "record_id",
                    models.CharField(
                        help_text="A UUID.",
                        max_length=36,
                        primary_key=True,
                        serialize=False,
                        verbose_name="record",
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        help_text="The random id in the visitor's consent cookie.", max_length=64
                    ),
                ),
                (
                    "number",
                    models.IntegerField(
                        help_text="Its place among the records of its subject, from 1 on."
                    ),
                ),
                ("schema", models.IntegerField(help_text="The version of these fields.")),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("given", "Given"),
                            ("partial", "Given in part"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("signal", "Privacy signal"),
                        ],
                        max_length=16,
                        verbose_name="decision",
                    ),
                ),
                (
                    "time",
                    models.BigIntegerField(
                        db_index=True,
                        help_text="When it was decided, in seconds since 1970.",
                        verbose_name="decided",
                    ),
                ),
                (
                    "valid_until",
                    models.BigIntegerField(
                        help_text="When the visitor is asked again, in seconds since 1970."
                    ),
                ),
                (
                    "retention_until",
                    models.BigIntegerField(
                        db_index=True,
                        help_text="Until when it is kept, in seconds since 1970.",
                        verbose_name="kept until",
                    ),
                ),
                (
                    "choices",
                    models.TextField(
                        help_text="By category, whether it was accepted; of a privacy signal, "
                        "whether it may be stored now. Canonical JSON."
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("banner", "Banner"),
                            ("preferences", "Preferences page"),
                            ("placeholder", "Placeholder"),
                            ("api", "Script"),
                            ("application", "Form of the site"),
                            ("signal", "Privacy signal"),
                        ],
                        help_text="Where it was decided.",
                        max_length=16,
                    ),
                ),
                (
                    "layer",
                    models.IntegerField(
                        help_text="1 for the first layer of the banner, 2 for what lies behind it.",
                        null=True,
                    ),
                ),
                (
                    "control",
                    models.CharField(
                        help_text="The button that was pressed, if it was one of ConsentGate's.",
                        max_length=16,
                        verbose_name="button",
                    ),
                ),
                ("policy_version", models.TextField()),
                (
                    "policy_hash",
                    models.CharField(
                        help_text="The document that says what the site declared.",
                        max_length=64,
                        verbose_name="policy",
                    ),
                ),
                (
                    "banner_hash",
                    models.CharField(
                        help_text="The document that shows what was asked.",
                        max_length=64,
                        verbose_name="banner",
                    ),
                ),
                (
                    "package_version",
                    models.TextField(
                        help_text="The version of ConsentGate that asked.",
                        verbose_name="ConsentGate",
                    ),
                ),
                ("language", models.TextField(help_text="The language it was asked in (BCP 47).")),
                (
                    "jurisdiction",
                    models.TextField(help_text="The preset that the policy builds on."),
                ),
                (
                    "signals",
                    models.TextField(
                        help_text="By signal, whether the browser sent it. Canonical JSON.",
                        verbose_name="privacy signals",
                    ),
                ),
                (
                    "ip_address",
                    models.TextField(
                        help_text="The network the request came from, where the site keeps it.",
                        verbose_name="network",
                    ),
                ),
                (
                    "user_agent",
                    models.TextField(
                        help_text="Name and major version, where the site keeps them.",
                        verbose_name="browser",
                    ),
                ),
                (
                    "previous_hash",
                    models.CharField(
                        help_text="The hash of the subject's record before it.", max_length=64
                    ),
                ),
                (
                    "signature",
                    models.CharField(
                        help_text="Only who has the site's secret keys can make it.", max_length=64
                    ),
                ),
            ],
            options={
                "verbose_name": "consent record",
                "ordering": ("-time", "subject", "-number"),
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subject", "number"), name="consent_record_place"
                    )
                ],
            },
        ),
    )
