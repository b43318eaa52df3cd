"""Which refund lines a step looks at, and what stands in the way of each.

A temporary table, `considered`, is filled inside the transaction with what publishing and topping up need to know; what
each line is given by the campaign's policy is settled in ledger.settling.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.campaigns.refund_policy import Policy
from refundctl.ledger.bookings.line_versions import newest_version
from refundctl.ledger.bookings.staged_bookings import SEGMENT_COLUMNS
from refundctl.ledger.file.sql import any_rows, run_script
from refundctl.ledger.funding.matching import FieldValues, Matcher, find_customer_totals, matcher

ACCEPTED = Condition.parse({"accepted": ["yes"]})


class State(IntEnum):
    """What a refund line is to a campaign; a booking is what the lowest of its lines' states says.

    CASH_ONLY and NOTHING_LEFT are open too, and FUNDED_IN_CASH and KEPT funded, but nothing of the line goes onto a card:
    of NOTHING_LEFT fees take all.
    """

    OPEN = 0
    FUNDED = 1
    FUNDED_NOT_ELIGIBLE = 2
    CASH_ONLY = 3
    FUNDED_IN_CASH = 4
    NOTHING_LEFT = 5
    KEPT = 6
    OVER_CARD_CAP = 7
    OVER_CUSTOMER_CAP = 8
    NOT_ACCEPTED = 9
    OFFER_NONE = 10
    UNDONE = 11
    FUNDED_ELSEWHERE = 12
    OTHER_CURRENCY = 13
    NOT_ELIGIBLE = 14

    @property
    def label(self) -> str:
        """As it stands in JSON and in exports."""
        return _LABELS.get(self, self.name.lower())

    @property
    def is_skipped(self) -> bool:
        """Whether nothing of the line is given by this campaign."""
        return self >= State.NOTHING_LEFT

    @property
    def is_capped(self) -> bool:
        """Whether only a limit of the budget for single cards and customers stands in the way."""
        return self in {State.OVER_CARD_CAP, State.OVER_CUSTOMER_CAP}


_LABELS = {State.KEPT: "nothing_left", State.OVER_CARD_CAP: "per_card", State.OVER_CUSTOMER_CAP: "per_customer"}


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
class Definition:
    """A definition that a campaign has had: its id, and what it says of amounts and of days where no rule does."""

    definition_id: int
    policy: Policy
    days: tuple[str | None, ...] = ()

    def same(self, other: "Definition") -> bool:
        """Whether both say the same of amounts and days."""
        return (self.policy, self.days) == (other.policy, other.days)


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
    definitions: Sequence[Definition]

    @property
    def newest(self) -> Policy:
        """The policy that counts for what is published now."""
        return self.definitions[0].policy

    def matcher(self, connection: sqlite3.Connection, policy: Policy) -> Matcher:
        """What finds the bits of a line (see RuleBits)."""
        conditions = [self.eligible, self.within, ACCEPTED, *RuleBits(policy).conditions]
        return matcher(connection, conditions, self.currency)


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
UNDONE = """
    EXISTS (
        SELECT 1 FROM undone_lines
        WHERE undone_lines.line = first.id AND undone_run NOT IN (SELECT undone_run FROM reopenings)
    )
"""


def consider(
    connection: sqlite3.Connection,
    judge: Judge,
    *,
    lines_before: int | None = None,
    booking: int | None = None,
    customer: int | None = None,
) -> None:
    """Fill `considered`: every refund line of the ledger, those of the files just posted, of a booking or of a customer.

    `lines_before` is the highest id of line_versions before the files were posted. What was funded and is no longer
    eligible stays funded. Amounts are what the files say is owed: paid_minor is owed neither in cash nor as bonus.
    """
    run_script(connection, _TABLES)
    matches = judge.matcher(connection, judge.newest)
    if matches.asks_for_totals:
        find_customer_totals(connection, judge.currency)
    _judge_segments(connection, judge, matches)
    matches.register(connection, "line_rules")
    # Which lines are eligible and asked for a segment mostly tells, so that a line's own rules are worked out once only.
    decided = matches.decides(judge.eligible) and matches.decides(judge.within)
    bits = "segment_bits" if decided else "rules"
    eligible = f"({bits} & {RuleBits.ELIGIBLE} AND NOT withdrawn)"
    never_expires = "segment_rules.never_expires"
    if judge.never_expires is not None and _find_without_expiry(connection, judge.never_expires):
        never_expires = f"({never_expires} OR now.customer IN (SELECT customer FROM without_expiry))"
    scope = ALL_LINES
    if lines_before is not None:
        scope = STAGED_LINES
    elif booking is not None or customer is not None:
        scope = CUSTOMER_LINES if booking is None else BOOKING_LINES
    connection.execute(
        f"""
        INSERT INTO considered
        SELECT
            booking, line, line_version, customer,
            iif(credit_campaign IS NOT NULL AND card IS NULL, 0, refund_amount_minor - cash_amount_minor),
            iif(credit_campaign IS NOT NULL AND card IS NULL, 0, bonus_amount_minor),
            0, cash_amount_minor, 0, rules, never_expires, {valid_by(judge.newest)},
            CASE
                WHEN undone THEN {State.UNDONE:d}
                WHEN credit_campaign = :campaign AND NOT {eligible} THEN {State.FUNDED_NOT_ELIGIBLE:d}
                WHEN credit_campaign = :campaign THEN CASE
                    WHEN card IS NOT NULL THEN {State.FUNDED:d}
                    WHEN bucket = 'cash' THEN {State.FUNDED_IN_CASH:d}
                    ELSE {State.KEPT:d}
                END
                WHEN credit_campaign IS NOT NULL THEN {State.FUNDED_ELSEWHERE:d}
                WHEN currency <> :currency THEN {State.OTHER_CURRENCY:d}
                WHEN NOT {eligible} THEN {State.NOT_ELIGIBLE:d}
                WHEN refund_amount_minor > cash_amount_minor OR bonus_amount_minor > 0 THEN {State.OPEN:d}
                ELSE {State.CASH_ONLY:d}
            END
        FROM (
            SELECT
                now.booking, first.id AS line, now.id AS line_version, now.customer, now.refund_amount_minor,
                now.cash_amount_minor, now.bonus_amount_minor, now.currency, now.withdrawn,
                segment_rules.rules AS segment_bits, {matches.sql("segment_rules.rules", "line_rules")} AS rules,
                {never_expires} AS never_expires,
                credit.campaign AS credit_campaign, credit.card, credit.bucket,
                {UNDONE if any_rows(connection, "undone_lines") else "FALSE"} AS undone
            FROM ({scope}) AS scope
            CROSS JOIN line_versions AS first ON first.id = scope.line
            CROSS JOIN line_versions AS now ON now.id = {newest_version("first")}
            CROSS JOIN segment_rules ON segment_rules.segment = now.segment
            LEFT JOIN transactions AS credit ON credit.line = first.id AND credit.entry = 1 {_standing(connection)}
            {"" if decided else "LIMIT -1"}
        )
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


def _standing(connection: sqlite3.Connection) -> str:
    """Which funding counts: one that was undone and reopened doesn't."""
    return "AND credit.run_id NOT IN (SELECT undone_run FROM reopenings)" if any_rows(connection, "reopenings") else ""


def count_lines(connection: sqlite3.Connection) -> dict[State, int]:
    """How many considered refund lines are in each state."""
    rows = connection.execute("SELECT state, count(*) FROM considered GROUP BY state ORDER BY state")
    return {State(state): count for state, count in rows}


def count_skipped(found: Mapping[State, int]) -> dict[str, int]:
    """What is skipped, and why, as it stands in JSON."""
    skipped: dict[str, int] = {}
    for state, count in found.items():
        if state.is_skipped:
            skipped[state.label] = skipped.get(state.label, 0) + count
    return skipped


def count_capped(found: Mapping[State, int]) -> int:
    """How many of them only a cap of the budget leaves out."""
    return sum(count for state, count in found.items() if state.is_capped)


def count_bookings(connection: sqlite3.Connection) -> dict[State, int]:
    """How many considered bookings are in each state; what was funded in cash never had a card, eligible or not."""
    rows = connection.execute(
        f"""
        SELECT state, count(*) FROM (
            SELECT min(iif(
                state = {State.FUNDED_NOT_ELIGIBLE:d} AND paid_minor + bonus_minor = 0, {State.FUNDED_IN_CASH:d}, state
            )) AS state
            FROM considered GROUP BY booking
        )
        GROUP BY state ORDER BY state
        """
    )
    return {State(state): count for state, count in rows}


def count_capped_bookings(connection: sqlite3.Connection) -> int:
    """How many considered bookings have a line for which a cap stands in the way, whatever their other lines are."""
    capped = f"state IN ({State.OVER_CARD_CAP:d}, {State.OVER_CUSTOMER_CAP:d})"
    return int(connection.execute(f"SELECT count(DISTINCT booking) FROM considered WHERE {capped}").fetchone()[0])


def bookings_in_state(connection: sqlite3.Connection, state: State) -> list[str]:
    """The ids of bookings with a considered line in `state`."""
    rows = connection.execute(
        """
        SELECT DISTINCT bookings.booking_id FROM considered JOIN bookings ON bookings.id = considered.booking
        WHERE state = ? ORDER BY 1
        """,
        (state,),
    )
    return [row[0] for row in rows]


def not_eligible(connection: sqlite3.Connection) -> list[tuple[FieldValues, bool, int]]:
    """The bookings of which no considered line is eligible, by what they have in common.

    Each entry: the descriptive values, whether the source leaves them out now, and how many bookings.
    """
    names = ("source", *SEGMENT_COLUMNS)
    rows = connection.execute(
        f"""
        SELECT max(withdrawn), count(*), {", ".join(f"segments.{name}" for name in names)}
        FROM (
            SELECT booking, min(line) AS line FROM considered GROUP BY booking HAVING min(state) = {State.NOT_ELIGIBLE:d}
        ) AS skipped
        CROSS JOIN refund_lines ON refund_lines.line = skipped.line
        CROSS JOIN segments ON segments.id = refund_lines.segment
        GROUP BY segments.id, withdrawn
        """
    )
    return [(dict(zip(names, values, strict=True)), bool(withdrawn), count) for withdrawn, count, *values in rows]


def valid_by(policy: Policy, definition: int = 0) -> str:
    """SQL for the number of the rule of validity that `rules` meets first, 0 for none, and of its definition."""
    bits = RuleBits(policy)
    whens = [f"WHEN rules & {bits.validity(at)} THEN {at + 1}" for at in range(len(policy.validity))]
    found = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    return f"{DEFINITION_STEP * definition} + {found}" if definition else found


def judge_segments(connection: sqlite3.Connection, matches: Matcher, table: str) -> None:
    """Fill `table` (segment, rules) with what lines of each segment may match."""
    names = ("source", *SEGMENT_COLUMNS)
    rows = connection.execute(f"SELECT id, {', '.join(names)} FROM segments")
    connection.executemany(
        f"INSERT INTO {table} (segment, rules) VALUES (?, ?)",
        ((row[0], matches.segment_bits(dict(zip(names, row[1:], strict=True)))) for row in rows),
    )


DEFINITION_STEP = 100  # between the numbers of two definitions' rules of validity

_TABLES = """
    DROP TABLE IF EXISTS temp.considered;
    DROP TABLE IF EXISTS temp.segment_rules;
    CREATE TEMP TABLE segment_rules (
        segment INTEGER PRIMARY KEY, rules INTEGER NOT NULL, never_expires INTEGER NOT NULL DEFAULT 0
    );
    -- rule_bonus_minor: what of the bonus rules give; rules: the bits of what the line matches; valid_by: by which rule of which definition a card's last day is found
    CREATE TEMP TABLE considered (
        booking INTEGER NOT NULL, line INTEGER NOT NULL, line_version INTEGER NOT NULL, customer INTEGER NOT NULL,
        paid_minor INTEGER NOT NULL, bonus_minor INTEGER NOT NULL, rule_bonus_minor INTEGER NOT NULL,
        cash_minor INTEGER NOT NULL, fee_minor INTEGER NOT NULL, rules INTEGER NOT NULL, never_expires INTEGER NOT NULL, valid_by INTEGER NOT NULL,
        state INTEGER NOT NULL, PRIMARY KEY (booking, line)
    ) WITHOUT ROWID;
"""


def _judge_segments(connection: sqlite3.Connection, judge: Judge, matches: Matcher) -> None:
    judge_segments(connection, matches, "segment_rules")
    if judge.never_expires is not None:
        never = judge.never_expires
        countries = connection.execute("SELECT id, country FROM segments WHERE country IS NOT NULL").fetchall()
        connection.executemany(
            "UPDATE segment_rules SET never_expires = 1 WHERE segment = ?",
            ((segment,) for segment, country in countries if never(country)),
        )


def _find_without_expiry(connection: sqlite3.Connection, never_expires: Callable[[str], bool]) -> bool:
    """Collect the customers whose own country forbids expiry; whether there is any."""
    # Few customers or none have a country, and an index tells which countries there are.
    countries = connection.execute("SELECT DISTINCT country FROM customers WHERE country IS NOT NULL").fetchall()
    forbidding = [row for row in countries if never_expires(row[0])]
    if forbidding:
        connection.execute("DROP TABLE IF EXISTS temp.without_expiry")
        connection.execute("CREATE TEMP TABLE without_expiry (customer INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO without_expiry SELECT id FROM customers WHERE country = ?", forbidding)
    return bool(forbidding)
