"""`--from FILE`: a deed is done to each card of a file, all or nothing, in one run."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import PRINTED, booking, csv_text, only, rows_of
from support.desks.till import Till

A_YEAR = "2021-05-01"


@pytest.fixture
def till(tmp_path: Path) -> Till:
    """Six printed cards that wait in the pool, c1 to c6, and two customers, C-B1 and C-B2."""
    till = Till(tmp_path)
    till.say(budget={"cards": 5})
    (tmp_path / "codes.csv").write_text(csv_text(*({"code": code} for code in PRINTED)), encoding="utf-8")
    (tmp_path / "bookings.csv").write_text(csv_text(booking("B1"), booking("B2")), encoding="utf-8")
    till.call("load", "bookings.csv").ok()
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()
    return till


def bulk(till: Till, name: str, text: str, *options: str) -> CommandResult:
    """`refundctl card NAME --from cards.csv --json`, where the file holds this text."""
    (till.folder / "cards.csv").write_text(text, encoding="utf-8")
    return till.call("card", name, "--from", "cards.csv", "--json", *options)


def states(till: Till) -> dict[str, str]:
    text = till.call("export", "cards", CAMPAIGN, "-o", "-").ok().stdout
    return {row["card_id"]: row["state"] for row in rows_of(text)}


def listed(result: CommandResult) -> list[tuple[int, str]]:
    """Line and code of every error."""
    return [(error["line"], error["code"]) for error in result.json()["errors"]]


# --- Done ---


def test_a_deed_is_done_to_each_card_in_one_run(till: Till) -> None:
    text = f"card_id,code\nc1,\n,{PRINTED[1]}\n,{PRINTED[2].lower().replace('-', '')}\n"
    answer = bulk(till, "activate", text).ok().json()
    assert (answer["command"], answer["status"], answer["campaign"]) == ("card activate", "ok", CAMPAIGN)
    assert answer["counts"] == {"rows": 3, "activated": 3}
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    assert answer["files"] == [{"path": "cards.csv", "rows": 3, "sha256": sha256}]
    assert [(card["card_id"], card["state"], card["expires_on"]) for card in answer["cards"]] == [
        ("c1", "active", A_YEAR),
        ("c2", "active", A_YEAR),
        ("c3", "active", A_YEAR),
    ]
    assert list(states(till).values()) == ["active"] * 3 + ["unassigned"] * 3
    [run] = till.call("runs", str(answer["run_id"]), "--json").ok().json()["runs"]
    assert (run["command"], run["counts"], run["files"]) == ("card activate", answer["counts"], answer["files"])
    till.call("verify").ok()


def test_again_there_is_nothing_to_do(till: Till) -> None:
    bulk(till, "activate", "card_id\nc1\nc2\n").ok()
    before = till.facts()
    again = bulk(till, "activate", "card_id\nc1\nc2\n").ok().json()
    assert (again["run_id"], again["counts"]) == (None, {"rows": 2, "activated": 0})
    assert till.facts() == before
    said = till.call("card", "activate", "--from", "cards.csv").ok().stdout
    assert said == "Activated 0 cards.\nNothing to do for 2 cards, alive already.\n"


def test_what_is_left_is_done(till: Till) -> None:
    bulk(till, "activate", "card_id\nc1\n").ok()
    assert bulk(till, "activate", "card_id\nc1\nc2\n").ok().json()["counts"] == {"rows": 2, "activated": 1}


def test_with_and_without_customers(till: Till) -> None:
    bulk(till, "activate", "card_id,customer_id\nc1,C-B1\nc2,\nc3,C-B1\n").ok()
    held = [(1, 1), (2, None), (3, 1)]
    assert [row[:2] for row in _holders(till)] == held
    assert bulk(till, "assign", "card_id,customer_id\nc2,C-B2\n").ok().json()["counts"] == {"rows": 1, "assigned": 1}
    assert _holders(till)[1][:2] == (2, 2)
    till.call("verify").ok()


def _holders(till: Till) -> list[tuple[Any, ...]]:
    return read(
        till.ledger,
        "SELECT cards.id, assignments.customer FROM cards LEFT JOIN assignments ON card = cards.id ORDER BY cards.id LIMIT 3",
    )


def test_an_option_counts_for_rows_that_say_nothing(till: Till) -> None:
    bulk(till, "assign", "card_id\nc1\nc2\n", "--customer", "C-B1").ok()
    bulk(till, "disable", "card_id,reason\nc1,stolen\nc2,\n", "--reason", "lost by the printer").ok()
    assert read(till.ledger, "SELECT card, reason FROM card_events ORDER BY id") == [
        (1, "stolen"),
        (2, "lost by the printer"),
    ]
    bulk(till, "extend", "card_id,until\nc1,2022-01-31\nc2,\n", "--until", "2022-12-31").ok()
    assert read(till.ledger, "SELECT card, expires_on FROM extensions ORDER BY id") == [
        (1, "2022-01-31"),
        (2, "2022-12-31"),
    ]
    [(arguments,)] = read(till.ledger, "SELECT arguments FROM runs WHERE command = 'card assign'")
    assert '"customer":1,"from":"cards.csv"' in arguments
    assert "C-B1" not in arguments


@pytest.mark.parametrize("name", ["activate", "disable", "enable", "deactivate"])
def test_it_is_the_same_as_one_by_one(till: Till, name: str) -> None:
    till.call("card", "disable", "c3" if name == "enable" else "c6").ok()
    one_by_one = Till(till.folder / "one-by-one")
    one_by_one.folder.mkdir()
    one_by_one.ledger.write_bytes(till.ledger.read_bytes())
    bulk(till, name, "card_id\nc3\nc1\n").ok()
    for card in ("c3", "c1"):
        one_by_one.call("card", name, card).ok()
    assert states(till) == states(one_by_one)


def test_from_stdin_and_packed(till: Till) -> None:
    text = "card_id\nc1\n"
    assert till.call("card", "activate", "--from", "-", "--json", stdin=text).ok().json()["files"][0]["path"] == "stdin"
    packed = gzip.compress(text.encode())
    (till.folder / "cards.csv.gz").write_bytes(packed)
    answer = till.call("card", "disable", "--from", "cards.csv.gz", "--json").ok().json()
    assert answer["files"][0]["sha256"] == hashlib.sha256(packed).hexdigest()
    assert states(till)["c1"] == "disabled"


def test_a_file_without_rows_is_nothing_to_do(till: Till) -> None:
    before = till.facts()
    answer = bulk(till, "disable", "card_id\n").ok().json()
    assert (answer["run_id"], answer["counts"], answer["cards"]) == (None, {"rows": 0}, [])
    assert till.call("card", "disable", "--from", "cards.csv").ok().stdout == "Disabled 0 cards.\n"
    assert till.facts() == before


def test_a_dry_run_keeps_nothing(till: Till) -> None:
    before = till.facts()
    answer = bulk(till, "activate", "card_id\nc1\nc2\n", "--dry-run").ok().json()
    assert (answer["run_id"], answer["counts"]) == (None, {"rows": 2, "activated": 2})
    assert till.facts() == before


def test_under_a_key_it_is_done_once(till: Till) -> None:
    first = bulk(till, "activate", "card_id\nc1\n", "--key", "box 12").ok().json()
    after = till.facts()
    assert bulk(till, "activate", "card_id\nc1\n", "--key", "box 12").ok().json() == first
    conflict = bulk(till, "activate", "card_id\nc2\n", "--key", "box 12")
    assert (conflict.exit, only(conflict.json()["errors"])["code"]) == (4, "idempotency_conflict")
    assert till.facts() == after


# --- Refused ---


def test_one_row_that_a_rule_refuses_and_nothing_is_done(till: Till) -> None:
    till.call("card", "deactivate", "c2").ok()
    before = till.facts()
    result = bulk(till, "activate", "card_id\nc1\nc2\nc3\nc99\n")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert listed(result) == [(3, "voucher_not_active"), (5, "resource_not_found")]
    assert till.facts() == before
    [attempt] = till.attempts()
    assert attempt[:2] == ("card activate", "rows_refused")
    said = till.call("card", "activate", "--from", "cards.csv").stderr.splitlines()
    assert said == [
        (
            "Error: cards.csv: 2 rows are refused, so nothing was done; fix or take out what is listed, and run the same "
            "command again."
        ),
        "line 3: Card c2 was deactivated for good: take another one.",
        "line 5: There is no card c99 in refunds.db: `refundctl card find` lists the cards of a customer or booking.",
    ]


def test_one_row_that_is_malformed_and_nothing_is_done(till: Till) -> None:
    till.call("card", "activate", "c1").ok()
    before = till.facts()
    text = "card_id,until\nc1,2021-12-31\nc1,2021-12-31\nx1,2021-12-31\nc2,soon\nc2,\nc3,2021-12-31\n"
    result = bulk(till, "extend", text)
    assert (result.exit, result.json()["status"]) == (65, "error")
    assert listed(result) == [
        (3, "card_twice"),
        (4, "card_id_malformed"),
        (5, "date_malformed"),
        (6, "value_missing"),
        (7, "voucher_not_active"),
    ]
    assert till.facts() == before
    assert till.attempts() == []


def test_a_card_that_is_named_by_its_code_and_again_by_its_id(till: Till) -> None:
    result = bulk(till, "activate", f"card_id,code\n,{PRINTED[3]}\nC4,\n")
    assert (result.exit, listed(result)) == (65, [(3, "card_twice")])
    [error] = result.json()["errors"]
    assert error["message"] == "Line 2 names card c4 already: leave one of the two."


def test_a_file_that_no_such_file_is(till: Till) -> None:
    result = bulk(till, "disable", "card_id,resaon\nc1,lost\n")
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, "column_unknown")
    assert "did you mean `reason`?" in result.json()["errors"][0]["message"]
    assert till.call("card", "disable", "--from", "nothing.csv").exit == 66
    assert till.call("card", "assign", "--from", "cards.csv").exit == 65


def test_one_card_or_a_file(till: Till) -> None:
    (till.folder / "cards.csv").write_text("card_id\nc1\n", encoding="utf-8")
    for words in ([], ["c1", "--from", "cards.csv"]):
        result = till.call("card", "disable", *words)
        assert (result.exit, result.stderr) == (
            2,
            "Error: Name one card, or a file of cards with --from FILE: one of the two.\n",
        )
    assert till.call("card", "assign", "c1").stderr == (
        "Error: --customer is missing: give it, or --from FILE with a column for it.\n"
    )


def test_a_budget_that_the_whole_file_would_break_refuses_it_whole(till: Till) -> None:
    before = till.facts()
    result = bulk(till, "activate", "card_id\nc1\nc2\nc3\nc4\nc5\nc6\n")
    assert (result.exit, only(result.json()["errors"])["code"]) == (4, "budget_exceeded")
    assert till.facts() == before
    bulk(till, "activate", "card_id\nc1\nc2\nc3\nc4\nc5\n").ok()


def test_no_code_of_the_file_is_shown(till: Till) -> None:
    typo = PRINTED[0].replace("K7", "K8")
    (till.folder / "cards.csv").write_text(f"code,until\n{PRINTED[0]},{PRINTED[1]}\n{typo},2021-12-31\n", "utf-8")
    said = [till.call("card", "extend", "--from", "cards.csv", *options) for options in ([], ["--json"])]
    said += [bulk(till, "activate", f"code\n{code}\n") for code in (PRINTED[2], typo)]
    said += [bulk(till, "activate", f"card_id\n{PRINTED[3]}\n"), bulk(till, "activate", f"{PRINTED[3]}\n")]
    said.append(till.call("runs", "--json"))
    till.show_no_code(*said)
    for result in said:
        assert typo not in result.stdout + result.stderr
