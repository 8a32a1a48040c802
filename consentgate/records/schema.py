"""Create and migrate the tables of a records database; a request never does."""

from __future__ import annotations

from typing import Final

from alembic import command
from alembic.config import Config

from consentgate.exceptions import ConfigurationError
from consentgate.records.database import is_sqlite, parsed_url
from consentgate.records.tables import SCHEMA_VERSION

_MOST_PARTITIONS: Final = 1024


def migrate(url: str, partitions: int = 0) -> None:
    """Create the tables at ``url``, or bring them up to date; harmless where they are.

    ``partitions`` is how many parts, by a hash of the subject, PostgreSQL makes of those tables
    that grow; 0 for whole ones. It counts at their creation alone. Raises `ConfigurationError`,
    and what the database raises.
    """
    address = parsed_url(url)
    if partitions and is_sqlite(address):
        raise ConfigurationError("partitions need PostgreSQL")
    if not 0 <= partitions <= _MOST_PARTITIONS:
        raise ConfigurationError(
            f"{partitions} is no number of partitions between 0 and {_MOST_PARTITIONS}"
        )
    config = Config()
    config.set_main_option("script_location", "consentgate:records/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes.update(url=address, partitions=partitions)
    command.upgrade(config, SCHEMA_VERSION)
