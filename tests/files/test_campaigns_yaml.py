"""The campaigns file: what it may say, and how its mistakes look."""

import re
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from refundctl.domain.campaign import Campaign, CodeConfig, Gift, Redemption, Voucher
from refundctl.domain.conditions import FIELDS
from refundctl.domain.errors import BadCampaigns, CampaignProblem, InputMissing
from refundctl.domain.source import CANONICAL_COLUMNS, Source
from refundctl.files.campaigns_yaml import CampaignsFile, parse_campaigns, read_campaigns, starter_campaigns

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "campaigns.example.yaml").read_text(encoding="utf-8")
DOCUMENTATION = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")

MODELS: tuple[type[BaseModel], ...] = (Source, Campaign, Voucher, Gift, Redemption, CodeConfig)
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

    assert found.value.message == f"{tmp_path}/a/b can't be read (Not a directory): mend that, or name another file"


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
            no_expiry_in: [US-ME]
            eligible: {status: [cancelled], source: [default]}
            metadata: {}
        """
    )


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
    start_date: 2020-01-01
    budget: {total: "5000.00"}
    metadata: {a: [b]}
  Rooms:
    currency: eur
    currency: EUR
  goodwill:
"""

THE_MISTAKES = """\
campaigns.yaml has 22 mistakes, the first in line 1: mend them and try again
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
campaigns.yaml:20:17: campaigns.flight-refunds.start_date: has no effect in this version yet: leave it out, or write null
campaigns.yaml:21:5: campaigns.flight-refunds.budget: is not available in this version: remove it
campaigns.yaml:22:19: campaigns.flight-refunds.metadata.a: takes text, not a list
campaigns.yaml:23:3: campaigns.Rooms: `Rooms` can't be a campaign's name: write at most 63 small letters a-z, digits, - and _, a letter or digit first, such as flight-refunds
campaigns.yaml:24:15: campaigns.Rooms.currency: `eur` is no currency of ISO 4217; did you mean `EUR`?
campaigns.yaml:25:5: campaigns.Rooms.currency: `currency` stands here twice, first in line 24: remove one
campaigns.yaml:26:12: campaigns.goodwill: takes keys with values, not null: write {} for nothing
"""


def test_all_mistakes_are_shown_at_once_each_with_its_place() -> None:
    assert mistakes(WITH_MISTAKES) == THE_MISTAKES


def test_one_mistake_is_one() -> None:
    assert mistakes("version: 1\ncampaigns: {a: {currency: EURO}}\n") == (
        "campaigns.yaml has 1 mistake, in line 2: mend it and try again\n"
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
                "5: campaigns.a.voucher.code_config.charset: 'A' stands in the charset twice (codes match without "
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
                "validity_hours, no_expiry_in, eligible, metadata"
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
    assert set(parse(EXAMPLE).campaigns) == {"flight-refunds", "hotel-goodwill", "gift-boxes"}


@pytest.mark.parametrize("key", KEYS)
def test_the_example_shows_every_key_with_a_comment(key: str) -> None:
    assert re.search(rf"^ *{key}:.* # .+", EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_documented_in_a_table(key: str) -> None:
    assert re.search(rf"^\| `{key}` \|(?: .+ \|){{3}}$", DOCUMENTATION, re.MULTILINE)


@pytest.mark.parametrize("name", [*CANONICAL_COLUMNS, *FIELDS, *sorted(Campaign.LATER)])
def test_every_column_field_and_refused_key_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENTATION


def test_the_documentation_shows_a_right_file_and_real_mistakes() -> None:
    examples = re.findall(r"^```yaml\n(.+?)^```", DOCUMENTATION, re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^```text\n(.+?)^```", DOCUMENTATION, re.MULTILINE | re.DOTALL)

    assert [list(parse(example).campaigns) for example in examples] == [["flight-refunds"], ["gift-boxes"]]
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
        return error.problems or pytest.fail("an error without a problem")
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
