"""`refundctl topup`: what each card is owed is posted once, whoever asks, how often, and through which campaign."""

from pathlib import Path

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, column, files_in, only, rows_of, write_bookings

ZERO = {"paid": 0, "bonus": 0, "fee": 0, "cash": 0, "total": 0}


def prepare(command_line: CommandLine, *commands: str) -> None:
    command_line("load", "bookings.csv").ok()
    for command in commands:
        command_line(command, CAMPAIGN).ok()


def test_cards_are_funded_with_what_is_owed(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", "99.00", refund_amount="50.00"))
    prepare(run_in_process, "create", "publish")
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert {name: answer["counts"][name] for name in ("funded", "already_funded", "skipped")} == {
        "funded": 2,
        "already_funded": 0,
        "skipped": 0,
    }
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 6_250, "total": 6_250}}
    run_in_process("export", "transactions", CAMPAIGN, "-o", "t.csv").ok()
    posted = [(row["type"], row["bucket"], row["amount"], row["balance"]) for row in rows_of(tmp_path / "t.csv")]
    assert posted == [
        ("CREDITS_ADDITION", "paid", "12.50", "12.50"),
        ("CREDITS_ADDITION", "paid", "50.00", "50.00"),
    ]


def test_twice_funds_once(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    prepare(run_in_process, "create", "publish", "topup")
    before = files_in(tmp_path)
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["funded"], answer["counts"]["already_funded"]) == (0, 2)
    assert (answer["totals"], answer["run_id"]) == ({"EUR": ZERO}, None)
    assert files_in(tmp_path) == before


def test_without_cards_nothing_is_funded_and_it_says_why(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"), booking("B3", status="flown"))
    prepare(run_in_process, "create")
    run_in_process("publish", CAMPAIGN, "--limit", "1").ok()
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert answer["counts"]["funded"] == 1
    assert answer["counts"]["skipped_by_reason"] == {"not_eligible": 1, "not_published": 1}
    assert f"refundctl publish {CAMPAIGN}" in run_in_process("topup", CAMPAIGN).ok().stdout


def test_partial_refunds_of_one_booking_go_onto_its_one_card(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Two of the same amount are both paid; the same one again is not."""
    one = booking("B1", "100.00", refund_id="one", refund_amount="30.00")
    two = one | {"refund_id": "two"}
    write_bookings(tmp_path / "bookings.csv", one, two)
    prepare(run_in_process, "create", "publish", "topup")
    write_bookings(tmp_path / "bookings.csv", one, one | {"refund_id": "three", "refund_amount": "40.00"})
    run_in_process("load", "bookings.csv").ok()
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 0
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["funded"], answer["totals"]["EUR"]["paid"]) == (1, 4_000)
    run_in_process("export", "transactions", CAMPAIGN, "-o", "t.csv").ok()
    posted = [(row["card_id"], row["source_id"], row["amount"], row["balance"]) for row in rows_of(tmp_path / "t.csv")]
    assert posted == [
        ("c1", "one", "30.00", "30.00"),
        ("c1", "two", "30.00", "60.00"),
        ("c1", "three", "40.00", "100.00"),
    ]


def test_a_line_is_funded_at_most_once_whatever_the_campaign(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    other = small_campaigns("goodwill", eligible={}).partition("campaigns:\n")[2]
    campaigns.write_text(small_campaigns() + other)
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", status="flown"))
    prepare(run_in_process, "create", "publish", "topup")
    run_in_process("create", "goodwill").ok()
    published = run_in_process("publish", "goodwill", "--json").ok().json()["counts"]
    assert (published["published"], published["skipped_by_reason"]) == (1, {"funded_elsewhere": 1})
    funded = run_in_process("topup", "goodwill", "--json").ok().json()
    assert (funded["counts"]["funded"], funded["counts"]["skipped_by_reason"]) == (1, {"funded_elsewhere": 1})
    assert funded["totals"]["EUR"]["paid"] == 10_000
    run_in_process("export", "bookings", "goodwill", "-o", "b.csv").ok()
    assert column(tmp_path / "b.csv", "skipped_reason") == ["funded_elsewhere", ""]
    run_in_process("verify").ok()


def test_a_booking_published_by_two_campaigns_is_funded_by_the_first_that_tops_up(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    other = small_campaigns("goodwill", eligible={}).partition("campaigns:\n")[2]
    campaigns.write_text(small_campaigns() + other)
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    prepare(run_in_process, "create", "publish")
    run_in_process("create", "goodwill").ok()
    run_in_process("publish", "goodwill").ok()
    assert run_in_process("topup", "goodwill", "--json").ok().json()["counts"]["funded"] == 1
    counts = run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["funded"], counts["skipped_by_reason"]) == (0, {"funded_elsewhere": 1})
    run_in_process("verify").ok()


def test_a_booking_that_is_no_longer_eligible_keeps_its_money_and_is_shown(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    prepare(run_in_process, "create", "publish", "topup")
    write_bookings(tmp_path / "bookings.csv", booking("B1", status="reinstated"), booking("B2"))
    assert run_in_process("load", "bookings.csv", "--json").ok().json()["counts"]["updated"] == 1
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 0
    standing = only(run_in_process("status", "--json").ok().json()["campaigns"])
    assert standing["counts"]["funded_not_eligible"] == 1
    assert standing["totals"]["EUR"]["outstanding"] == 20_000
    result = run_in_process("verify", "--json")
    assert (result.exit, result.json()["status"]) == (5, "findings")
    finding = only(result.json()["findings"])
    assert (finding["code"], "B1" in finding["message"]) == ("funded_not_eligible", True)


def test_a_person_reads_the_same(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "1234.50"), booking("B2", status="flown"))
    prepare(run_in_process, "create", "publish")
    assert run_in_process("topup", CAMPAIGN).ok().stdout.splitlines() == [
        "Funded 1 refund line with EUR 1,234.50.",
        "  funded already  0",
        "  skipped         1 (1 not eligible)",
    ]
