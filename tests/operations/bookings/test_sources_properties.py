"""What must hold of loading whatever source reads whatever file: rows add up, sums are right, and nothing ever breaks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.data.fuzzed_files import PACKINGS, Case, cases, damaged, grouped_kinds, wild
from support.data.fuzzed_loads import (
    NewDesk,
    check_anything,
    check_shared_fate,
    check_survivors,
    check_well_written,
    desks,
)
from support.properties import FEW


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    return desks(tmp_path_factory.mktemp("empty"))


@FEW
@given(cases(), st.sampled_from(PACKINGS), st.randoms(use_true_random=False))
def test_a_well_written_file_comes_to_what_a_model_in_plain_python_says(
    new_desk: NewDesk, case: Case, packing: str, chance: random.Random
) -> None:
    check_well_written(new_desk, case, packing, chance)


@FEW
@given(cases(), st.randoms(use_true_random=False))
def test_rows_that_cannot_be_taken_leave_the_others_alone(new_desk: NewDesk, case: Case, chance: random.Random) -> None:
    check_survivors(new_desk, case, chance)


@FEW
@given(cases(grouped_kinds()), st.randoms(use_true_random=False))
def test_a_row_that_cannot_be_read_keeps_back_its_booking_and_no_other(
    new_desk: NewDesk, case: Case, chance: random.Random
) -> None:
    check_shared_fate(new_desk, case, chance)


@FEW
@given(damaged())
def test_a_damaged_file_is_refused_or_adds_up(new_desk: NewDesk, made: tuple[str, bytes, str]) -> None:
    check_anything(new_desk, *made)


@FEW
@given(wild())
def test_a_source_that_says_anything_is_refused_or_adds_up(new_desk: NewDesk, made: tuple[str, bytes]) -> None:
    check_anything(new_desk, *made, None)
