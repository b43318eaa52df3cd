"""The campaigns file: what it may say, and how its mistakes look."""

import re
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from refundctl.domain.basics.errors import BadCampaigns, CampaignProblem, InputMissing
from refundctl.domain.bookings.source import CANONICAL_COLUMNS, Source
from refundctl.domain.campaigns.campaign import Campaign, CodeConfig, Gift, Redemption, Voucher
from refundctl.domain.campaigns.campaign_rules import (
    Approval,
    Bonus,
    BudgetKeys,
    DailyHours,
    Fee,
    OfferKeys,
    Refund,
    Validity,
    ValidityHours,
)
from refundctl.domain.campaigns.conditions import RULE_FIELDS
from refundctl.files.campaigns.campaigns_yaml import CampaignsFile, parse_campaigns, read_campaigns, starter_campaigns
from support.repository import ROOT

EXAMPLE = (ROOT / "campaigns.example.yaml").read_text(encoding="utf-8")
DOCUMENTATION = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")

OF_RULES = (Refund, Fee, Bonus, OfferKeys, Validity, ValidityHours, DailyHours, BudgetKeys, Approval)
MODELS: tuple[type[BaseModel], ...] = (Source, Campaign, Voucher, Gift, Redemption, CodeConfig, *OF_RULES)
TOP_KEYS = ("version", "sources", "campaigns")
KEYS = sorted({*TOP_KEYS, *(key for model in MODELS for key, field in model.model_fields.items() if not field.exclude)})


def parse(text: str) -> CampaignsFile:
    return parse_campaigns(dedent(text).encode(), Path("campaigns.yaml"))


def mistakes(text: str) -> str:
    """The lines that a person is shown."""
    with pytest.raises(BadCampaigns) as found:
        parse(text)
    return "\n".join([found.value.message, *map(str, found.value.problems), ""])


def one_campaign(**keys: str) -> Campaign:
    lines = "\n".join(f"    {key}: {value}" for key, value in {"currency": "EUR", **keys}.items())
    return parse(f"version: 1\ncampaigns:\n  refunds:\n{lines}\n").campaigns["refunds"]


# --- Files ---


def test_a_file_of_two_campaigns_and_a_source(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text(
        dedent(
            """\
            version: 1
            sources:
              hotel: {decimal: ",", columns: {booking_id: Booking no}}
            campaigns:
              flights: {currency: EUR, expiration_date: 2027-12-31}
              rooms: {currency: JPY, eligible: {source: [hotel]}}
            """
        ),
        encoding="utf-8",
    )

    file = read_campaigns(path)

    assert file.path == path
    assert set(file.sources) == {"default", "hotel"}
    assert file.sources["default"] == Source()
    assert file.sources["hotel"] == Source(decimal=",", columns={"booking_id": "Booking no"})
    assert {name: campaign.currency for name, campaign in file.campaigns.items()} == {"flights": "EUR", "rooms": "JPY"}
    assert file.campaigns["flights"].name == "flights"
    assert file.campaigns["flights"].expiration_date == date(2027, 12, 31)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputMissing) as found:
        read_campaigns(tmp_path / "campaigns.yaml")

    assert found.value.message == f"{tmp_path}/campaigns.yaml is missing: `refundctl init` writes one"
    assert found.value.exit_code == 66


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputMissing) as found:
        read_campaigns(tmp_path)

    assert found.value.message == f"{tmp_path} is a folder: name the campaigns file in it"


def test_a_file_below_a_file_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")

    with pytest.raises(InputMissing) as found:
        read_campaigns(tmp_path / "a" / "b")

    assert found.value.message == f"{tmp_path}/a/b can't be read (Not a directory): fix that, or name another file"


def test_the_file_that_init_writes_is_right_and_stays_small() -> None:
    starter = starter_campaigns()
    campaign = parse(starter).campaigns["flight-refunds"]

    assert len(starter.splitlines()) <= 20
    assert (campaign.currency, campaign.timezone, str(campaign.duration)) == ("EUR", "Europe/Warsaw", "P365D")
    assert campaign.eligible.written() == {"status": ["cancelled"]}


# --- What is written is what is meant ---


def test_texts_are_not_guessed_at() -> None:
    campaign = one_campaign(
        description="2020",
        no_expiry_in="[NO]",
        eligible="{tier: [0123, 1e3, yes, 12:30], accepted: [yes], order_amount: {min: 12.10}, "
        "cancelled_at: {from: 2020-04-01, to: 2020-04-30}}",
        metadata="{year: 2020, sure: true}",
        weak_codes="true",
    )

    assert campaign.description == "2020"
    assert campaign.no_expiry_in == ("NO",)
    assert campaign.eligible.written() == {
        "accepted": ["yes"],
        "cancelled_at": {"from": "2020-04-01", "to": "2020-04-30"},
        "order_amount": {"min": "12.1"},
        "tier": ["0123", "12:30", "1e3", "yes"],
    }
    assert campaign.metadata == {"year": "2020", "sure": "true"}
    assert campaign.weak_codes is True


@pytest.mark.parametrize("nothing", ["null", "~", ""])
def test_null_is_the_same_as_leaving_the_key_out(nothing: str) -> None:
    empty = one_campaign(description=nothing, expiration_date=nothing, start_date=nothing)

    assert empty.definition() == one_campaign().definition()


def test_times_and_days_are_what_is_written_with_quotes_or_without() -> None:
    plain = one_campaign(
        start_date="2020-06-01",
        validity_day_of_week="[5, 1]",
        validity_hours="{daily: [{start_time: 09:00, expiration_time: 24:00, days_of_week: [1]}]}",
        minimum_order="50",
    )
    quoted = one_campaign(
        start_date='"2020-06-01"',
        validity_day_of_week="[1, 5]",
        validity_hours='{daily: [{start_time: "09:00", expiration_time: "24:00", days_of_week: [1]}]}',
        minimum_order='"50.00"',
    )

    assert plain.definition() == quoted.definition()
    assert plain.start_date == date(2020, 6, 1)
    assert plain.validity_day_of_week == (1, 5)
    assert plain.validity_hours is not None
    assert plain.validity_hours.spelled_out() == {
        "daily": [{"start_time": "09:00", "expiration_time": "24:00", "days_of_week": [1]}]
    }


def test_a_null_in_a_list_of_texts_is_a_text() -> None:
    source = parse("version: 1\nsources: {a: {null_values: [NULL, ~], only: {b: [null]}}}").sources["a"]

    assert source.null_values == ("", "NULL", "~")
    assert source.only == {"b": ("null",)}


def test_the_order_of_keys_has_no_meaning() -> None:
    one = one_campaign(card_per="customer", eligible="{status: [b, a], tier: [c]}")
    other = one_campaign(eligible="\n      tier:\n      - C\n      status: [A, B]", card_per='"customer"')

    assert one.definition() == other.definition()


def test_every_key_of_the_contract_is_taken_where_it_asks_for_nothing() -> None:
    parse(
        """\
        version: 1
        sources:
          default: {}
        campaigns:
          flight-refunds:
            description: Flights cancelled in April 2020
            campaign_type: GIFT_VOUCHERS
            currency: EUR
            timezone: Europe/Warsaw
            card_per: booking
            redeemable_by: holder
            type: AUTO_UPDATE
            vouchers_count: null
            voucher:
              type: GIFT_VOUCHER
              gift: {amount: "0.00"}
              redemption: {quantity: null}
              code_config: {pattern: "RF-####-####-####-####", charset: null, length: null, prefix: null, postfix: null}
            activity_duration_after_publishing: P365D
            start_date: null
            expiration_date: null
            validity_day_of_week: null
            validity_hours: null
            validity:
              - {when: {tier: [gold]}, duration: P2Y, until_end_of: quarter}
            no_expiry_in: [US-ME]
            eligible: {status: [cancelled], source: [default]}
            refund: {}
            budget: null
            approval: {above: "10000.00"}
            invoice: required
            minimum_order: null
            metadata: {}
        """
    )


def test_the_refund_policy_of_the_contract() -> None:
    campaign = parse(
        """\
        version: 1
        campaigns:
          flight-refunds:
            currency: EUR
            refund:
              fees:
                - {name: service, fixed: "0.00", percentage: "0", per_ticket: "0.00"}
                - {name: late, when: {channel: [agency]}, percentage: "10"}
              requires_acceptance: false
              bonus_stacking: best
              bonuses:
                - {name: gold, when: {tier: [gold]}, percentage: "20", at_most: "100.00", total: "50000.00"}
                - {name: loyal, when: {customer_total: {min: "5000.00"}}, percentage: "10"}
                - {name: sorry, when: {category: [flight], cancelled_at: {from: 2020-04-01, to: 2020-04-30}}, fixed: "15.00"}
              offers:
                - {when: {country: [US-ME]}, offer: cash}
                - {when: {status: [blocked]}, offer: none}
              redeem_order: bonus_first
            budget: {total: "250000.00", bonus: "20000.00", cards: 10000, per_card: "2000.00", per_customer: "5000.00", warn_at: "80"}
        """
    ).campaigns["flight-refunds"]

    assert campaign.refund.model_dump() == {
        "fees": (
            {"name": "service", "when": {}, "fixed": "0.00", "percentage": "0", "per_ticket": "0.00"},
            {
                "name": "late",
                "when": {"channel": ["agency"]},
                "fixed": "0.00",
                "percentage": "10",
                "per_ticket": "0.00",
            },
        ),
        "requires_acceptance": False,
        "bonus_stacking": "best",
        "bonuses": (
            {
                "name": "gold",
                "when": {"tier": ["gold"]},
                "fixed": "0.00",
                "percentage": "20",
                "at_most": "100.00",
                "total": "50000.00",
            },
            {
                "name": "loyal",
                "when": {"customer_total": {"min": "5000"}},
                "fixed": "0.00",
                "percentage": "10",
                "at_most": None,
                "total": None,
            },
            {
                "name": "sorry",
                "when": {"cancelled_at": {"from": "2020-04-01", "to": "2020-04-30"}, "category": ["flight"]},
                "fixed": "15.00",
                "percentage": "0",
                "at_most": None,
                "total": None,
            },
        ),
        "offers": (
            {"when": {"country": ["us-me"]}, "offer": "cash"},
            {"when": {"status": ["blocked"]}, "offer": "none"},
        ),
        "redeem_order": "bonus_first",
    }
    assert campaign.budget is not None
    assert campaign.budget.model_dump() == {
        "total": "250000.00",
        "bonus": "20000.00",
        "cards": 10_000,
        "per_card": "2000.00",
        "per_customer": "5000.00",
        "warn_at": "80",
    }


def test_amounts_and_percentages_of_rules_need_no_quotes() -> None:
    plain = one_campaign(
        refund="{fees: [{name: a, fixed: 5.00, percentage: 7.5, per_ticket: 2}]}",
        budget="{total: 250000.00, cards: 100, warn_at: 80}",
        approval="{above: 0}",
    )
    quoted = one_campaign(
        refund='{fees: [{name: "a", fixed: "5", percentage: "7.50", per_ticket: "2.0"}]}',
        budget='{total: "250000", cards: 100, warn_at: "80.0"}',
        approval='{above: "0.00"}',
    )

    assert plain.definition() == quoted.definition()


# --- How mistakes look ---


WITH_MISTAKES = """\
version: 2
sources:
  hotel:
    delimiter: ":"
    colums: {booking_id: No}
    columns: {bookng_id: No, email: [E-mail, ""]}
    group_by: booking_no
campaigns:
  flight-refunds:
    currncy: EUR
    card_per: bookings
    weak_codes: yes
    voucher:
      code_config: {length: "16"}
    no_expiry_in: US-ME
    eligible:
      status: cancelled
      source: [hotell]
      order_amount: {min: 10.00, max: 9.00}
    start_date: 1 June
    invoice: always
    metadata: {a: [b]}
  Rooms:
    currency: eur
    currency: EUR
  goodwill:
"""

THE_MISTAKES = """\
campaigns.yaml has 22 mistakes, the first in line 1: fix them and try again
campaigns.yaml:1:10: version: `2` is not allowed here: write 1
campaigns.yaml:4:16: sources.hotel.delimiter: `:` is not allowed here: write one of "," ";" "\\t" "|", with the quotes
campaigns.yaml:5:5: sources.hotel.colums: there is no such key here; did you mean `columns`?
campaigns.yaml:6:15: sources.hotel.columns.bookng_id: there is no column `bookng_id`; did you mean `booking_id`?
campaigns.yaml:6:46: sources.hotel.columns.email[1]: is blank: write the text as it stands in the file
campaigns.yaml:7:15: sources.hotel.group_by: `booking_no` is not allowed here; did you mean `booking_id`?
campaigns.yaml:9:3: campaigns.flight-refunds.currency: is missing: write it, such as `currency: EUR`
campaigns.yaml:10:5: campaigns.flight-refunds.currncy: there is no such key here; did you mean `currency`?
campaigns.yaml:11:15: campaigns.flight-refunds.card_per: `bookings` is not allowed here; did you mean `booking`?
campaigns.yaml:12:17: campaigns.flight-refunds.weak_codes: takes true or false, not `yes`
campaigns.yaml:14:29: campaigns.flight-refunds.voucher.code_config.length: `16` is a text in quotes: write it without them
campaigns.yaml:15:19: campaigns.flight-refunds.no_expiry_in: takes a list such as [US-ME], not `US-ME`
campaigns.yaml:17:15: campaigns.flight-refunds.eligible.status: takes a list in brackets, such as `[cancelled]`
campaigns.yaml:18:16: campaigns.flight-refunds.eligible.source[0]: there is no source `hotell` in this file; did you mean `hotel`?
campaigns.yaml:19:39: campaigns.flight-refunds.eligible.order_amount.max: a range from 10.00 to 9.00 never matches: `min` is the smaller one
campaigns.yaml:20:17: campaigns.flight-refunds.start_date: `1 June` is not a date: write it like 2027-12-31
campaigns.yaml:21:14: campaigns.flight-refunds.invoice: `always` is not allowed here: write required or optional
campaigns.yaml:22:19: campaigns.flight-refunds.metadata.a: takes text, not a list
campaigns.yaml:23:3: campaigns.Rooms: `Rooms` can't be a campaign's name: write at most 63 small letters a-z, digits, - and _, a letter or digit first, such as flight-refunds
campaigns.yaml:24:15: campaigns.Rooms.currency: `eur` is no currency of ISO 4217; did you mean `EUR`?
campaigns.yaml:25:5: campaigns.Rooms.currency: `currency` is here twice, first in line 24: remove one
campaigns.yaml:26:12: campaigns.goodwill: takes keys with values, not null: write {} for nothing
"""


def test_all_mistakes_are_shown_at_once_each_with_its_place() -> None:
    assert mistakes(WITH_MISTAKES) == THE_MISTAKES


def test_one_mistake_is_one() -> None:
    assert mistakes("version: 1\ncampaigns: {a: {currency: EURO}}\n") == (
        "campaigns.yaml has 1 mistake, in line 2: fix it and try again\n"
        "campaigns.yaml:2:27: campaigns.a.currency: `EURO` is no currency of ISO 4217: "
        "write three capitals such as EUR\n"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1:1: the file: is empty: begin with `version: 1`, then `campaigns:`, as campaigns.example.yaml does"),
        ("campaigns: {}", "1:1: version: is missing: write it, such as `version: 1`"),
        ("- version: 1", "1:1: the file: takes keys with values, not a list"),
        ('version: "1"', "1:10: version: `1` is a text in quotes: write it without them"),
        ("version: 1\nmail: {}", "2:1: mail: is not available in this version: remove it"),
        (
            "version: 1\ncampaigns:",
            (
                "2:11: campaigns: takes keys with values such as {flight-refunds: {currency: EUR}}, not null: "
                "write {} for nothing"
            ),
        ),
        (
            "version: 1\nsources: {Hotel: {}}",
            (
                "2:11: sources.Hotel: `Hotel` can't be a source's name: write at most 63 small letters a-z, digits, - "
                "_ and ., a letter or digit first, such as hotel"
            ),
        ),
        (
            "version: 1\nsources: {a: {columns: {x: y}}}",
            (
                "2:25: sources.a.columns.x: there is no column `x`; there are booking_id, order_amount, currency, "
                "refund_id, refund_amount, cash_amount, bonus_amount, customer_id, email, name, phone, locale, country, status, booked_at, "
                "cancelled_at, channel, category, tier, tickets, accepted, marketing_consent"
            ),
        ),
    ],
)
def test_a_mistake_above_the_campaigns(text: str, line: str) -> None:
    assert f"\ncampaigns.yaml:{line}\n" in mistakes(text)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("currency: [EUR]", "5: campaigns.a.currency: takes text such as EUR, not a list"),
        ("currency: {EUR: 1}", "5: campaigns.a.currency: takes text such as EUR, not keys with values"),
        ("expiration_date: [1]", "5: campaigns.a.expiration_date: takes a date such as 2027-12-31, not a list"),
        ("weak_codes: 'true'", "5: campaigns.a.weak_codes: `true` is a text in quotes: write it without them"),
        ("card_per: *x", "5: campaigns.a.card_per: aliases (`*name`) are not accepted: write the value out"),
        ("card_per: &x booking", "5: campaigns.a.card_per: anchors (`&name`) are not accepted: remove it"),
        ('metadata: {"a\\nb": [c]}', "5: campaigns.a.metadata.a\\nb: takes text, not a list"),
        (
            "vouchers_count: 100",
            (
                "5: campaigns.a.vouchers_count: makes codes beforehand, which takes `type: STATIC`: write that too, or "
                "null here"
            ),
        ),
        (
            "vouchers_count: '100'",
            "5: campaigns.a.vouchers_count: `100` is a text in quotes: write it without them",
        ),
        (
            "vouchers_count: 1e3",
            "5: campaigns.a.vouchers_count: takes a whole number such as 1000, not `1e3`",
        ),
        ("type: static", "5: campaigns.a.type: `static` is not allowed here; did you mean `STATIC`?"),
        (
            "voucher: {code_config: {charset: AA}}",
            (
                "5: campaigns.a.voucher.code_config.charset: 'A' is in the charset twice (codes match without "
                "regard to case); keep one of them"
            ),
        ),
        (  # the pattern is not in the file: its place is the nearest key above
            "voucher: {code_config: {charset: AB}}",
            (
                "5: campaigns.a.voucher.code_config: `RF-####-####-####-####` makes codes of 16 bits, which can be "
                "guessed: write more # for at least 60 bits, or `weak_codes: true` to take the risk"
            ),
        ),
        (
            "name: b",
            (
                "5: campaigns.a.name: there is no such key here; there are description, campaign_type, currency, "
                "timezone, card_per, redeemable_by, type, vouchers_count, weak_codes, voucher, "
                "activity_duration_after_publishing, start_date, expiration_date, validity_day_of_week, "
                "validity_hours, validity, no_expiry_in, eligible, refund, budget, approval, invoice, minimum_order, "
                "metadata"
            ),
        ),
    ],
)
def test_a_mistake_in_a_campaign(key: str, line: str) -> None:
    shown = mistakes(f"version: 1\ncampaigns:\n  a:\n\n    {key}\n")

    assert line in re.sub(r"^campaigns.yaml:(\d+):\d+:", r"\1:", shown, flags=re.MULTILINE).splitlines()


def test_keys_of_later_versions_are_refused_whatever_they_say() -> None:
    for key in sorted(Campaign.LATER):
        for value in ("null", "{}", "1"):
            text = f"version: 1\ncampaigns:\n  a: {{currency: EUR, {key}: {value}}}\n"
            assert f".a.{key}: is not available in this version: remove it\n" in mistakes(text)


# --- Mistakes in rules ---


WITH_MISTAKES_IN_RULES = """\
version: 1
campaigns:
  flights:
    currency: EUR
    eligible: {customer_total: {min: "5"}}
    refund:
      fees:
        - {name: service, fixed: -5.00, percentage: "101", per_ticket: 0.001}
        - {name: Late fee, when: {chanel: [agency]}, percentage: 10%}
        - {name: nothing}
        - {fixed: 1}
        - name: service
          fixed: 5
          fixd: 5
        - 5
      bonus_stacking: first
      bonuses:
        - {name: gold, when: {customer_totl: {min: 5}}, percentage: "2000", at_most: 0.00}
        - {name: late, when: {customer_total: {min: 5.001}, source: [shopfy]}, percentage: 7.12345}
        - {name: service, percentage: 5}
        - {name: b, fixed: 5, when: {tier: []}}
        - {name: c, fixed: [5], per_ticket: "1.00"}
      offers:
        - {when: {country: [US-ME]}, offer: money}
        - {when: {country: [us-me]}, offer: cash}
        - {when: {currency: [USD]}, offer: cash}
      redeem_order: bonus
      requires_acceptance: "true"
    budget: {total: 0, cards: 0, per_card: 1.005, warn_at: "0"}
    approval: {abov: 5}
    validity:
      - {duration: 365, until_end_of: week}
      - {when: {tier: [gold], source: [hotel]}}
  rooms:
    currency: JPY
    refund: {fees: {name: a}, bonuses: null}
    budget: {per_card: 5, warn_at: 80}
    approval: 5
    validity: null
"""

THE_MISTAKES_IN_RULES = """\
campaigns.yaml has 44 mistakes, the first in line 5: fix them and try again
campaigns.yaml:5:16: campaigns.flights.eligible.customer_total: only the `when` of a rule can look at `customer_total`, under `refund` or `validity`: leave it out here
campaigns.yaml:8:34: campaigns.flights.refund.fees[0].fixed: `-5.00` is negative: write an amount of zero or more, such as "25.00"
campaigns.yaml:8:53: campaigns.flights.refund.fees[0].percentage: `101` is over 100: a fee keeps at most the whole of a refund
campaigns.yaml:8:72: campaigns.flights.refund.fees[0].per_ticket: `0.001` has more decimals than EUR has (2)
campaigns.yaml:9:18: campaigns.flights.refund.fees[1].name: `Late fee` can't be a rule's name: write at most 63 small letters a-z, digits, - and _, a letter or digit first, such as late-fee
campaigns.yaml:9:35: campaigns.flights.refund.fees[1].when.chanel: a condition can't look at `chanel`; did you mean `channel`?
campaigns.yaml:9:66: campaigns.flights.refund.fees[1].percentage: `10%` is not a percentage: write it like "7.5", without a percent sign
campaigns.yaml:10:11: campaigns.flights.refund.fees[2]: says no amount: write at least one of fixed, percentage and per_ticket
campaigns.yaml:11:11: campaigns.flights.refund.fees[3].name: is missing: write it, such as `name: late-fee`
campaigns.yaml:12:17: campaigns.flights.refund.fees[4].name: `service` is the name of refund.fees[0] too: give one of them another name
campaigns.yaml:14:11: campaigns.flights.refund.fees[4].fixd: there is no such key here; did you mean `fixed`?
campaigns.yaml:15:11: campaigns.flights.refund.fees[5]: takes keys with values, not `5`
campaigns.yaml:18:31: campaigns.flights.refund.bonuses[0].when.customer_totl: a condition can't look at `customer_totl`; did you mean `customer_total`?
campaigns.yaml:18:69: campaigns.flights.refund.bonuses[0].percentage: `2000` is over 1000: write what comes on top, such as 20
campaigns.yaml:18:86: campaigns.flights.refund.bonuses[0].at_most: `0.00` is not above zero: write more, or leave the key out
campaigns.yaml:19:53: campaigns.flights.refund.bonuses[1].when.customer_total.min: `5.001` has more decimals than EUR has (2)
campaigns.yaml:19:70: campaigns.flights.refund.bonuses[1].when.source[0]: there is no source `shopfy` in this file; did you mean `shopify`?
campaigns.yaml:19:92: campaigns.flights.refund.bonuses[1].percentage: `7.12345` has more than 4 decimals: round it
campaigns.yaml:20:18: campaigns.flights.refund.bonuses[2].name: `service` is the name of refund.fees[0] too: give one of them another name
campaigns.yaml:21:44: campaigns.flights.refund.bonuses[3].when.tier: an empty list never matches: name at least one text, or leave the test out
campaigns.yaml:22:11: campaigns.flights.refund.bonuses[4]: never matches: refund.bonuses[2] before it takes every booking; put this rule before that one, or give that one a `when`
campaigns.yaml:22:28: campaigns.flights.refund.bonuses[4].fixed: takes text such as "15.00", not a list
campaigns.yaml:22:33: campaigns.flights.refund.bonuses[4].per_ticket: there is no such key here; did you mean `percentage`?
campaigns.yaml:24:45: campaigns.flights.refund.offers[0].offer: `money` is not allowed here; did you mean `none`?
campaigns.yaml:25:18: campaigns.flights.refund.offers[1].when: is the same as that of refund.offers[0], which is looked at first, so that this rule never matches: change or remove one of them
campaigns.yaml:26:29: campaigns.flights.refund.offers[2].when.currency: never matches: only bookings in `EUR`, the campaign's, are funded; leave it out
campaigns.yaml:27:21: campaigns.flights.refund.redeem_order: `bonus` is not allowed here; did you mean `bonus_first`?
campaigns.yaml:28:28: campaigns.flights.refund.requires_acceptance: `true` is a text in quotes: write it without them
campaigns.yaml:29:21: campaigns.flights.budget.total: `0.00` is not above zero: write more, or leave the key out
campaigns.yaml:29:31: campaigns.flights.budget.cards: `0` is not above zero: write a whole number such as 1000, or leave the key out
campaigns.yaml:29:44: campaigns.flights.budget.per_card: `1.005` has more decimals than EUR has (2)
campaigns.yaml:29:60: campaigns.flights.budget.warn_at: `0` is not above zero: write more, or leave the key out
campaigns.yaml:30:5: campaigns.flights.approval.above: is missing: write it, such as `above: "10000.00"`
campaigns.yaml:30:16: campaigns.flights.approval.abov: there is no such key here; did you mean `above`?
campaigns.yaml:32:20: campaigns.flights.validity[0].duration: '365' is not a duration; write it like P365D, P1Y, P1Y6M or P2W
campaigns.yaml:32:39: campaigns.flights.validity[0].until_end_of: `week` is not allowed here: write month or quarter or year
campaigns.yaml:33:9: campaigns.flights.validity[1].duration: is missing: write it, such as `duration: P2Y`
campaigns.yaml:33:16: campaigns.flights.validity[1].when: never matches: validity[0] before it takes every booking; put this rule before that one, or give that one a `when`
campaigns.yaml:33:40: campaigns.flights.validity[1].when.source[0]: there is no source `hotel` in this file; there are default, shopify, woocommerce, stripe, eventbrite, pretix, booking.com
campaigns.yaml:36:20: campaigns.rooms.refund.fees: takes a list such as [{name: late-fee, percentage: "10"}], not keys with values
campaigns.yaml:36:40: campaigns.rooms.refund.bonuses: takes a list such as [{name: gold, percentage: "20"}], not null: write [] for nothing
campaigns.yaml:37:36: campaigns.rooms.budget.warn_at: warns of the use of total, bonus and cards: write one of them too, or leave this out
campaigns.yaml:38:15: campaigns.rooms.approval: takes keys with values such as {above: "10000.00"}, not `5`
campaigns.yaml:39:15: campaigns.rooms.validity: takes a list such as [{when: {tier: [gold]}, duration: P2Y}], not null: write [] for nothing
"""


def test_every_mistake_in_rules_has_its_place() -> None:
    assert mistakes(WITH_MISTAKES_IN_RULES) == THE_MISTAKES_IN_RULES


def test_rules_of_one_name_are_found_beside_other_mistakes_and_alone() -> None:
    fees = "{fees: [{name: a, fixed: 1}, {name: a, fixed: %s}]}"
    line = "campaigns.a.refund.fees[1].name: `a` is the name of refund.fees[0] too: give one of them another name\n"

    for amount in ("2", "-2"):
        text = f"version: 1\ncampaigns: {{a: {{currency: EUR, refund: {fees % amount}}}}}\n"
        assert mistakes(text).count(line) == 1


# --- Mistakes in when and how cards can be redeemed ---


WITH_MISTAKES_IN_REDEMPTIONS = """\
version: 1
campaigns:
  flights:
    currency: EUR
    voucher: {redemption: {quantity: "1", quantities: 2}}
    start_date: 2028-01-01
    expiration_date: 2027-12-31
    validity_day_of_week: [Monday, 7, 1, 1]
    validity_hours:
      daily:
        - {start_time: 9:00, expiration_time: "17:00:00"}
        - {start_time: "09:00", expiration_time: "09:00", days_of_week: 1}
        - {start: "09:00", expiration_time: 1700}
        - "09:00-17:00"
    invoice: optionl
    minimum_order: 0
  rooms:
    currency: JPY
    voucher: {redemption: {quantity: 0}}
    start_date: [2020-06-01]
    validity_day_of_week: Monday
    validity_hours: "09:00-17:00"
    invoice: null
    minimum_order: 50.00 JPY
  cars:
    currency: USD
    voucher: {redemption: {quantity: 1.5}}
    validity_day_of_week: [6]
    validity_hours: {daily: [{start_time: "09:00", expiration_time: "17:00", days_of_week: [1, 2]}]}
    minimum_order: 0.001
  trains:
    currency: USD
    validity_day_of_week: []
    validity_hours: {daily: []}
"""

THE_MISTAKES_IN_REDEMPTIONS = """\
campaigns.yaml has 26 mistakes, the first in line 5: fix them and try again
campaigns.yaml:5:38: campaigns.flights.voucher.redemption.quantity: `1` is a text in quotes: write it without them
campaigns.yaml:5:43: campaigns.flights.voucher.redemption.quantities: there is no such key here; did you mean `quantity`?
campaigns.yaml:7:22: campaigns.flights.expiration_date: 2027-12-31 is before the start_date, 2028-01-01, so that no card would ever be valid: correct one of them
campaigns.yaml:8:28: campaigns.flights.validity_day_of_week[0]: `Monday` is no day of the week: write 0 for Sunday, 1 for Monday ... 6 for Saturday
campaigns.yaml:8:36: campaigns.flights.validity_day_of_week[1]: `7` is no day of the week: write 0 for Sunday, 1 for Monday ... 6 for Saturday
campaigns.yaml:11:24: campaigns.flights.validity_hours.daily[0].start_time: `9:00` is not a time of day: write it like "09:00", from "00:00" to "23:59"
campaigns.yaml:11:47: campaigns.flights.validity_hours.daily[0].expiration_time: `17:00:00` is not a time of day: write it like "17:00", or "24:00" for midnight
campaigns.yaml:12:50: campaigns.flights.validity_hours.daily[1].expiration_time: `09:00` is the start_time too: write "00:00" and "24:00" for the whole day
campaigns.yaml:12:73: campaigns.flights.validity_hours.daily[1].days_of_week: takes a list such as [1, 2, 3, 4, 5], not `1`
campaigns.yaml:13:11: campaigns.flights.validity_hours.daily[2].start_time: is missing: write it, such as `start_time: "09:00"`
campaigns.yaml:13:12: campaigns.flights.validity_hours.daily[2].start: there is no such key here; did you mean `start_time`?
campaigns.yaml:13:45: campaigns.flights.validity_hours.daily[2].expiration_time: `1700` is not a time of day: write it like "17:00", or "24:00" for midnight
campaigns.yaml:14:11: campaigns.flights.validity_hours.daily[3]: takes keys with values, not `09:00-17:00`
campaigns.yaml:15:14: campaigns.flights.invoice: `optionl` is not allowed here; did you mean `optional`?
campaigns.yaml:16:20: campaigns.flights.minimum_order: `0.00` is not above zero: write more, or leave the key out
campaigns.yaml:19:38: campaigns.rooms.voucher.redemption.quantity: `0` is not above zero: write how often a card may be used, such as 1, or null
campaigns.yaml:20:17: campaigns.rooms.start_date: takes a date such as 2020-06-01, not a list
campaigns.yaml:21:27: campaigns.rooms.validity_day_of_week: takes a list such as [1, 2, 3, 4, 5], not `Monday`
campaigns.yaml:22:21: campaigns.rooms.validity_hours: takes keys with values such as {daily: [{start_time: "09:00", expiration_time: "17:00"}]}, not `09:00-17:00`
campaigns.yaml:23:14: campaigns.rooms.invoice: null is not allowed here: write required or optional
campaigns.yaml:24:20: campaigns.rooms.minimum_order: `50.00 JPY` is not an amount: write it like "25.00", without thousands signs
campaigns.yaml:27:38: campaigns.cars.voucher.redemption.quantity: takes a whole number such as 1, not `1.5`
campaigns.yaml:29:92: campaigns.cars.validity_hours.daily[0].days_of_week: never holds: validity_day_of_week has none of these days; change one of the two
campaigns.yaml:30:20: campaigns.cars.minimum_order: `0.001` has more decimals than USD has (2)
campaigns.yaml:33:27: campaigns.trains.validity_day_of_week: names no day: write days from 0 (Sunday) to 6 (Saturday), or null for each day
campaigns.yaml:34:29: campaigns.trains.validity_hours.daily: names no hours: write [{start_time: "09:00", expiration_time: "17:00"}], or null for validity_hours
"""


def test_every_mistake_in_what_a_redemption_must_be_like_has_its_place() -> None:
    assert mistakes(WITH_MISTAKES_IN_REDEMPTIONS) == THE_MISTAKES_IN_REDEMPTIONS


# --- Sources that start from a preset ---


def test_a_source_goes_on_top_of_its_preset() -> None:
    source = parse(
        """\
        version: 1
        sources:
          our-shop:
            preset: shopify
            columns: {phone: Phone, name: [Billing Name, Billing Company], channel: null}
            only: {Financial Status: null}
            id_prefix: "north-"
        """
    ).sources["our-shop"]

    assert (source.preset, source.group_by, source.refunded) == ("shopify", "booking_id", "Refunded Amount")
    assert (source.headers_of("phone"), source.headers_of("channel")) == (("Phone",), ())
    assert source.headers_of("name") == ("Billing Name", "Billing Company")
    assert source.headers_of("booking_id") == ("Name",)
    assert (source.only, source.id_prefix) == ({}, "north-")


def test_a_campaign_may_ask_for_bookings_of_a_preset() -> None:
    assert one_campaign(eligible="{source: [shopify]}").eligible.written() == {"source": ["shopify"]}


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("preset: shopfy", "5:13: sources.a.preset: there is no preset `shopfy`; did you mean `shopify`?"),
        (
            "preset: magento",
            (
                "5:13: sources.a.preset: there is no preset `magento`; there are shopify, woocommerce, stripe, "
                "eventbrite, pretix, booking.com"
            ),
        ),
        ("preset: [shopify]", "5:13: sources.a.preset: takes text such as shopify, not a list"),
        ("{preset: shopify, colums: {}}", "5:23: sources.a.colums: there is no such key here; did you mean `columns`?"),
        ("{preset: shopify, columns: [x]}", "5:32: sources.a.columns: takes keys with values such as"),
        ("{preset: shopify, columns: {phone: ''}}", "5:40: sources.a.columns.phone: is blank: write the text"),
        ("{preset: shopify, only: {Tags: null}}", "5:36: sources.a.only.Tags: takes a list"),
        (
            "{preset: shopify, constants: {currency: EUR}}",
            (
                "5:35: sources.a.constants.currency: `currency` is both a column and a constant: leave one of them out, "
                "such as the preset's with `columns: {currency: null}`"
            ),
        ),
        (
            "{preset: shopify, optional: [phone, phon]}",
            "5:41: sources.a.optional[1]: `phon` is not among `columns`; did you mean `phone`?",
        ),
    ],
)
def test_a_mistake_on_top_of_a_preset_has_its_place(key: str, line: str) -> None:
    assert f"campaigns.yaml:{line}" in mistakes(f"version: 1\nsources:\n  a:\n\n    {key}\n")


# --- The example and the documentation ---


def test_the_example_is_right() -> None:
    assert set(parse(EXAMPLE).campaigns) == {
        "flight-refunds",
        "flights-by-policy",
        "hotel-goodwill",
        "gift-boxes",
    }


@pytest.mark.parametrize("key", KEYS)
def test_the_example_shows_every_key_with_a_comment(key: str) -> None:
    assert re.search(rf"^ *{key}:.* # .+", EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_documented_in_a_table(key: str) -> None:
    assert re.search(rf"^\| `{key}` \|(?: .+ \|){{3}}$", DOCUMENTATION, re.MULTILINE)


@pytest.mark.parametrize("name", [*CANONICAL_COLUMNS, *RULE_FIELDS, *sorted(Campaign.LATER)])
def test_every_column_field_and_refused_key_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENTATION


def test_the_documentation_shows_a_right_file_and_real_mistakes() -> None:
    examples = re.findall(r"^```yaml\n(.+?)^```", DOCUMENTATION, re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^```text\n(.+?)^```", DOCUMENTATION, re.MULTILINE | re.DOTALL)

    assert [list(parse(example).campaigns) for example in examples] == [
        ["flight-refunds"],
        ["flight-refunds"],
        ["flight-refunds"],
        ["flight-refunds"],
        ["flight-refunds"],
        ["gift-boxes"],
    ]
    assert shown == [mistakes("version: 1\ncampaigns:\n  flight-refunds:\n    currncy: EUR\n    card_per: bookings\n")]


# --- Whatever the file says ---

PIECES = (
    *"&*!|>%@`#?,:-[]{}\"'\\\t\n\r\0 ",
    *(
        ": ",
        "- ",
        "---\n",
        "<<: ",
        '"\\ud800"',
        '"\\Uffffffff"',
        "\x1b",
        "\u2028",
        "é",
        "１",
        "null",
        "~",
        "true",
        "1e3",
    ),
    *("NO", "''", "2020-02-30", "P1Y", "99999999999999999999", "currency: EUR\n", "name: x\n", "min", "from"),
)
EXAMPLE_LINES = EXAMPLE.splitlines(keepends=True)


def a_place(text: str) -> st.SearchStrategy[int]:
    return st.integers(0, len(text))


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """The example with a few pieces put in, lines put elsewhere, and parts cut out."""
    text = EXAMPLE
    for _ in range(draw(st.integers(1, 4))):
        piece = draw(st.sampled_from(PIECES) | st.sampled_from(EXAMPLE_LINES))
        start = draw(a_place(text))
        cut = draw(st.integers(0, 12))
        text = text[:start] + piece + text[start + cut :]
    content = bytearray(text.encode(errors="surrogatepass"))
    if draw(st.booleans()):
        content[draw(a_place(EXAMPLE)) % len(content)] = draw(st.integers(0, 255))
    return bytes(content)


def problems_of(content: bytes) -> tuple[CampaignProblem, ...]:
    try:
        parse_campaigns(content, Path("campaigns.yaml"))
    except BadCampaigns as error:
        return tuple(error.problems) or pytest.fail("an error without a problem")
    return ()


@settings(deadline=None)
@given(mutations())
def test_a_changed_example_is_right_or_its_mistakes_are_shown(content: bytes) -> None:
    lines = len(re.findall(rb"\r\n|[\r\n]|\xe2\x80[\xa8\xa9]|\xc2\x85", content)) + 1

    problems = problems_of(content)

    marks = [(problem.line, problem.column) for problem in problems]
    assert marks == sorted(set(marks))
    assert all(1 <= line <= lines and column >= 1 for line, column in marks)
    assert all(str(problem).isprintable() for problem in problems)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_have_mistakes(content: bytes) -> None:
    assert problems_of(content)
