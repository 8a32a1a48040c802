"""``consentgate records``: what each command does to a real database, and what it says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from consentgate.duration import DAY
from consentgate.record import DecisionCount, Document
from consentgate.records import SQLRecordStore
from consentgate.records.commands import records
from consentgate.records.schema import migrate
from consentgate.records.testing import BANNER, KEYS, NOW, POLICY, sample_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from consentgate.record import RecordStore

URL = "sqlite:///consent-records.db"
LONG_AGO = NOW - 10 * 365 * DAY
COMMANDS = (
    ["verify"],
    ["export", "visitor"],
    ["erase", "visitor", "--yes"],
    ["purge"],
    ["stats"],
    ["report"],
    ["digest"],
    ["show", "0"],
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder, where no variable says anything of records."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSENTGATE_RECORDS_URL", raising=False)
    monkeypatch.setenv("CONSENTGATE_SECRET_KEYS", " ".join(key.replace(" ", "-") for key in KEYS))
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[SQLRecordStore]:
    """Give the store at the default address, with its tables."""
    migrate(URL)
    store = SQLRecordStore(URL, [key.replace(" ", "-") for key in KEYS])
    yield store
    store._engine.dispose()


@pytest.fixture
def filled(store: SQLRecordStore) -> SQLRecordStore:
    """Give the store with four decisions of three visitors and one signal."""
    documents = [POLICY, BANNER]
    store.append(sample_record(), documents)
    store.append(sample_record(time=NOW + 1, event="withdrawn", choices={"statistics": False}))
    store.append(
        sample_record("other", time=NOW + DAY, event="given", choices={"statistics": True}),
        documents,
    )
    store.append(sample_record("old", time=LONG_AGO, policy_version="0", language="fr"), documents)
    store.append(sample_record("signal", time=NOW, event="signal", method="signal"), documents)
    return store


def run(*arguments: str, store: RecordStore | None = None, answer: str = "") -> Result:
    """Run the group, on ``store`` where one is given."""
    return CliRunner().invoke(
        records, arguments, obj=store, input=answer, prog_name="consentgate records"
    )


def said(*arguments: str, **options: Any) -> str:
    """Return what a command writes that succeeds."""
    result = run(*arguments, **options)
    assert (0, "") == (result.exit_code, result.stderr)
    return result.stdout


def refused(*arguments: str, **options: Any) -> str:
    """Return the one line that a command fails with."""
    result = run(*arguments, **options)
    assert 1 == result.exit_code
    assert isinstance(result.exception, SystemExit)
    assert re.fullmatch("Error: [^\n]+\n", result.stderr)
    return result.stderr


def execute(statement: str, *values: object) -> None:
    """Change the database behind the store's back."""
    with closing(sqlite3.connect("consent-records.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount != 0


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class TestMigrate:
    """The tables come from a command."""

    def test_the_tables_are_made(self) -> None:
        """Before it there are none, after it records can be kept."""
        assert "consentgate records --url sqlite:///consent-records.db migrate" in refused("stats")
        assert not Path("consent-records.db").exists()
        assert "The tables are up to date.\n" == said("migrate")
        assert "The tables are up to date.\n" == said("migrate")
        assert "There is no record of a decision.\n" == said("stats")

    def test_partitions_need_postgresql(self) -> None:
        """SQLite has none."""
        assert "partitions need PostgreSQL" in refused("migrate", "--partitions", "4")

    def test_a_number_of_partitions_is_a_number(self) -> None:
        """Anything else is told as click tells it."""
        assert 2 == run("migrate", "--partitions", "-1").exit_code

    def test_a_folder_that_is_not_there(self) -> None:
        """What the driver says is told in one line."""
        assert "unable to open" in refused("--url", "sqlite:///no/such/folder.db", "migrate")

    def test_a_store_of_somebody_else(self, filled: SQLRecordStore) -> None:
        """Who brings a store has made its tables."""
        assert "not made by this command" in refused("migrate", store=filled)

    def test_without_alembic(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line says what to install."""
        monkeypatch.setitem(sys.modules, "consentgate.records.schema", None)
        monkeypatch.delattr("consentgate.records.schema")
        assert "pip install 'consentgate[records]'" in refused("migrate")


class TestVerify:
    """Tampering is found, and told."""

    def test_nothing_is_wrong(self, filled: SQLRecordStore) -> None:
        """It says how many records it has looked at."""
        assert "No discrepancy in 5 records.\n" == said("verify")
        assert "No discrepancy in 2 records.\n" == said("verify", "visitor")
        assert "No discrepancy in 1 record.\n" == said("verify", "other")

    def test_an_altered_record(self, filled: SQLRecordStore) -> None:
        """It is named, and the exit code is 1; others are verified all the same."""
        execute("UPDATE consent_records SET language = 'fr' WHERE subject = 'visitor'")
        result = run("verify")
        assert (1, "") == (result.exit_code, result.stderr)
        assert result.stdout.startswith("altered: subject visitor, record 1: ")
        assert result.stdout.endswith("\n1 discrepancy.\n")
        assert 1 == run("verify", "visitor").exit_code
        assert "No discrepancy in 1 record.\n" == said("verify", "other")

    def test_a_document_that_is_missing(self, filled: SQLRecordStore) -> None:
        """It belongs to no subject, and every discrepancy is told."""
        execute("DELETE FROM consent_documents")
        lines = run("verify").stdout.splitlines()
        assert f"missing: the document {POLICY.hash} is missing" in lines
        assert "2 discrepancies." == lines[-1]

    def test_an_unknown_subject(self, filled: SQLRecordStore) -> None:
        """That there is nothing is not to be mistaken for that all is well."""
        assert "there is no record of the subject nobody" in refused("verify", "nobody")

    def test_no_terminal_obeys_a_record(self, filled: SQLRecordStore) -> None:
        """Control characters that somebody wrote into the database are replaced."""
        execute("UPDATE consent_records SET subject = ? WHERE subject = 'old'", "\x1b[31mred")
        assert "\x1b" not in run("verify").stdout


class TestDigest:
    """A manifest to be time-stamped, and compared with later."""

    def test_its_hash_is_printed(self, filled: SQLRecordStore, folder: Path) -> None:
        """The line is one of sha256sum's, the file is named after the time."""
        digest, name = said("digest").split()
        assert re.fullmatch(r"consent-manifest-\d{8}T\d{6}Z\.txt", name)
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        assert "visitor" not in (folder / name).read_text()

    def test_on_standard_output(self, filled: SQLRecordStore) -> None:
        """There the hash is not among the lines that it is of."""
        result = run("digest", "-o", "-")
        assert hashlib.sha256(result.stdout_bytes).hexdigest() in result.stderr

    def test_what_has_changed_since(self, filled: SQLRecordStore) -> None:
        """A chain that vanished is seen by the manifest alone; what is new or erased is none."""
        said("digest", "-o", "then.txt")
        filled.append(sample_record("new"))
        filled.append(sample_record("other", time=NOW + 2 * DAY))
        filled.erase("old")
        assert "No discrepancy in 6 records.\n" == said("verify", "--manifest", "then.txt")
        execute("DELETE FROM consent_records WHERE subject = 'visitor'")
        execute("DELETE FROM consent_chains WHERE subject = 'visitor'")
        assert "No discrepancy in 4 records.\n" == said("verify")
        result = run("verify", "--manifest", "then.txt")
        assert 1 == result.exit_code
        assert "missing: the chain of the subject with the hash" in result.stdout

    def test_it_also_verifies(self, filled: SQLRecordStore) -> None:
        """Who compares with a manifest is told of what is wrong with the chains themselves."""
        said("digest", "-o", "then.txt")
        execute("UPDATE consent_records SET language = 'fr' WHERE number = 1")
        assert (
            "altered: subject visitor, record 1" in run("verify", "--manifest", "then.txt").stdout
        )

    @pytest.mark.parametrize("content", [b"", b"no manifest", b"\xff\xfe\x00"])
    def test_what_is_no_manifest(self, filled: SQLRecordStore, content: bytes) -> None:
        """One line says so."""
        Path("then.txt").write_bytes(content)
        assert "the first line is not" in refused("verify", "--manifest", "then.txt")

    def test_a_manifest_is_about_all(self, filled: SQLRecordStore) -> None:
        """It cannot be compared with one subject."""
        Path("then.txt").write_text("")
        result = run("verify", "visitor", "--manifest", "then.txt")
        assert 2 == result.exit_code
        assert "leave SUBJECT out" in result.stderr

    def test_no_half_manifest(self, filled: SQLRecordStore, folder: Path) -> None:
        """Where the database fails, no file is left that could pass for one."""
        execute("DROP TABLE consent_chains")  # the documents come before the chains
        assert "no such table" in refused("digest", "-o", "then.txt")
        assert not (folder / "then.txt").exists()


class TestSubject:
    """A visitor's own records: article 15 and article 17."""

    def test_export(self, filled: SQLRecordStore) -> None:
        """All of them come as JSON, times as in RFC 3339."""
        value = json.loads(said("export", "visitor"))
        assert "visitor" == value["subject"]
        assert [1, 2] == [each["number"] for each in value["records"]]
        assert "2026-11-21T" == value["records"][0]["time"][:11]
        assert value["records"][0]["hash"] == value["records"][1]["previous_hash"]

    def test_export_to_a_file(self, filled: SQLRecordStore, folder: Path) -> None:
        """The same octets."""
        assert "" == said("export", "visitor", "-o", "visitor.json")
        assert said("export", "visitor") == (folder / "visitor.json").read_text()

    def test_a_file_that_cannot_be_made(self, filled: SQLRecordStore) -> None:
        """One line says so."""
        assert "No such file or directory" in refused("export", "visitor", "-o", "no/such/file")

    def test_export_needs_no_keys(
        self, filled: SQLRecordStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading, counting and showing is for who has the database."""
        monkeypatch.delenv("CONSENTGATE_SECRET_KEYS")
        for arguments in (["export", "visitor"], ["stats"], ["report"], ["show", POLICY.hash]):
            said(*arguments)

    @pytest.mark.parametrize("command", ["export", "erase"])
    def test_an_unknown_subject(self, filled: SQLRecordStore, folder: Path, command: str) -> None:
        """It is told, and no file is made."""
        options = ["-o", "nobody.json"] if command == "export" else ["--yes"]
        assert "no record of the subject nobody" in refused(command, "nobody", *options)
        assert not (folder / "nobody.json").exists()

    def test_erase(self, filled: SQLRecordStore) -> None:
        """After it the subject is unknown, and all others are as they were."""
        assert "Erased 2 records.\n" == said("erase", "visitor", "--yes")
        refused("export", "visitor")
        assert "No discrepancy in 3 records.\n" == said("verify")

    def test_erase_asks(self, filled: SQLRecordStore) -> None:
        """Only yes is yes."""
        for answer in ("n\n", "\n", ""):
            result = run("erase", "visitor", answer=answer)
            assert (1, "Aborted!") == (result.exit_code, result.stderr.strip())
            assert "Erase 2 records of visitor for good?" in result.stdout
        assert 2 == len(filled.by_subject("visitor"))
        assert said("erase", "visitor", answer="y\n").endswith("Erased 2 records.\n")

    def test_purge(self, filled: SQLRecordStore) -> None:
        """What is older than its retention goes, and it says how much that is."""
        assert "Purged 1 record.\n" == said("purge")
        assert "Purged 0 records.\n" == said("purge")
        refused("export", "old")


class TestShow:
    """What visitors saw, by its hash."""

    @pytest.mark.parametrize("document", [POLICY, BANNER])
    def test_the_very_text(self, filled: SQLRecordStore, folder: Path, document: Document) -> None:
        """It is written as it was kept, so that its SHA-256 is the hash."""
        assert document.text == said("show", document.hash)
        said("show", document.hash.upper(), "-o", "document")
        assert hashlib.sha256((folder / "document").read_bytes()).hexdigest() == document.hash

    def test_an_unknown_hash(self, filled: SQLRecordStore) -> None:
        """One line says so."""
        assert "no document with the hash abc" in refused("show", "abc")

    def test_an_altered_document(self, filled: SQLRecordStore) -> None:
        """What nobody saw is not shown."""
        execute("UPDATE consent_documents SET text = 'forged'")
        assert "was altered" in refused("show", POLICY.hash)


class TestStats:
    """Numbers for a terminal, and for machines."""

    def test_tables(self, filled: SQLRecordStore) -> None:
        """Decisions, and rates per category, language and policy version."""
        lines = [
            " ".join(line.split()) for line in said("stats", "--since", "2026-11-21").splitlines()
        ]
        assert "Decisions per day" in lines
        assert "Day Accepted In part Refused Withdrew Decisions Signals" in lines
        assert "21 Nov 2026 0 1 0 1 2 1" in lines
        assert "22 Nov 2026 1 0 0 0 1 0" in lines
        assert "All 1 1 0 1 3 1" in lines
        assert "33.3 % 33.3 % 0 % 33.3 %" in lines
        assert "advertising 0 % 0 of 1" in lines
        assert "statistics 66.7 % 2 of 3" in lines
        assert "en advertising 0 % 0 of 1" in lines
        assert "1 advertising 0 % 0 of 1" in lines

    def test_a_long_period_has_larger_units(self, filled: SQLRecordStore) -> None:
        """Ten years are not ten years of days."""
        output = said("stats")
        assert "Decisions per month" in output
        assert len(output.splitlines()) < 200

    def test_until_is_the_last_day(self, filled: SQLRecordStore) -> None:
        """It counts itself, whatever comes first on the command line."""
        value = json.loads(
            said("stats", "--until", "2026-11-21", "--since", "2026-11-20", "--json")
        )
        assert ["2026-11-20", "2026-11-21"] == [day["day"] for day in value["days"]]
        assert (2, 1) == (value["decisions"], value["signals"])

    def test_as_json(self, filled: SQLRecordStore) -> None:
        """All of it, and it is JSON where there is nothing too."""
        value = json.loads(said("stats", "--json"))
        assert 4 == value["decisions"]
        assert {"accepted": 3, "asked": 4, "rate": 0.75} == value["categories"]["statistics"]
        assert [] == json.loads(said("stats", "--json", "--until", "1999-12-31"))["days"]

    def test_signals_alone(self, store: SQLRecordStore) -> None:
        """There are days, and no rates."""
        store.append(sample_record(event="signal"))
        output = said("stats")
        assert "Signals" in output
        assert "Rate" not in output

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
    def test_any_text_on_any_terminal(
        self, store: SQLRecordStore, encoding: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Names are neither markup nor commands, and come out in any encoding."""
        record = sample_record(policy_version="[red]é\x1b[31m", language="", choices={"[b]": True})
        store.append(record)
        result = CliRunner(charset=encoding).invoke(records, ["stats"])
        assert 0 == result.exit_code, result.exception
        assert "[red]" in result.stdout
        assert "[b]" in result.stdout
        assert "\x1b" not in result.stdout
        assert "not known" in result.stdout

    @pytest.mark.parametrize("day", ["yesterday", "1969-12-31", "2106-01-01", "2026-02-30", ""])
    @pytest.mark.parametrize("option", ["--since", "--until"])
    def test_bad_dates(self, option: str, day: str) -> None:
        """They are told before any database is asked."""
        result = run("stats", option, day)
        assert 2 == result.exit_code
        assert f"Invalid value for '{option}': is no ISO date from 1970 to 2105" in result.stderr

    def test_a_period_that_ends_before_it_begins(self) -> None:
        """Which is told too."""
        result = run("report", "--until", "2026-01-01", "--since", "2026-01-02")
        assert 2 == result.exit_code
        assert "is before --since" in result.stderr


class TestReport:
    """The report as a file."""

    def test_a_file(self, filled: SQLRecordStore, folder: Path) -> None:
        """It has a name unless it is given one, and says where it is."""
        assert "Wrote consent-report.html\n" == said("report", "--title", "Shop & Co")
        page = (folder / "consent-report.html").read_text(encoding="utf-8")
        assert "<h1>Shop &amp; Co</h1>" in page
        assert "23 November 2016 to 22 November 2026" in page
        assert "Wrote other.html\n" == said("report", "-o", "other.html", "--since", "2026-11-22")
        assert "22 November 2026" in (folder / "other.html").read_text(encoding="utf-8")

    def test_standard_output(self, filled: SQLRecordStore, folder: Path) -> None:
        """There it is alone."""
        assert said("report", "-o", "-").rstrip().endswith("</html>")
        assert not (folder / "consent-report.html").exists()

    def test_an_empty_database(self, store: SQLRecordStore, folder: Path) -> None:
        """The page says so."""
        said("report")
        assert "No decisions" in (folder / "consent-report.html").read_text(encoding="utf-8")


class TestKeys:
    """Secret keys are never on the command line."""

    @pytest.mark.parametrize("command", [["verify"], ["erase", "visitor"], ["purge"], ["digest"]])
    def test_none(
        self,
        filled: SQLRecordStore,
        monkeypatch: pytest.MonkeyPatch,
        command: list[str],
    ) -> None:
        """What signs or verifies says what to set."""
        monkeypatch.setenv("CONSENTGATE_SECRET_KEYS", " ")
        said_so = refused(*command)
        assert "set CONSENTGATE_SECRET_KEYS" in said_so
        assert "--secret-keys-file" in said_so

    @pytest.mark.parametrize(
        "content",
        [
            b"the-newest-key\nan-older-key\n",
            b"\xef\xbb\xbfthe-newest-key\r\n\r\nan-older-key",
        ],
    )
    def test_a_file(
        self, filled: SQLRecordStore, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        """One key a line, the newest first, however the lines end; it comes before the variable."""
        monkeypatch.setenv("CONSENTGATE_SECRET_KEYS", "wrong")
        assert 1 == run("verify").exit_code
        Path("keys").write_bytes(content)
        assert "No discrepancy" in said("--secret-keys-file", "keys", "verify")

    def test_the_newest_comes_first(self, filled: SQLRecordStore) -> None:
        """What is signed now is verified by the first key alone."""
        Path("keys").write_text("another\nthe-newest-key\n")
        said("--secret-keys-file", "keys", "erase", "other", "--yes")
        said("--secret-keys-file", "keys", "verify")

    def test_an_empty_file(self) -> None:
        """It is told that it is one."""
        Path("keys").write_text("\n \n")
        assert "keys has no key in it" in refused("--secret-keys-file", "keys", "verify")

    def test_a_file_that_is_not_there(self) -> None:
        """As click tells it."""
        result = run("--secret-keys-file", "keys", "verify")
        assert 2 == result.exit_code
        assert "'keys': No such file" in result.stderr


class TestErrors:
    """One line, no traceback, no password."""

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
    def test_missing_tables(self, command: list[str]) -> None:
        """Each command names the one that makes them, and makes no file."""
        assert "migrate" in refused(*command)
        assert [] == list(Path().iterdir())

    @pytest.mark.parametrize("command", [*COMMANDS, ["migrate"]], ids=lambda command: command[0])
    def test_a_database_that_is_down(self, command: list[str]) -> None:
        """Each command says that it cannot be reached, and its password appears nowhere."""
        url = f"postgresql://user:Pass%2Fw0rd@127.0.0.1:{closed_port()}/records"
        said_so = refused("--url", url, *command)
        assert "Connection refused" in said_so
        assert "Pass" not in said_so

    @pytest.mark.parametrize(
        "url",
        [
            "mysql://user:Pass-w0rd@127.0.0.1/records",
            "postgresql://user:Pass-w0rd@127.0.0.1:port/records",
            "postgresql+nodriver://user:Pass-w0rd@127.0.0.1/records",
            "postgresql://user:Pass-w0rd@Pass-w0rd@127.0.0.1/records",
            "postgresql://us@er:Pass-w0rd@127.0.0.1:1/Pass-w0rd",
            "postgresql://127.0.0.1:1/records?password=Pass-w0rd",
            "postgresql+nodriver://127.0.0.1/records?password=Pass-w0rd",
            "postgresql://127.0.0.1:1/records?sslmode=Pass-w0rd&password=Pass-w0rd",
            "postgresql://user:@127.0.0.1:1/records",
            "//user:Pass-w0rd@127.0.0.1/records",
            "",
        ],
    )
    @pytest.mark.parametrize("command", ["stats", "migrate"])
    def test_a_bad_url(self, url: str, command: str) -> None:
        """Whatever is wrong with it, no password is told."""
        said_so = refused("--url", url, command)
        assert "Pass" not in said_so

    def test_the_url_of_the_environment(
        self, filled: SQLRecordStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is that of a variable unless there is an option, and help does not tell it."""
        monkeypatch.setenv("CONSENTGATE_RECORDS_URL", "mysql://user:Pass-w0rd@127.0.0.1/records")
        assert "needs a URL like" in refused("stats")
        assert "Decisions per" in said("--url", URL, "stats")
        assert "Pass" not in said("--help")

    def test_no_database(self) -> None:
        """A file of something else is told as what it is."""
        Path("consent-records.db").write_bytes(b"not a database, but long enough" * 100)
        assert "the record store failed: file is not a database" in refused("stats")

    def test_without_sqlalchemy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line says what to install."""
        monkeypatch.setitem(sys.modules, "consentgate.records.sql", None)
        assert "pip install 'consentgate[records]'" in refused("stats")


class ForeignStore:
    """A store that is none of ours, and does little."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def count(self, since: int | None = None, until: int | None = None) -> list[DecisionCount]:
        """Return one decision, or fail."""
        if self.error:
            raise self.error
        return [DecisionCount(NOW // DAY, "given", {"statistics": True}, "en", "1", 1)]

    def verify(self, subject: str | None = None) -> Iterator[Any]:
        """Find nothing."""
        return iter(())


class TestStoreOfSomebodyElse:
    """The group works on the store that it is handed."""

    def test_it_is_used(self, filled: SQLRecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither URL nor keys matter then."""
        monkeypatch.delenv("CONSENTGATE_SECRET_KEYS")
        monkeypatch.setenv("CONSENTGATE_RECORDS_URL", "nonsense")
        assert "No discrepancy in 5 records.\n" == said("verify", store=filled)
        assert "Erased 2 records.\n" == said("erase", "visitor", "--yes", store=filled)

    def test_a_store_without_chains(self) -> None:
        """It can be verified and counted; a manifest cannot be made of it."""
        store: Any = ForeignStore()
        assert "No discrepancy in 1 record.\n" == said("verify", store=store)
        assert "keeps no chains" in refused("digest", store=store)

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError("disk on fire"), "OSError: disk on fire"),
            (TimeoutError(), "TimeoutError:"),
            (KeyError("a\nb"), "KeyError: 'a"),
            (click.ClickException("mine"), "mine"),
        ],
    )
    def test_whatever_it_raises(self, error: Exception, words: str) -> None:
        """It means that the store cannot just now, and is told in one line."""
        store: Any = ForeignStore(error)
        assert words in refused("stats", store=store)


@pytest.mark.parametrize(
    "command",
    [
        [str(Path(sys.executable).with_name("consentgate"))],
        [sys.executable, "-c", "from consentgate.cli import main; main()"],
    ],
    ids=["console script", "module"],
)
def test_it_is_a_command_of_the_command_line(filled: SQLRecordStore, command: list[str]) -> None:
    """The group is found through its entry point, and its exit codes reach the shell."""

    def shell(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [*command, "records", *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "No discrepancy in 5 records.\n" == shell("verify").stdout
    execute("UPDATE consent_records SET language = 'fr' WHERE subject = 'visitor'")
    assert 1 == shell("verify").returncode
    down = f"postgresql://user:Pass-w0rd@127.0.0.1:{closed_port()}/records"
    ended = shell("stats", CONSENTGATE_RECORDS_URL=down)
    assert 1 == ended.returncode
    assert re.fullmatch("Error: the record store failed: [^\n]*\n", ended.stderr)
    assert "Pass" not in ended.stderr
