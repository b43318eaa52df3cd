"""Making a zero-balance campaign from its definition, or storing a changed one."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.codes import make_codes
from refundctl.domain.cards.printed_codes import (
    BadCodes,
    PrintedCodes,
    check_codes,
    has_a_card,
    lookalike_key,
    looks_like_a_card,
)
from refundctl.ledger.campaigns.definitions import post_campaign, post_definition
from refundctl.ledger.campaigns.stored_campaigns import campaign_named, has_cards
from refundctl.ledger.cards import pool
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import RunFile

if TYPE_CHECKING:
    from refundctl.domain.campaigns.campaign import Campaign


class CurrencyChanged(Refused, code="currency_mismatch"):
    """A campaign keeps its currency for life."""


class DefinitionChanged(Refused, code="definition_changed"):
    """The file's definition is not the ledger's, or changes what can't be changed any more."""


class Creation(Enum):
    """What became of a campaign."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class PrintedFile:
    """A file of printed cards' codes, each of which may be imported by itself."""

    file: RunFile
    checked: PrintedCodes


@dataclass(frozen=True, slots=True)
class CreateResult:
    """What became of the campaign, and how many cards went into its pool: made beforehand, printed, known already."""

    creation: Creation
    made: int = 0
    printed: int = 0
    printed_before: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON: one of created, changed and unchanged is 1; the others count cards."""
        return {
            **{creation.value: int(creation is self.creation) for creation in Creation},
            "cards_made": self.made,
            "cards_printed": self.printed,
            "cards_printed_before": self.printed_before,
        }

    @property
    def changed(self) -> bool:
        """Whether anything is to be kept."""
        return self.creation is not Creation.UNCHANGED or bool(self.made or self.printed)


def creation_of(ledger: Ledger, campaign: "Campaign") -> Creation:
    """What `create` would do. Raises CurrencyChanged and DefinitionChanged for what may not change."""
    stored = campaign_named(ledger.connection, campaign.name)
    if stored is None:
        return Creation.CREATED
    # Keys that a newer version added count as their defaults.
    if type(campaign).from_definition(campaign.name, stored.definition).definition() == campaign.definition():
        return Creation.UNCHANGED
    if stored.currency != campaign.currency:
        raise CurrencyChanged(
            f"{campaign.name} is in {stored.currency}; a campaign can't change its currency to {campaign.currency}: "
            "make another campaign."
        )
    if stored.terms["card_per"] != campaign.card_per and has_cards(ledger.connection, stored.campaign_id):
        raise DefinitionChanged(
            f"{campaign.name} has cards per {stored.terms['card_per']} already: card_per can't change; "
            "make another campaign."
        )
    return Creation.CHANGED


def create(ledger: Ledger, campaign: "Campaign", run_id: int, printed: PrintedFile | None = None) -> CreateResult:
    """Make `campaign`, or store its changed definition, which applies to cards not yet published; and fill its pool.

    Raises BadCodes where a single printed code can't be taken.
    """
    creation = creation_of(ledger, campaign)
    stored = campaign_named(ledger.connection, campaign.name)
    if stored is None:
        campaign_id = post_campaign(ledger.connection, campaign.name, campaign.currency, run_id)
    else:
        campaign_id = stored.campaign_id
    if creation is not Creation.UNCHANGED:
        post_definition(ledger.connection, campaign_id, campaign.definition(), run_id)
    made = _fill_pool(ledger, campaign, campaign_id, run_id)
    taken, known = (0, 0) if printed is None else _import_printed(ledger, campaign_id, run_id, printed)
    return CreateResult(creation, made, taken, known)


def _fill_pool(ledger: Ledger, campaign: "Campaign", campaign_id: int, run_id: int) -> int:
    """Make the cards of `vouchers_count` that are still missing; give their number."""
    if campaign.vouchers_count is None:
        return 0
    there = pool.made_beforehand(ledger.connection, campaign_id)
    if there > campaign.vouchers_count:
        raise DefinitionChanged(
            f"{campaign.name} has {there} cards made beforehand already, so vouchers_count can't go down to "
            f"{campaign.vouchers_count}: leave it at {there}, or make another campaign."
        )
    missing = campaign.vouchers_count - there
    if missing:
        draw = partial(make_codes, campaign.code_pattern, random_bytes=os.urandom)
        pool.make_cards(ledger.connection, campaign_id, run_id, draw, missing)
    return missing


def read_printed(stream: BinaryIO, name: str, campaign: "Campaign") -> PrintedFile:
    """The codes in a file of printed cards. Raises BadCodes where a single one can't be taken."""
    from refundctl.files.campaigns.printed_codes_csv import CodesFile
    from refundctl.files.tables.unpacking import unpack

    unpacked = unpack(stream, name)
    with nullcontext() if unpacked.packed is None else unpacked.stream:
        file = CodesFile(unpacked.stream, name)
        checked = check_codes(file, weak_codes=campaign.weak_codes)
    if checked.faults:
        raise BadCodes(name, checked.faults)
    return PrintedFile(RunFile(name, len(checked.codes), unpacked.sha256 or file.sha256), checked)


def _import_printed(ledger: Ledger, campaign_id: int, run_id: int, printed: PrintedFile) -> tuple[int, int]:
    """Give the numbers of codes that are new and known."""
    clashes = pool.compare_printed(ledger.connection, campaign_id, printed.checked.accepted, lookalike_key)
    if clashes:
        faults = [
            has_a_card(clash.line, clash.code) if clash.same else looks_like_a_card(clash.line, clash.code)
            for clash in clashes
        ]
        raise BadCodes(printed.file.path, faults)
    taken = pool.import_printed(ledger.connection, campaign_id, run_id)
    return taken, len(printed.checked.codes) - taken
