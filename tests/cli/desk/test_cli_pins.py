"""PINs: `refundctl card set-pin` and `unlock`, and what wrong ones do. A PIN stands nowhere, neither in the ledger nor in words."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from refundctl.domain.cards.pins import DIGITS_MAX, DIGITS_MIN
from support.books import read
from support.command_line import CommandResult, plain_environment
from support.desks.bookings_desk import booking, only
from support.desks.till import HOLDER, MAY_DAY, Till
from support.faults.at_once import all_at_once, error_code
from support.pages.markdown_pages import page

PIN, OTHER = "73915", "46082"
TRIES_MAX = 5


#: The ledger as it is once c1 has its PIN: many tests begin with it, and a PIN is slow on purpose.
_WITH_PIN: list[bytes] = []
_LOCKED: list[bytes] = []


def opened(folder: Path, *, now: str = MAY_DAY) -> Till:
    """With one card, c1; `pin` and `wrong` are files with PINs."""
    (folder / "pin").write_text(f"{PIN}\n", encoding="utf-8")
    (folder / "wrong").write_text(OTHER, encoding="utf-8")
    return Till(folder, now).open(invoice="optional")


@pytest.fixture
def till(tmp_path: Path) -> Till:
    """The same, where c1 has the PIN in `pin`."""
    till = opened(tmp_path)
    if _WITH_PIN:
        till.ledger.write_bytes(_WITH_PIN[0])
    else:
        till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()
        _WITH_PIN.append(till.ledger.read_bytes())
    return till


@pytest.fixture
def locked(till: Till) -> Till:
    """The same after five wrong PINs."""
    if _LOCKED:
        till.ledger.write_bytes(_LOCKED[0])
    else:
        assert wrong_tries(till, TRIES_MAX) == ["pin_wrong"] * TRIES_MAX
        _LOCKED.append(till.ledger.read_bytes())
    return till


def pay(till: Till, pin: str = "pin", amount: str = "10") -> str:
    """The error code of a purchase with the PIN that is in this file, or `paid`."""
    return error_code(till.redeem("--pin-file", pin, "--json", amount=amount, invoice=None)) or "paid"


def wrong_tries(till: Till, count: int) -> list[str]:
    return [pay(till, "wrong") for _ in range(count)]


def unlock(till: Till, *options: str) -> dict[str, int]:
    counts: dict[str, int] = till.call("card", "unlock", "c1", *options, "--json").ok().json()["counts"]
    return counts


def state(till: Till) -> str:
    return str(till.call("card", "show", "c1", "--json").ok().json()["card"]["state"])


# --- Set ---


def test_from_then_on_it_is_asked_for(till: Till) -> None:
    till.refused("pin_required", invoice=None)
    assert pay(till) == "paid"
    assert till.balance() == {"paid": 9000}
    till.call("verify").ok()


def test_what_it_says(till: Till) -> None:
    answer = till.call("card", "set-pin", "c1", "--pin-file", "pin", "--json").ok().json()
    assert (answer["command"], answer["counts"], answer["card"]["has_pin"]) == ("card set-pin", {"pins_set": 1}, True)
    assert till.call("card", "set-pin", "c1", "--pin-file", "pin").ok().stdout == "Card c1 has the new PIN.\n"


def test_how_long_one_is_stands_in_the_help_and_on_the_page(till: Till) -> None:
    digits = f"a PIN of {DIGITS_MIN} to {DIGITS_MAX} digits"
    assert digits in " ".join(till.call("card", "set-pin", "--help").ok().stdout.split())
    assert digits in page("docs/desk.md")


@pytest.mark.parametrize("words", [["-"], ["--pin-file", "-"]])
def test_by_stdin(till: Till, words: list[str]) -> None:
    till.call("card", "set-pin", "c1", *words, stdin=f"{OTHER}\n").ok()
    assert (pay(till, "wrong"), pay(till, "pin")) == ("paid", "pin_wrong")


def test_a_new_one_replaces_it_and_lets_it_be_tried_from_the_start(locked: Till) -> None:
    locked.call("card", "set-pin", "c1", "--pin-file", "wrong").ok()
    assert (pay(locked, "pin"), pay(locked, "wrong")) == ("pin_wrong", "paid")
    locked.call("verify").ok()


@pytest.mark.parametrize("typed", ["123", "1234567890123", "12a4", "", "1234\n1234\n", "１２３４", "-1234"])
def test_what_is_no_pin(till: Till, typed: str) -> None:
    before = till.facts()
    result = till.call("card", "set-pin", "c1", "--pin-file", "-", "--json", stdin=typed)
    assert (result.exit, error_code(result)) == (2, "usage")
    assert not typed.strip() or typed.strip() not in result.stdout + result.stderr
    assert till.facts() == before


def test_where_no_pin_comes_from(till: Till) -> None:
    def ended(*words: str, stdin: str = "") -> tuple[int, str | None]:
        result = till.call("card", "set-pin", "c1", *words, "--json", stdin=stdin)
        return result.exit, error_code(result)

    assert ended() == (2, "pin_required")
    assert ended("--no-input") == (2, "pin_required")
    assert ended("--pin-file", "nothing") == (66, "input_missing")
    assert ended("-", "--pin-file", "pin") == (2, "usage")
    assert till.call("card", "set-pin", "-", "-", stdin=till.code()).exit == 2


@pytest.mark.parametrize("words", [[PIN], ["--pin-file", PIN]])
def test_one_that_is_typed_where_all_can_see_it_is_at_least_not_repeated(till: Till, words: list[str]) -> None:
    result = till.call("card", "set-pin", "c1", *words, "--json")
    assert result.exit in {2, 66}
    assert PIN not in result.stdout + result.stderr


def test_a_dead_card_gets_none(till: Till) -> None:
    till.call("card", "deactivate", "c1").ok()
    for words in (["set-pin", "c1", "--pin-file", "pin"], ["unlock", "c1"]):
        result = till.call("card", *words, "--json")
        assert (result.exit, error_code(result)) == (4, "voucher_not_active")


def test_a_dry_run_and_a_retry(till: Till) -> None:
    before = till.facts()
    till.call("card", "set-pin", "c1", "--pin-file", "wrong", "--dry-run").ok()
    assert till.facts() == before
    words = ("card", "set-pin", "c1", "--pin-file", "wrong", "--key", "desk 3", "--json")
    first = till.call(*words).ok().json()
    after = till.facts()
    assert till.call(*words).ok().json() == first
    assert till.facts() == after
    another = till.call("card", "set-pin", "c1", "--pin-file", "pin", "--key", "desk 3", "--json")
    assert (another.exit, error_code(another)) == (4, "idempotency_conflict")
    assert till.facts() == after


# --- Typed on a terminal ---


def at_a_terminal(till: Till, typed: Sequence[str]) -> CommandResult:
    """`card set-pin c1`, typed into on a terminal; what the terminal shows is all on stdout."""
    words = ("card", "set-pin", "c1")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "refundctl", *words],
        cwd=till.folder,
        env=plain_environment(till.folder, MAY_DAY, None),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        for line in typed:
            shown += _until_asked(ours)
            os.write(ours, f"{line}\n".encode())
        shown += _rest(ours)
    finally:
        process.wait(timeout=60)
        os.close(ours)
    return CommandResult(words, process.returncode, shown.decode(), "")


def _until_asked(terminal: int) -> bytes:
    shown = b""
    while not shown.endswith(b": "):
        shown += os.read(terminal, 1000)
    return shown


def _rest(terminal: int) -> bytes:
    shown = b""
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # its other side is closed
        pass
    return shown


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(till: Till) -> None:
    result = at_a_terminal(till, [OTHER, OTHER]).ok()
    assert " ".join(result.stdout.split()) == "New PIN: The same again: Card c1 has the new PIN."
    assert pay(till, "wrong") == "paid"


def test_two_different_ones_are_none(till: Till) -> None:
    before = till.facts()
    result = at_a_terminal(till, [OTHER, PIN])
    assert (result.exit, "The two PINs differ" in result.stdout) == (2, True)
    assert OTHER not in result.stdout
    assert till.facts() == before


# --- Tried ---


def test_five_wrong_ones_lock_the_card_and_then_the_right_one_is_refused_too(locked: Till) -> None:
    assert state(locked) == "locked"
    assert (pay(locked), pay(locked, "wrong")) == ("voucher_locked", "voucher_locked")
    assert locked.balance() == {"paid": 10000}
    locked.call("verify").ok()


def test_unlocked_it_can_be_tried_again(locked: Till) -> None:
    assert unlock(locked, "--reason", "showed a passport") == {"unlocked": 1}
    assert read(locked.ledger, "SELECT event, reason FROM card_events") == [("unlocked", "showed a passport")]
    assert wrong_tries(locked, 1) == ["pin_wrong"]
    assert pay(locked) == "paid"
    locked.call("verify").ok()


def test_the_right_one_starts_anew(till: Till) -> None:
    wrong_tries(till, TRIES_MAX - 1)
    assert pay(till) == "paid"
    assert wrong_tries(till, 2) == ["pin_wrong"] * 2
    assert pay(till) == "paid"


def test_wrong_tries_are_forgotten_also_before_they_lock_and_else_there_is_nothing_to_do(till: Till) -> None:
    assert unlock(till) == {"unlocked": 0}
    wrong_tries(till, 1)
    assert unlock(till) == {"unlocked": 1}
    before = till.facts()
    assert unlock(till) == {"unlocked": 0}
    assert till.facts() == before
    assert till.call("card", "unlock", "c1").ok().stdout == "No wrong PIN was tried with card c1. Nothing to do.\n"


def test_what_is_refused_for_something_else_is_no_try(till: Till) -> None:
    for _ in range(TRIES_MAX):
        till.redeem("--json", invoice=None)  # without a PIN
        till.redeem("--pin-file", "wrong", customer="C-B2", invoice=None)
    till.redeem("--pin-file", "pin", amount="1000", invoice=None)
    assert state(till) == "active"
    assert pay(till) == "paid"


def test_a_dry_run_is_a_try_or_else_a_pin_could_be_found_out_by_them(till: Till) -> None:
    for _ in range(TRIES_MAX):
        till.redeem("--pin-file", "wrong", "--dry-run", invoice=None)
    assert pay(till) == "voucher_locked"
    assert till.balance() == {"paid": 10000}


def test_each_card_has_tries_of_its_own(locked: Till) -> None:
    locked.fund(booking("B2", "50.00"))
    locked.call("card", "set-pin", "c2", "--pin-file", "pin").ok()
    locked.redeem("--pin-file", "pin", card="c2", customer="C-B2", invoice=None).ok()


def test_eight_at_once_never_have_more_than_five_tries(till: Till) -> None:
    # On a ledger of the system's clock, which processes of their own have.
    folder = till.folder / "today"
    folder.mkdir()
    opened(folder, now="").call("card", "set-pin", "c1", "--pin-file", "pin").ok()
    words = ("card", "redeem", "c1", "--amount", "1", "--customer", HOLDER, "--json", "--pin-file")
    ended = all_at_once(folder, [[*words, "wrong"]] * 8)
    codes = sorted(str(error_code(result)) for result in ended)
    assert codes == ["pin_wrong"] * TRIES_MAX + ["voucher_locked"] * 3
    [last] = all_at_once(folder, [[*words, "pin"]])
    assert error_code(last) == "voucher_locked"
    assert {result.exit for result in (*ended, last)} == {4}


# --- Kept secret ---


def test_a_pin_stands_nowhere(till: Till) -> None:
    said = [
        till.call("card", "set-pin", "c1", "-", stdin=OTHER),
        till.redeem("--pin-file", "pin", invoice=None),
        till.redeem("--pin-file", "wrong", "--json", invoice=None),
        till.redeem("--pin-file", "wrong", "--key", "k", invoice=None),
        till.call("card", "unlock", "c1", "--json"),
        till.call("runs", "--json"),
        till.call("runs"),
    ]
    for pin in (PIN, OTHER):
        assert all(pin not in result.stdout + result.stderr for result in said)
        assert pin.encode() not in till.ledger.read_bytes()
    [(method, salt, digest), (_, other_salt, _)] = read(till.ledger, "SELECT method, salt, hash FROM pins ORDER BY id")
    assert (method, len(salt), len(digest)) == ("scrypt:16384:8:5", 16, 32)
    assert salt != other_salt


def test_what_is_recorded_of_a_wrong_try(till: Till) -> None:
    pay(till, "wrong")
    assert only(till.attempts()) == (
        "card redeem",
        "pin_wrong",
        "That is not the PIN of card c1: 4 more and it is locked.",
        "c1",
    )
