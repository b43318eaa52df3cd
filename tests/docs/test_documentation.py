"""The documentation names everything there is, and nothing that there isn't.

What there is, is asked of the program itself: its command tree, its error classes, its models, a ledger
it has built and files it has written.
"""

import ast
import csv
import importlib
import json
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from refundctl.cli.shell.wording import in_words
from refundctl.domain.basics.errors import ExitCode
from refundctl.domain.bookings.booking_cells import RejectCode
from refundctl.domain.bookings.source import CANONICAL_COLUMNS, Source
from refundctl.domain.campaigns.conditions import FIELDS
from refundctl.domain.cards.printed_codes import FaultCode
from refundctl.files.bookings.presets import presets
from refundctl.ledger.cards import pool
from refundctl.ledger.funding.line_state import LineState
from refundctl.operations.funding.publish import CASH_ONLY
from refundctl.operations.funding.topup import NOT_PUBLISHED
from support.command_line import CAMPAIGN, CommandLine
from support.golden_text import Golden
from support.pages.markdown_pages import PAGES, SHELL, Section, anchor, names, page, read_markdown
from support.pages.typed_pages import TypedPage
from support.repository import ROOT

PROGRAM = ROOT / "src" / "refundctl"


# --- Commands and options ---


@dataclass(frozen=True, slots=True)
class Command:
    """`words` as typed after `refundctl`; `options` with their dashes, short and long.

    `needs_another` is true of a group that does nothing by itself.
    """

    words: str
    options: frozenset[str]
    needs_another: bool


def every_command() -> list[Command]:
    from typer.main import get_command

    from refundctl.cli.shell.app import app, load

    load([])
    return list(_commands_below((), get_command(app)))


def _commands_below(words: tuple[str, ...], command: object) -> Iterator[Command]:
    options = {
        name
        for parameter in getattr(command, "params", ())
        if parameter.param_type_name == "option" and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    below = getattr(command, "commands", {})
    needs_another = bool(below) and not getattr(command, "invoke_without_command", False)
    yield Command(" ".join(words), frozenset(options), needs_another)
    for name, child in below.items():
        if not child.hidden:
            yield from _commands_below((*words, name), child)


def _commands_in(heading: str) -> set[str]:
    """`refundctl load FILE...` names "load"; a heading may name several, with commas between them."""
    words = [part.replace("`", "").strip() for part in heading.split(",")]
    return {re.match(r"(?:refundctl )?((?:[a-z-]+ ?)*)", part)[1].strip() for part in words}  # type: ignore[index]


def sections_of_commands() -> tuple[dict[str, str], str]:
    """What docs/commands.md says of each command, and what it says above the first of them."""
    known = {command.words for command in every_command()} - {""}
    text = page("docs/commands.md")
    found: dict[str, str] = {}
    common = text.splitlines()
    for section in read_markdown(text).sections:
        for command in _commands_in(section.heading) & known:
            found[command] = section.text
            common = common[: section.line - 1]
    return found, "\n".join(common)


def says_option(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text) is not None


def test_every_command_has_its_heading_in_commands_md() -> None:
    documented, _ = sections_of_commands()
    commands = {command.words for command in every_command() if command.words and not command.needs_another}
    assert {
        "init",
        "load",
        "load-customers",
        "sources",
        "sources check",
        "create",
        "publish",
        "topup",
        "run",
        "status",
        "runs",
        "verify",
        "backup",
    } <= commands
    assert sorted(commands - documented.keys()) == []


def test_every_option_is_named_with_its_command_or_among_those_of_all() -> None:
    documented, common = sections_of_commands()
    missing = [
        f"{command.words} {option}"
        for command in every_command()
        for option in sorted(command.options - {"--help"})
        if not says_option(documented.get(command.words, "") + common, option)
    ]
    assert missing == []


@dataclass(frozen=True, slots=True)
class Example:
    """A call of refundctl in a shell block of the documentation."""

    where: str
    words: tuple[str, ...]


def every_example() -> list[Example]:
    return [
        Example(path.name, words)
        for path in PAGES
        for block in read_markdown(path.read_text(encoding="utf-8")).blocks
        if block.language in SHELL
        for words in _calls_in(block.text.replace("\\\n", " "))
    ]


def _calls_in(block: str) -> Iterator[tuple[str, ...]]:
    for line in block.splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        call: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(lexer.punctuation_chars):
                if call and call[0].rsplit("/", 1)[-1] == "refundctl":
                    yield tuple(call[1:])
                call = []
            else:
                call.append(word)


def test_examples_use_commands_and_options_that_exist() -> None:
    commands = {command.words: command for command in every_command()}
    wrong = []
    for example in every_example():
        words = list(example.words)
        command = commands[""]
        while words and f"{command.words} {words[0]}".strip() in commands:
            command = commands[f"{command.words} {words.pop(0)}".strip()]
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        unknown = sorted(used - command.options - {"--help"})
        if unknown or (command.needs_another and not used):
            wrong.append(f"{example.where}: refundctl {' '.join(example.words)}: {unknown}")
    assert wrong == []


# --- Codes ---


def test_every_exit_code_has_a_row() -> None:
    rows = set(re.findall(r"^\|\s*`?(\d+)`?\s*\|", page("docs/exit-codes.md"), re.MULTILINE))
    assert {str(int(code)) for code in ExitCode} - rows == set()


def codes_in_source() -> set[str]:
    """Each literal that an error class or a call gives as its `code`."""
    return {
        value.value
        for path in PROGRAM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for value in _given_as_code(node)
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _given_as_code(node: ast.AST) -> list[ast.expr]:
    # What goes into a text, as by format(), is no error's.
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and node.func.attr == "format"):
        return [branch for given in node.keywords if given.arg == "code" for branch in _branches(given.value)]
    if isinstance(node, ast.ClassDef):
        assigned = [each for each in node.body if isinstance(each, ast.Assign)]
        return [
            *(given.value for given in node.keywords if given.arg == "code"),
            *(each.value for each in assigned if ast.unparse(each.targets[0]) == "code"),
        ]
    return []


def _branches(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def test_every_error_code_is_explained() -> None:
    codes = codes_in_source()
    assert {"bug", "usage", "bad_input", "busy", "interrupted"} <= codes
    assert sorted(codes - names(page("docs/exit-codes.md"))) == []


def test_every_refusal_of_a_packed_file_has_a_row() -> None:
    codes = {code for code in codes_in_source() if code.startswith(("archive_", "spreadsheet_"))}
    assert len(codes) == 14
    assert sorted(code for code in codes if f"\n| `{code}` | " not in page("docs/exit-codes.md")) == []


def test_every_fault_of_a_printed_code_is_explained() -> None:
    faults = {fault.value for fault in FaultCode}
    assert sorted(fault for fault in faults if f"\n| `{fault}` | " not in page("docs/campaigns.md")) == []
    assert sorted(faults - names(page("docs/exit-codes.md"))) == []


def test_every_reason_to_skip_a_booking_is_explained() -> None:
    skipped = {state.label for state in LineState if state.is_skipped} | {CASH_ONLY, NOT_PUBLISHED, pool.NO_CARD_LEFT}
    lines = {reason: f"\n| `{reason}` | {in_words(reason)} | " for reason in skipped}  # in JSON, and on the screen
    assert sorted(reason for reason, line in lines.items() if line not in page("docs/commands.md")) == []


def test_every_reason_for_a_reject_is_explained_in_its_own_words() -> None:
    text = page("docs/loading.md")
    missing = [code.value for code in RejectCode if f"| `{code}` | {code.meaning} |" not in text]
    assert missing == []


# --- The campaigns file ---


MODELS_OF_THE_CAMPAIGNS_FILE = (
    "domain.campaigns.campaign",
    "domain.campaigns.campaign_rules",
    "domain.bookings.source",
    "files.campaigns.campaigns_yaml",
)


def every_campaign_key() -> set[str]:
    """Every key that the models of the campaigns file take; an excluded field is none of its keys."""
    from pydantic import BaseModel

    modules = [importlib.import_module(f"{PROGRAM.name}.{name}") for name in MODELS_OF_THE_CAMPAIGNS_FILE]
    models = {
        model
        for module in modules
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
    }
    fields = [(name, info) for model in models for name, info in model.model_fields.items()]
    return {info.alias or name for name, info in fields if not info.exclude}


def test_every_key_of_the_campaigns_file_is_explained() -> None:
    keys = every_campaign_key()
    assert {"version", "campaigns", "sources", "card_per", "columns", "decimal"} <= keys
    assert sorted(keys - names(page("docs/campaigns.md")) - names(page("docs/loading.md"))) == []


def test_the_example_campaigns_file_shows_every_key() -> None:
    example = page("campaigns.example.yaml")
    missing = {key for key in every_campaign_key() if not re.search(rf"(?<![\w-]){re.escape(key)}:", example)}
    assert sorted(missing) == []


def test_every_field_and_range_of_a_condition_is_explained() -> None:
    words = {*FIELDS, "metadata.KEY", "min", "max", "from", "to"}
    assert sorted(words - names(page("docs/campaigns.md"))) == []


def test_every_column_of_a_booking_is_explained() -> None:
    assert sorted(set(CANONICAL_COLUMNS) - names(page("docs/loading.md"))) == []


# --- Sources ---


def section_of_sources(heading: str) -> Section:
    return next(found for found in read_markdown(page("docs/sources.md")).sections if found.heading == heading)


def test_every_key_of_a_source_has_its_heading() -> None:
    headings = re.findall(r"^### (.*)", section_of_sources("Every key").text, re.MULTILINE)
    keys = {key for heading in headings for key in re.split(", | and ", heading)}
    assert keys == set(Source.model_fields)


@pytest.mark.parametrize("name", presets())
def test_every_preset_says_what_it_takes_and_who_the_customer_is(name: str) -> None:
    preset = presets()[name]
    taken, _whose = re.findall(rf"^\| `{name}` \| .*", section_of_sources("Presets").text, re.MULTILINE)
    refunded = [preset.refunded] if preset.refunded else []
    headers = [*preset.headers_of("order_amount"), *refunded, *preset.only, *preset.skip]
    assert [header for header in headers if f"`{header}`" not in taken] == []
    texts = [text for texts in preset.only.values() for text in texts]
    assert [text for text in texts if f"`{text}`" not in taken.casefold()] == []


def test_every_file_in_the_page_about_sources_is_typed() -> None:
    blocks = read_markdown(page("docs/sources.md")).blocks
    assert {block.language for block in blocks} == {"sh", "text", "csv", "yaml"}
    assert [block.line for block in blocks if block.language in {"csv", "yaml"} and not block.title] == []


# --- Files and the ledger, as the program really writes them ---

BOOKINGS = (
    "booking_id,email,order_amount,currency,status\n"
    "R-1001,ana@example.org,12.50,EUR,cancelled\n"
    "R-1002,jan@example.org,-5,EUR,cancelled\n"
)


@pytest.fixture
def folder(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> Path:
    """A folder after one run of shop.csv: its files in `out`, its rejects, and each kind of export."""
    (tmp_path / "shop.csv").write_text(BOOKINGS)
    assert run_in_process("run", CAMPAIGN, "shop.csv", "--out", "out").exit == ExitCode.PARTIAL
    for kind in ("cards", "transactions", "publications", "bookings", "redemptions"):
        run_in_process("export", kind, CAMPAIGN, "-o", f"{kind}.csv").ok()
    return tmp_path


def header_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def test_every_column_of_every_csv_file_is_explained(folder: Path) -> None:
    written = {path.name: header_of(path) for path in sorted(folder.rglob("*.csv"))}
    kinds = {"mail", "rejects", "cards", "transactions", "publications", "bookings", "redemptions"}
    assert {kind for kind in kinds if any(kind in name for name in written)} == kinds
    explained = names(page("docs/files.md"))
    missing = [f"{name}: {column}" for name in written for column in written[name] if column not in explained]
    assert missing == []


def test_every_key_of_the_json_files_is_explained(folder: Path) -> None:
    explained = names(page("docs/files.md"))
    missing = [
        f"{name}: {key}"
        for name in ("summary.json", "manifest.json")
        for key in json.loads((folder / "out" / name).read_text(encoding="utf-8"))
        if key not in explained
    ]
    assert missing == []


JSON_OF = (
    ["init", "--ledger", "new.db"],
    ["load", "shop.csv", "--ledger", "new.db"],
    ["load-customers", "shop.csv", "--ledger", "new.db"],
    ["sources"],
    ["sources", "check", "shop.csv"],
    ["sources", "check", "unknown.csv"],
    ["create", CAMPAIGN, "--ledger", "new.db"],
    ["publish", CAMPAIGN, "--ledger", "new.db"],
    ["topup", CAMPAIGN, "--ledger", "new.db"],
    ["export", "mail", CAMPAIGN, "-o", "new-mail.csv", "--ledger", "new.db"],
    ["export", "cards", CAMPAIGN, "-o", "new-cards.csv", "--ledger", "new.db"],
    ["run", CAMPAIGN, "shop.csv", "--out", "again", "--ledger", "another.db", "-n"],
    ["plan", CAMPAIGN, "shop.csv", "-o", "plan.json", "--ledger", "another.db"],
    ["apply", "plan.json", "--out", "planned", "--ledger", "another.db"],
    ["card", "show", "c1"],
    ["card", "validate", "c1"],
    ["card", "find", "--customer", "ana@example.org"],
    ["card", "redeem", "c1", "--amount", "5", "--invoice", "I-1", "--customer", "ana@example.org"],
    ["card", "rollback", "2"],
    ["card", "adjust", "c1", "--amount", "+1", "--reason", "a test"],
    ["card", "issue", CAMPAIGN, "--customer", "ana@example.org", "--amount", "5", "--reason", "a test"],
    ["card", "transfer", "c2"],
    ["card", "activate", "c1"],
    ["card", "assign", "c1", "--customer", "ana@example.org"],
    ["card", "disable", "c3"],
    ["card", "enable", "c3"],
    ["card", "deactivate", "c3"],
    ["card", "extend", "c1", "--until", "2999-12-31"],
    ["card", "set-pin", "c1", "--pin-file", "pin.txt"],
    ["card", "unlock", "c1"],
    ["load-redemptions", "till.csv"],
    ["cashout", "request", "c1", "--reason", "a test"],
    ["cashout", "list"],
    ["cashout", "export", "-o", "pay.csv", "--format", "csv"],
    ["cashout", "settle", "answer.csv"],
    ["cashout", "cancel", "999"],
    ["expire"],
    ["customer", "show", "ana@example.org"],
    ["customer", "export", "ana@example.org"],
    ["customer", "erase", "ana@example.org"],
    ["pause", CAMPAIGN, "--ledger", "new.db"],
    ["resume", CAMPAIGN, "--ledger", "new.db"],
    ["explain", "R-1001", "--ledger", "new.db"],
    ["undo", "2", "--ledger", "new.db"],
    ["undo", "--reopen", "2", "--ledger", "new.db"],
    ["status", "--ledger", "new.db"],
    ["runs", "--ledger", "new.db"],
    ["verify", "--ledger", "new.db"],
    ["backup", "copy.db"],
)


def test_every_field_of_the_json_output_is_explained(run_in_process: CommandLine, folder: Path) -> None:
    (folder / "unknown.csv").write_text("number,total\n1,2.00\n")
    (folder / "pin.txt").write_text("2580\n")
    (folder / "till.csv").write_text("card_id,amount,invoice\nc1,900.00,T-1\n")
    (folder / "answer.csv").write_text("id,status\n999,paid\n")
    explained = names(page("docs/files.md"))
    missing = []
    for words in JSON_OF:
        answer = run_in_process(*words, "--json").json()
        missing += [f"{' '.join(words[:2])}: {field}" for field in sorted(fields_of(answer) - explained)]
    assert missing == []


def fields_of(answer: dict[str, Any]) -> set[str]:
    """The fields of an answer, of its counts and totals, of what it lists, and of the card or person that it is about."""
    found = {*answer, *answer.get("counts", {})}
    for totals in answer.get("totals", {}).values():
        found |= totals.keys()
    for listed in ("campaigns", "runs", "sources", "cards", "transactions", "cashouts", "redemptions"):
        for entry in answer.get(listed, ()):
            found |= fields_of(entry) if isinstance(entry, dict) else set()
    for within in ("card", "from", "redemption", "rollback", "cashout", "customer", "consent", "out_of_reach"):
        if isinstance(answer.get(within), dict):
            found |= fields_of(answer[within])
    return found


def test_every_table_and_view_of_the_ledger_is_explained_with_its_columns(folder: Path) -> None:
    explained = names(page("docs/schema.md"))
    with closing(sqlite3.connect(folder / "refunds.db")) as ledger:
        rows = ledger.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
        tables = [name for (name,) in rows if not name.startswith("sqlite_")]
        columns = {table: [row[1] for row in ledger.execute(f"PRAGMA table_info({table})")] for table in tables}
    assert {"bookings", "cards", "transactions", "runs"} <= columns.keys()
    missing = [table for table in tables if table not in explained]
    missing += [f"{table}.{name}" for table in tables for name in columns[table] if name not in explained]
    assert missing == []


# --- The pages themselves ---


def every_link() -> Iterator[tuple[Path, str]]:
    for path in PAGES:
        prose = read_markdown(path.read_text(encoding="utf-8")).prose
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if not re.match(r"[a-z]+:", target):
                yield path, target


def _leads_somewhere(path: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    headings = read_markdown(file.read_text(encoding="utf-8")).sections if heading else []
    return not heading or heading in {anchor(section.heading) for section in headings}


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}" for path, target in every_link() if not _leads_somewhere(path, target)
    ]
    assert broken == []


def test_the_readme_leads_to_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert {"getting-started.md", "sources.md", "commands.md", "exit-codes.md"} <= pages
    assert sorted(name for name in pages if f"(docs/{name})" not in page("README.md")) == []


def test_the_readme_begins_with_its_two_commands() -> None:
    """Continuous integration types both of them as they stand."""
    first, second, *_ = read_markdown(page("README.md")).blocks
    assert {first.language, second.language} <= SHELL
    assert "\n" not in first.text + second.text
    assert "refundctl run" in first.text
    assert "sample_data/bookings.csv" in first.text
    assert "pytest" in second.text


@pytest.mark.parametrize(
    "name",
    [
        "docs/getting-started.md",
        "docs/sources.md",
        "docs/loading.md",
        "docs/commands.md",
        "docs/undo.md",
        "docs/plans.md",
        "docs/desk.md",
        "docs/cash.md",
        "docs/customers.md",
    ],
)
def test_every_example_of_a_page_says_what_the_page_says(name: str, tmp_path: Path, golden: Golden) -> None:
    """Typed from top to bottom; `pytest --update-golden` writes the answers into the page."""
    text = page(name)
    typed = TypedPage(tmp_path).type(text)
    if golden.update:
        (ROOT / name).write_text(typed, encoding="utf-8")
    else:
        assert typed.splitlines() == text.splitlines()
