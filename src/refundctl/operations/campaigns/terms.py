"""What a campaign's stored definition means for the lines of the ledger.

Read from the definition's plain values, so that the path of a single command stays light.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.validity import Duration, expiry_forbidden, last_valid_day, local_day
from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.campaigns.refund_policy import Budget, Policy
from refundctl.ledger.campaigns.stored_campaigns import StoredCampaign, campaign_named, campaigns, earlier_definitions
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding import considered_lines
from refundctl.ledger.funding.amounts_by_policy import settle
from refundctl.ledger.funding.budgets import leave_out_capped
from refundctl.ledger.funding.considered_lines import DEFINITION_STEP, DefinitionTerms, Judge
from refundctl.ledger.funding.holders import Holding
from refundctl.ledger.funding.matching import SEGMENT_FIELDS, FieldValues
from refundctl.ledger.funding.settled_lines import Settled

if TYPE_CHECKING:
    from refundctl.domain.cards.codes import CodePattern

EVERYTHING = Condition()


class CampaignOver(Refused, code="voucher_expired"):
    """The campaign's expiration date has passed, so that a card would be dead when it is made."""


class CampaignUnknown(Refused, code="resource_not_found"):
    """The ledger has no campaign of this name."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A stored campaign with its definition read; `earlier` are ids and texts of those before, the last one first."""

    stored: StoredCampaign
    earlier: Sequence[tuple[int, str]] = ()

    @property
    def per_customer(self) -> bool:
        """Whether a customer has one card, rather than one for each booking."""
        return bool(self.stored.terms["card_per"] == "customer")

    @property
    def makes_codes(self) -> bool:
        """Whether cards are made as they are published, once the pool is empty."""
        return bool(self.stored.terms["type"] == "AUTO_UPDATE")

    @property
    def code_pattern(self) -> "CodePattern":
        """How new codes look."""
        from refundctl.domain.cards.codes import CodePattern

        return CodePattern.build(**self.stored.terms["voucher"]["code_config"])

    def today(self, now: datetime) -> date:
        """The day of `now` in the campaign's time zone."""
        return local_day(now, self.stored.terms["timezone"])

    @property
    def policy(self) -> Policy:
        """What the newest definition says of amounts."""
        return Policy.from_terms(self.stored.terms, self.stored.currency)

    @property
    def budget(self) -> Budget:
        """What the campaign may give in all."""
        return Budget.from_terms(self.stored.terms, self.stored.currency)

    @property
    def definitions(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The ids of the campaign's definitions and what they say, the newest first."""
        earlier = ((number, json.loads(definition)) for number, definition in self.earlier)
        return [(self.stored.definition_id, self.stored.terms), *earlier]

    def judge(self, where: Condition = EVERYTHING) -> Judge:
        """Which lines are eligible and by which rules; only those are looked at that `where` holds for."""
        terms, currency = self.stored.terms, self.stored.currency

        def never_expires(country: str) -> bool:
            return expiry_forbidden(country, terms["no_expiry_in"])

        return Judge(
            campaign=self.stored.campaign_id,
            currency=currency,
            per_customer=self.per_customer,
            eligible=Condition.parse(terms["eligible"]),
            within=where,
            never_expires=never_expires if terms["no_expiry_in"] else None,
            definitions=[
                DefinitionTerms(
                    definition_id,
                    Policy.from_terms(each, currency),
                    (each["activity_duration_after_publishing"], each["expiration_date"]),
                )
                for definition_id, each in self.definitions
            ],
        )

    def why_not(self, values: FieldValues) -> str:
        """Why bookings with these values are not eligible: the first value that the campaign doesn't take."""
        for field, test in Condition.parse(self.stored.terms["eligible"]).tests:
            if field in SEGMENT_FIELDS and not test.holds(values[field], self.stored.currency):
                return f"{field} is {values[field] or 'blank'}"
        return "other values"

    def holding(self, now: datetime) -> Holding:
        """How cards are held, and when one that is published now expires. Raises CampaignOver."""
        today = self.today(now)
        expires_on: dict[int, str | None] = {}
        extends_to: dict[int, str | None] = {}
        for at, (_, terms) in enumerate(self.definitions):
            rules = [(terms["activity_duration_after_publishing"], None)]
            rules += [(rule["duration"], rule.get("until_end_of")) for rule in terms.get("validity") or ()]
            for number, (duration, until_end_of) in enumerate(rules, start=DEFINITION_STEP * at):
                expires_on[number] = self._last_day(today, duration, until_end_of, terms["expiration_date"])
                extends_to[number] = expires_on[number] if duration is not None else None
        last = expires_on[0]
        if last is not None and last < today.isoformat():
            raise CampaignOver(
                f"{self.stored.name} ended on {last}: give it a later expiration_date and store it with "
                f"`refundctl create {self.stored.name}`."
            )
        return Holding(
            self.stored.campaign_id, self.per_customer, today.isoformat(), expires_on, extends_to, self.makes_codes
        )

    def _last_day(self, today: date, duration: str | None, until_end_of: str | None, until: str | None) -> str | None:
        end = None if until is None else date.fromisoformat(until)
        try:
            lasts = None if duration is None else Duration.parse(duration)
            day = last_valid_day(today, lasts, end, until_end_of)
        except ValueError as error:
            raise CampaignOver(
                f"{self.stored.name}: a card can't be valid for {duration} from {today}: {error}."
            ) from error
        return None if day is None else day.isoformat()


def consider(
    ledger: Ledger,
    terms: Terms,
    where: Condition = EVERYTHING,
    *,
    lines_before: int | None = None,
    booking: int | None = None,
    customer: int | None = None,
) -> Settled:
    """The lines that a step looks at, with what each open one is given by the policy and left by the budget."""
    judge = terms.judge(where)
    today = terms.today(ledger.clock.now).isoformat()
    holding = Holding(judge.campaign, judge.per_customer, today)
    considered = considered_lines.consider(
        ledger.connection, judge, lines_before=lines_before, booking=booking, customer=customer
    )
    settled = settle(considered, holding)
    leave_out_capped(settled, holding, terms.budget)
    return settled


def terms_of(ledger: Ledger, name: str) -> Terms:
    """The campaign called `name` as the ledger has it. Raises CampaignUnknown."""
    stored = campaign_named(ledger.connection, name)
    if stored is None:
        known = ", ".join(campaign.name for campaign in campaigns(ledger.connection)) or "none yet"
        raise CampaignUnknown(
            f"There is no campaign {name} in {ledger.path} (there: {known}): make it with `refundctl create {name}`."
        )
    return with_earlier(ledger, stored)


def with_earlier(ledger: Ledger, stored: StoredCampaign) -> Terms:
    """The terms of a stored campaign, with the definitions that it had before."""
    return Terms(stored, tuple(earlier_definitions(ledger.connection, stored)))
