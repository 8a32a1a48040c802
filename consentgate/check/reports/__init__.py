"""What a check found, as a table for people and as JSON, JUnit XML and SARIF for machines."""

from consentgate.check.reports.as_json import as_json
from consentgate.check.reports.as_junit import as_junit
from consentgate.check.reports.as_sarif import as_sarif
from consentgate.check.reports.as_table import print_table

__all__ = ["as_json", "as_junit", "as_sarif", "print_table"]
