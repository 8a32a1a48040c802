"""What Alembic runs: the migrations that a database lacks, in one transaction."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from consentgate.records.tables import METADATA, SCHEMA_VERSION_TABLE

engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        # Readers and one writer at a time, side by side; the file remembers it.
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.commit()
    context.configure(connection, target_metadata=METADATA, version_table=SCHEMA_VERSION_TABLE)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":  # two at once would both create
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('consentgate'))"))
        context.run_migrations()
