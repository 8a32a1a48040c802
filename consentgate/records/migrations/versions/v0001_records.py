"""Records, chains, documents and erasures."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables; PostgreSQL may keep those that grow in several parts."""
    partitions: int = context.config.attributes.get("partitions", 0)
    options: dict[str, Any] = {}
    if partitions:
        options["postgresql_partition_by"] = "HASH (subject)"
    op.create_table(
        "consent_records",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=False),
        sa.Column("retention_until", sa.BigInteger, nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("layer", sa.Integer),
        sa.Column("control", sa.String(16), nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("policy_hash", sa.String(64), nullable=False),
        sa.Column("banner_hash", sa.String(64), nullable=False),
        sa.Column("package_version", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("jurisdiction", sa.Text, nullable=False),
        sa.Column("signals", sa.Text, nullable=False),
        sa.Column("ip_address", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        **options,
    )
    op.create_index("consent_records_retention_until", "consent_records", ["retention_until"])
    op.create_table(
        "consent_chains",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("first_number", sa.Integer, nullable=False),
        sa.Column("first_previous_hash", sa.String(64), nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("last_hash", sa.String(64), nullable=False),
        sa.Column("retention_until", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        **options,
    )
    for part in range(partitions):
        for table in ("consent_records", "consent_chains"):
            op.execute(
                f"CREATE TABLE {table}_{part} PARTITION OF {table} "
                f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part})"
            )
    op.create_table(
        "consent_documents",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "consent_erasures",
        sa.Column("subject_hash", sa.String(64), primary_key=True),
        sa.Column("last_hash", sa.String(64), primary_key=True),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("retention_until", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
    )
    op.create_index("consent_erasures_retention_until", "consent_erasures", ["retention_until"])
