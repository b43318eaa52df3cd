"""Seals: the line that verify prints, and finding it again where somebody kept it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput
from refundctl.ledger.journal.seals import Seal, parse_seal
from support.books import read
from support.command_line import CommandLine

SEAL = Seal("0123456789abcdef" * 2, 17, 16, "ab" * 32)
LINE = f"refundctl-seal {'0123456789abcdef' * 2} 17 16 {'ab' * 32}"

seals = st.builds(
    Seal,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.integers(1, 10**17),
    st.integers(1, 10**17),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)


def test_a_seal_is_one_line_of_five_words() -> None:
    assert str(SEAL) == LINE


@given(seals)
def test_what_is_printed_is_read_again(seal: Seal) -> None:
    assert parse_seal(str(seal), "kept.seal") == seal


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"{LINE}\n",
        f"\ufeff{LINE}\r\n",
        f"Seal: {LINE}",
        f"Tuesday's mail:\n> {LINE}\n",
        json.dumps({"files": [], "seal": LINE, "run_id": 16}, indent=2),
    ],
)
def test_a_seal_is_found_wherever_it_was_kept(text: str) -> None:
    assert parse_seal(text, "kept.seal") == SEAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "refundctl-seal",
        LINE.replace("refundctl-seal ", ""),
        LINE[:-1],
        LINE.replace(" 17 ", " -17 "),
        LINE.replace(" 17 ", " १७ "),
        LINE.replace(" 17 ", f" {'9' * 19} "),
        LINE.upper(),
        LINE.replace("0123", "xyz3"),
    ],
)
def test_what_is_no_seal_is_refused(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"^kept\.seal holds no seal: name a file with the line that `refundctl verify`"
    ) as told:
        parse_seal(text, "kept.seal")
    assert told.value.code == "no_seal"


def test_every_run_is_sealed_once_and_in_order(books: Path) -> None:
    numbers = [number for (number,) in read(books, "SELECT id FROM seals ORDER BY id")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert read(books, "SELECT id FROM runs EXCEPT SELECT run_id FROM seals") == []
    digests = [digest for (digest,) in read(books, "SELECT digest FROM seals ORDER BY id")]
    assert all(one != other for one, other in pairwise(digests))


def test_a_step_is_sealed_before_the_run_it_belongs_to(books: Path) -> None:
    late = """
        SELECT step.id FROM runs AS step
        JOIN seals AS of_step ON of_step.run_id = step.id
        JOIN seals AS of_run ON of_run.run_id = step.parent_run_id
        WHERE of_step.id > of_run.id AND step.command <> 'handover'
    """
    assert read(books, late) == []


def test_a_command_that_changes_nothing_leaves_the_seal_as_it_was(run_in_process: CommandLine, books: Path) -> None:
    before = books.read_bytes()
    (books.parent / "campaigns.yaml").write_text("version: 1\ncampaigns: {}\n")
    for argv in (["publish", "flight-refunds"], ["topup", "flight-refunds"], ["init"]):
        run_in_process(*argv).ok()
    assert books.read_bytes() == before
