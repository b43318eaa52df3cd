"""Which refund lines a step looks at, and what stands in the way of each.

consider() fills the temporary table `considered` inside the transaction; its readers ask for the value that it gives.
What each line is given by the campaign's policy is settled in ledger.funding.amounts_by_policy.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.campaigns.refund_policy import Policy
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS, newest_version
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.matching import FieldValues, Matcher, matcher
from refundctl.ledger.funding.owed import OWED_BONUS, OWED_IN_CASH, OWED_ON_CARD

ACCEPTED = Condition.parse({"accepted": ["yes"]})


@dataclass(frozen=True, slots=True)
class RuleBits:
    """Where the bits of a policy's conditions stand: eligible, within and accepted first, then its rules."""

    policy: Policy

    ELIGIBLE, WITHIN, ACCEPTED = 1, 2, 4
    FIRST = 3

    @property
    def conditions(self) -> list[Condition]:
        """Of the rules, in the order of their bits."""
        policy = self.policy
        return [
            *(offer.when for offer in policy.offers),
            *(rule.when for rule in (*policy.fees, *policy.bonuses)),
            *(rule.when for rule in policy.validity),
        ]

    def offer(self, at: int) -> int:
        """The bit of an offer."""
        return 1 << self.FIRST + at

    def fee(self, at: int) -> int:
        """The bit of a fee."""
        return self.offer(len(self.policy.offers) + at)

    def bonus(self, at: int) -> int:
        """The bit of a bonus."""
        return self.fee(len(self.policy.fees) + at)

    def validity(self, at: int) -> int:
        """The bit of a rule of validity."""
        return self.bonus(len(self.policy.bonuses) + at)

    @property
    def settled(self) -> int:
        """The bits of all rules that change what a line is given."""
        return self.validity(0) - self.offer(0)


@dataclass(frozen=True, slots=True)
class DefinitionTerms:
    """A definition that a campaign has had: its id, and what it says of amounts and of days where no rule does."""

    definition_id: int
    policy: Policy
    days: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """How a campaign judges lines; only those are looked at that `within` holds for.

    `never_expires` says whether cards of customers in a country never expire; None where that holds of no country. Of
    `definitions` the newest comes first; what was published under an earlier one keeps that one's policy.
    """

    campaign: int
    currency: str
    per_customer: bool
    eligible: Condition
    within: Condition
    never_expires: Callable[[str], bool] | None
    definitions: Sequence[DefinitionTerms]

    @property
    def newest(self) -> Policy:
        """The policy that counts for what is published now."""
        return self.definitions[0].policy

    def matcher(self, connection: sqlite3.Connection, policy: Policy, segments: str) -> Matcher:
        """What finds the bits of a line (see RuleBits), with a temporary table `segments`."""
        conditions = [self.eligible, self.within, ACCEPTED, *RuleBits(policy).conditions]
        return matcher(connection, conditions, self.currency, segments, self.never_expires)


ALL_LINES = "SELECT id AS line FROM line_versions WHERE version = 1"
# The lines of the files that were just posted: those known before, and those that came in after :lines_before.
STAGED_LINES = """
    SELECT line FROM known WHERE NOT EXISTS (SELECT 1 FROM set_aside WHERE set_aside.staged_id = known.staged_id)
    UNION ALL
    SELECT id FROM line_versions WHERE id > :lines_before AND version = 1
"""
BOOKING_LINES = "SELECT id AS line FROM line_versions WHERE booking = :booking AND version = 1"
# Few bookings were ever the customer's, so that only those have to be looked at as they are now.
CUSTOMER_LINES = """
    SELECT refund_lines.line
    FROM (SELECT DISTINCT booking FROM line_versions WHERE customer = :customer) AS own
    CROSS JOIN refund_lines ON refund_lines.booking = own.booking
    WHERE refund_lines.customer = :customer
"""
# Lines of a run that was undone, and not reopened since.
_UNDONE = """
    EXISTS (
        SELECT 1 FROM undone_lines
        WHERE undone_lines.line = first.id AND undone_run NOT IN (SELECT undone_run FROM reopenings)
    )
"""
_STATE = f"""
    CASE
        WHEN undone THEN {LineState.UNDONE:d}
        WHEN credit_campaign = :campaign AND NOT {{eligible}} THEN {LineState.FUNDED_NOT_ELIGIBLE:d}
        WHEN credit_campaign = :campaign THEN CASE
            WHEN card IS NOT NULL THEN {LineState.FUNDED:d}
            WHEN bucket = 'cash' THEN {LineState.FUNDED_IN_CASH:d}
            ELSE {LineState.KEPT:d}
        END
        WHEN credit_campaign IS NOT NULL THEN {LineState.FUNDED_ELSEWHERE:d}
        WHEN currency <> :currency THEN {LineState.OTHER_CURRENCY:d}
        WHEN NOT {{eligible}} THEN {LineState.NOT_ELIGIBLE:d}
        WHEN {OWED_ON_CARD} > 0 OR {OWED_BONUS} > 0 THEN {LineState.OPEN:d}
        ELSE {LineState.CASH_ONLY:d}
    END
"""


@dataclass(frozen=True, slots=True)
class Considered:
    """The refund lines in the temporary table `considered`, and for which campaign; until the next lines are
    considered.

    A line's `state` is a LineState. `rule_bonus_minor` is what of `bonus_minor` rules give, `rules` the bits of what
    the line matches (see RuleBits), `valid_by` the number under which a card's last day stands (see valid_by). All
    amounts are in minor units of the campaign's currency.
    """

    connection: sqlite3.Connection
    judge: Judge

    def count_lines(self) -> dict[LineState, int]:
        """How many refund lines are in each state."""
        rows = self.connection.execute("SELECT state, count(*) FROM considered GROUP BY state ORDER BY state")
        return {LineState(state): count for state, count in rows}

    def states(self) -> dict[int, LineState]:
        """What each line is to the campaign."""
        return {line: LineState(state) for line, state in self.connection.execute("SELECT line, state FROM considered")}

    def count_bookings(self) -> dict[LineState, int]:
        """How many bookings are in each state; what was funded in cash never had a card, eligible or not."""
        rows = self.connection.execute(
            f"""
            SELECT state, count(*) FROM (
                SELECT min(iif(
                    state = {LineState.FUNDED_NOT_ELIGIBLE:d} AND paid_minor + bonus_minor = 0,
                    {LineState.FUNDED_IN_CASH:d}, state
                )) AS state
                FROM considered GROUP BY booking
            )
            GROUP BY state ORDER BY state
            """
        )
        return {LineState(state): count for state, count in rows}

    def count_capped_bookings(self) -> int:
        """How many bookings have a line for which a cap stands in the way, whatever their other lines are."""
        capped = f"state IN ({LineState.OVER_CARD_CAP:d}, {LineState.OVER_CUSTOMER_CAP:d})"
        counted = f"SELECT count(DISTINCT booking) FROM considered WHERE {capped}"
        return int(self.connection.execute(counted).fetchone()[0])

    def bookings_in_state(self, state: LineState) -> list[str]:
        """The ids of bookings with a line in `state`."""
        rows = self.connection.execute(
            """
            SELECT DISTINCT bookings.booking_id FROM considered JOIN bookings ON bookings.id = considered.booking
            WHERE state = ? ORDER BY 1
            """,
            (state,),
        )
        return [row[0] for row in rows]

    def not_eligible(self) -> list[tuple[FieldValues, bool, int]]:
        """The bookings of which no line is eligible, by what they have in common.

        Each entry: the descriptive values, whether the source leaves them out now, and how many bookings.
        """
        names = ("source", *SEGMENT_COLUMNS)
        rows = self.connection.execute(
            f"""
            SELECT max(withdrawn), count(*), {", ".join(f"segments.{name}" for name in names)}
            FROM (
                SELECT booking, min(line) AS line FROM considered
                GROUP BY booking HAVING min(state) = {LineState.NOT_ELIGIBLE:d}
            ) AS skipped
            CROSS JOIN refund_lines ON refund_lines.line = skipped.line
            CROSS JOIN segments ON segments.id = refund_lines.segment
            GROUP BY segments.id, withdrawn
            """
        )
        return [(dict(zip(names, values, strict=True)), bool(withdrawn), count) for withdrawn, count, *values in rows]


def consider(
    connection: sqlite3.Connection,
    judge: Judge,
    *,
    lines_before: int | None = None,
    booking: int | None = None,
    customer: int | None = None,
) -> Considered:
    """Look at every refund line of the ledger, or at those of the files just posted, of a booking or of a customer.

    `lines_before` is the highest id of line_versions before the files were posted. What was funded and is no longer
    eligible stays funded. Amounts are what the files say is owed: paid_minor is owed neither in cash nor as bonus.
    """
    make_temporary(connection, _TABLE)
    matches = judge.matcher(connection, judge.newest, "segment_rules")
    lines = ALL_LINES
    if lines_before is not None:
        lines = STAGED_LINES
    elif booking is not None or customer is not None:
        lines = CUSTOMER_LINES if booking is None else BOOKING_LINES
    # Which lines are eligible and asked for a segment mostly tells, so that a line's own rules are worked out once
    # only.
    decided = matches.decides(judge.eligible) and matches.decides(judge.within)
    bits = "segment_bits" if decided else "rules"
    connection.execute(
        f"""
        INSERT INTO considered
        SELECT
            booking, line, line_version, customer,
            iif(credit_campaign IS NOT NULL AND card IS NULL, 0, {OWED_ON_CARD}),
            iif(credit_campaign IS NOT NULL AND card IS NULL, 0, {OWED_BONUS}),
            0, {OWED_IN_CASH}, 0, rules, never_expires, {valid_by(judge.newest)},
            {_STATE.format(eligible=f"({bits} & {RuleBits.ELIGIBLE} AND NOT withdrawn)")}
        FROM ({_as_known_now(connection, judge, matches, lines)} {"" if decided else "LIMIT -1"})
        WHERE {bits} & {RuleBits.WITHIN}
        """,
        {
            "campaign": judge.campaign,
            "currency": judge.currency,
            "lines_before": lines_before,
            "booking": booking,
            "customer": customer,
        },
    )
    return Considered(connection, judge)


def _as_known_now(connection: sqlite3.Connection, judge: Judge, matches: Matcher, lines: str) -> str:
    """The `lines` by their newest versions, with the bits of the rules they match and the first entry of their
    funding."""
    never_expires = "segment_rules.never_expires"
    if judge.never_expires is not None and _find_without_expiry(connection, judge.never_expires):
        never_expires = f"({never_expires} OR now.customer IN (SELECT customer FROM without_expiry))"
    return f"""
        SELECT
            now.booking, first.id AS line, now.id AS line_version, now.customer, now.refund_amount_minor,
            now.cash_amount_minor, now.bonus_amount_minor, now.currency, now.withdrawn,
            segment_rules.rules AS segment_bits, {matches.sql} AS rules, {never_expires} AS never_expires,
            credit.campaign AS credit_campaign, credit.card, credit.bucket,
            {_UNDONE} AS undone
        FROM ({lines}) AS looked_at
        CROSS JOIN line_versions AS first ON first.id = looked_at.line
        CROSS JOIN line_versions AS now ON now.id = {newest_version("first")}
        CROSS JOIN segment_rules ON segment_rules.segment = now.segment
        LEFT JOIN transactions AS credit ON credit.line = first.id AND credit.entry = 1
            AND credit.run_id NOT IN (SELECT undone_run FROM reopenings)
    """


def valid_by(policy: Policy, definition: int = 0) -> str:
    """SQL for the number of the rule of validity that `rules` meets first, 0 for none, and of its definition."""
    bits = RuleBits(policy)
    whens = [f"WHEN rules & {bits.validity(at)} THEN {at + 1}" for at in range(len(policy.validity))]
    found = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    return f"{DEFINITION_STEP * definition} + {found}" if definition else found


DEFINITION_STEP = 100  # between the numbers of two definitions' rules of validity

_TABLE = """
    CREATE TEMP TABLE considered (
        booking INTEGER NOT NULL, line INTEGER NOT NULL, line_version INTEGER NOT NULL, customer INTEGER NOT NULL,
        paid_minor INTEGER NOT NULL, bonus_minor INTEGER NOT NULL, rule_bonus_minor INTEGER NOT NULL,
        cash_minor INTEGER NOT NULL, fee_minor INTEGER NOT NULL, rules INTEGER NOT NULL,
        never_expires INTEGER NOT NULL, valid_by INTEGER NOT NULL, state INTEGER NOT NULL, PRIMARY KEY (booking, line)
    ) WITHOUT ROWID;
"""


def _find_without_expiry(connection: sqlite3.Connection, never_expires: Callable[[str], bool]) -> bool:
    """Collect the customers whose own country forbids expiry; whether there is any."""
    # Few customers or none have a country, and an index tells which countries there are.
    countries = connection.execute("SELECT DISTINCT country FROM customers WHERE country IS NOT NULL").fetchall()
    forbidding = [row for row in countries if never_expires(row[0])]
    if forbidding:
        make_temporary(connection, "CREATE TEMP TABLE without_expiry (customer INTEGER PRIMARY KEY);")
        connection.executemany("INSERT INTO without_expiry SELECT id FROM customers WHERE country = ?", forbidding)
    return bool(forbidding)
