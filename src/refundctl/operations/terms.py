"""What a campaign's stored definition means for the lines of the ledger.

Read from the definition's plain values, so that the path of a single command stays light.
"""

from dataclasses import dataclass
from datetime import date, datetime

from refundctl.domain.codes import CodePattern
from refundctl.domain.conditions import Condition
from refundctl.domain.errors import Refused
from refundctl.domain.validity import Duration, expiry_forbidden, last_valid_day, local_day
from refundctl.ledger.connection import Ledger
from refundctl.ledger.posting.cards import Holding
from refundctl.ledger.queries import StoredCampaign, campaign_named, campaigns
from refundctl.ledger.scope import SEGMENT_FIELDS, FieldValues, Judge, SegmentRule

EVERYTHING = Condition()


class CampaignOver(Refused):
    """The campaign's expiration date has passed, so that a card would be dead when it is made."""

    code = "voucher_expired"


class CampaignUnknown(Refused):
    """The ledger has no campaign of this name."""

    code = "resource_not_found"


@dataclass(frozen=True, slots=True)
class Terms:
    """A stored campaign with its definition read."""

    stored: StoredCampaign

    @property
    def per_customer(self) -> bool:
        """Whether a customer has one card, rather than one for each booking."""
        return bool(self.stored.terms["card_per"] == "customer")

    @property
    def makes_codes(self) -> bool:
        """Whether cards are made as they are published, once the pool is empty."""
        return bool(self.stored.terms["type"] == "AUTO_UPDATE")

    @property
    def code_pattern(self) -> CodePattern:
        """How new codes look."""
        return CodePattern.build(**self.stored.terms["voucher"]["code_config"])

    def today(self, now: datetime) -> date:
        """The day of `now` in the campaign's time zone."""
        return local_day(now, self.stored.terms["timezone"])

    def judge(self, where: Condition = EVERYTHING) -> Judge:
        """Which lines are eligible, and whose cards may not expire; only those are looked at that `where` holds for."""
        terms = self.stored.terms
        condition = Condition.parse(terms["eligible"])
        currency = self.stored.currency
        per_line = not condition.fields <= SEGMENT_FIELDS
        where_per_line = not where.fields <= SEGMENT_FIELDS

        def never_expires(country: str) -> bool:
            return expiry_forbidden(country, terms["no_expiry_in"])

        def segment(values: FieldValues) -> SegmentRule:
            return SegmentRule(
                eligible=per_line or condition.matches(values, currency),
                within=where_per_line or where.matches(values, currency),
                never_expires=never_expires(str(values["country"] or "")),
            )

        def line(values: FieldValues) -> bool:
            return condition.matches(values, currency)

        def line_within(values: FieldValues) -> bool:
            return where.matches(values, currency)

        return Judge(
            self.stored.campaign_id,
            currency,
            segment,
            line if per_line else None,
            line_within if where_per_line else None,
            never_expires if terms["no_expiry_in"] else None,
        )

    def why_not(self, values: FieldValues) -> str:
        """Why bookings with these values are not eligible: the first value that the campaign doesn't take."""
        for field, test in Condition.parse(self.stored.terms["eligible"]).tests:
            if field in SEGMENT_FIELDS and not test.holds(values[field], self.stored.currency):
                return f"{field} is {values[field] or 'blank'}"
        return "other values"

    def holding(self, now: datetime) -> Holding:
        """How cards are held, and when one that is published now expires. Raises CampaignOver."""
        terms = self.stored.terms
        today = self.today(now)
        duration = terms["activity_duration_after_publishing"]
        until = terms["expiration_date"]
        try:
            expires_on = last_valid_day(
                today,
                None if duration is None else Duration.parse(duration),
                None if until is None else date.fromisoformat(until),
            )
        except ValueError as error:
            raise CampaignOver(
                f"{self.stored.name}: a card can't be valid for {duration} from {today}: {error}."
            ) from error
        if expires_on is not None and expires_on < today:
            raise CampaignOver(
                f"{self.stored.name} ended on {expires_on}: give it a later expiration_date and take it in with "
                f"`refundctl create {self.stored.name}`."
            )
        return Holding(
            self.stored.campaign_id,
            self.per_customer,
            today.isoformat(),
            None if expires_on is None else expires_on.isoformat(),
            extends=duration is not None,
            makes_codes=self.makes_codes,
        )


def terms_of(ledger: Ledger, name: str) -> Terms:
    """The campaign called `name` as the ledger has it. Raises CampaignUnknown."""
    stored = campaign_named(ledger.connection, name)
    if stored is None:
        known = ", ".join(campaign.name for campaign in campaigns(ledger.connection)) or "none yet"
        raise CampaignUnknown(
            f"There is no campaign {name} in {ledger.path} (there: {known}): make it with `refundctl create {name}`."
        )
    return Terms(stored)
