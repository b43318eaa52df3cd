"""The plan as a file: what is written is read back, what was edited shows, and what is no plan is told apart."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings.source import Source
from refundctl.files.campaigns.plan_file import (
    BEGINNING,
    BadPlan,
    BookingAmount,
    Caution,
    Counts,
    Options,
    Plan,
    PlannedFile,
    Planner,
    Share,
    Sums,
    Threshold,
    as_json,
    campaign_of,
    read_plan,
    sealed,
    sha256_of,
    source_of,
)

PLAN = sealed(
    Plan(
        refundctl_plan=1,
        program="refundctl 0.1.0",
        ledger_id=None,
        ledger_path="/desk/refunds.db",
        after_run=0,
        rehearsal=False,
        campaign="flight-refunds",
        made_by=Planner("ana", 1001, "desk"),
        made_at="2020-05-01T12:00:00Z",
        counts=Counts(3, 3, 0, 0, 0, 0, 1, 1, 1, already_funded=0, skipped_by_reason={"not_eligible": 2}),
        totals={"EUR": Sums(paid=3140, bonus=0, fee=1460, cash=0, total=3140)},
        rules=[Share("fee", "service", 1, {"EUR": 1460}), Share("bonus", None, 1, {"EUR": 5})],
        largest=[BookingAmount("Ł-1", {"EUR": 3140})],
        warnings=[Caution("same_email", "another customer has the same e-mail address", 2, ["A1", "A2"])],
        needs_approval=True,
        threshold=Threshold({"EUR": 100}, {"EUR": 3140}),
        files=[PlannedFile("/desk/bookings.csv", 1, "ab" * 32, "default", json.loads(Source().definition()))],
        options=Options(None, True, 1, {"EUR": 4600}),
        definition={"currency": "EUR"},
        definition_sha256=sha256_of("{}"),
        lines="cd" * 32,
    )
)


def edited(change: str, to: str) -> bytes:
    """The file with a text in it replaced, as in an editor."""
    before = as_json(PLAN)
    assert before.count(change.encode()) >= 1
    return before.replace(change.encode(), to.encode(), 1)


def test_a_plan_is_read_back_as_it_was_written() -> None:
    plan = read_plan(as_json(PLAN), "plan.json")
    assert not plan.is_edited
    assert as_json(plan) == as_json(PLAN)
    assert (plan.made_by, plan.threshold) == (PLAN.made_by, PLAN.threshold)


def test_people_read_it_too() -> None:
    text = as_json(PLAN).decode()
    assert text.startswith(BEGINNING.decode())
    assert text.splitlines()[-2].startswith('  "digest": "')
    assert '"booking_id": "Ł-1"' in text


def test_spaces_and_the_order_of_keys_change_nothing() -> None:
    values = json.loads(as_json(PLAN))
    plan = read_plan(json.dumps(dict(reversed(values.items()))).encode(), "plan.json")
    assert not plan.is_edited
    assert plan.digest == PLAN.digest


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ('"EUR": 3140', '"EUR": 3141'),
        ('"user_id": 1001', '"user_id": 1002'),
        ('"needs_approval": true', '"needs_approval": false'),
        ('"/desk/bookings.csv"', '"/desk/others.csv"'),
        ('"/desk/refunds.db"', '"/desk/other.db"'),
        ('"rehearsal": false', '"rehearsal": true'),
        ('"count": 2', '"count": 1'),
        ('"strict": true', '"strict": false'),
        ('"currency": "EUR"', '"currency": "USD"'),
        ('"digest": "', '"digest": "0'),
    ],
)
def test_a_plan_that_was_edited_shows(change: str, to: str) -> None:
    assert read_plan(edited(change, to), "plan.json").is_edited


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"booking_id,order_amount\nB1,1.00\n",
        b"\xff\xfe",
        b'{"refundctl_plan": NaN}',
        b"[" * 100_000,
        as_json(PLAN) + b" " * (1 << 20),
        edited('"strict": true', '"strict": true, "strict": false'),  # people would read the first, a program the last
        edited('"strict": true', '"strict": "true"'),
        edited('"rows": 1,\n      "sha256"', '"rows": 1.0,\n      "sha256"'),
        edited('"funded": 1,', ""),
        edited('"EUR": 1460', '"EURO": 1460'),
        edited('"operator": "ana"', '"operator": "\\ud800"'),  # a text that can't be written down
        edited('"program"', '"programme"'),
        edited('"strict": true', '"strict": true, "quick": true'),
    ],
)
def test_what_is_no_plan_is_told_apart(content: bytes) -> None:
    with pytest.raises(BadPlan, match=r"plan\.json is no plan .*: make one with `refundctl plan"):
        read_plan(content, "plan.json")


def test_a_newer_plan_is_left_to_the_newer_program() -> None:
    with pytest.raises(BadPlan, match="was made by a newer refundctl"):
        read_plan(edited('"refundctl_plan": 1', '"refundctl_plan": 2'), "plan.json")


def test_what_it_embeds_must_be_readable_too() -> None:
    [file] = PLAN.files
    assert source_of(file, "plan.json") == Source()
    with pytest.raises(BadPlan, match="a source that can't be read"):
        source_of(replace(file, settings={"decimal": "x"}), "plan.json")
    assert campaign_of(PLAN, "plan.json").currency == "EUR"
    with pytest.raises(BadPlan, match="a definition that can't be read"):
        campaign_of(replace(PLAN, definition={"currency": "XXXX"}), "plan.json")


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each single value of a plan."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in entries for place in _places(each, (*here, key))] or [here]


@given(st.sampled_from(_places(json.loads(as_json(PLAN)))), st.sampled_from([0, 7, "x", "", None, True]))
def test_no_value_can_be_changed_unseen(place: tuple[Any, ...], to: object) -> None:
    values = json.loads(as_json(PLAN))
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    before = inner[place[-1]]
    inner[place[-1]] = to
    try:
        seen = read_plan(json.dumps(values).encode(), "plan.json").is_edited
    except BadPlan:
        seen = True
    assert seen is (type(before) is not type(to) or before != to)
