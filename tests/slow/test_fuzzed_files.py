"""Thousands of made-up sources and files: the properties of tests/operations/bookings/test_sources_properties.py for minutes."""

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
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

pytestmark = pytest.mark.slow

MANY = settings(
    max_examples=500,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    return desks(tmp_path_factory.mktemp("empty"))


@MANY
@given(cases(), st.sampled_from(PACKINGS), st.randoms(use_true_random=False))
def test_well_written_files_come_to_what_a_model_in_plain_python_says(
    new_desk: NewDesk, case: Case, packing: str, chance: random.Random
) -> None:
    check_well_written(new_desk, case, packing, chance)


@MANY
@given(cases(), st.randoms(use_true_random=False))
def test_rows_that_cannot_be_taken_leave_the_others_alone(new_desk: NewDesk, case: Case, chance: random.Random) -> None:
    check_survivors(new_desk, case, chance)


@MANY
@given(cases(grouped_kinds()), st.randoms(use_true_random=False))
def test_a_row_that_cannot_be_read_keeps_back_its_booking_and_no_other(
    new_desk: NewDesk, case: Case, chance: random.Random
) -> None:
    check_shared_fate(new_desk, case, chance)


@MANY
@given(damaged())
def test_damaged_files_are_refused_or_add_up(new_desk: NewDesk, made: tuple[str, bytes, str]) -> None:
    check_anything(new_desk, *made)


@MANY
@given(wild())
def test_sources_that_say_anything_are_refused_or_add_up(new_desk: NewDesk, made: tuple[str, bytes]) -> None:
    check_anything(new_desk, *made, None)
