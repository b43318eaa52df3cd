"""A policy as one statement of SQL, the same for one refund line and for a million.

It works in whole minor units; percentages are rounded in ledger.funding.rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.domain.campaigns.refund_policy import BEST, CASH, FIRST, GIFT_CARD, NONE, Rule
from refundctl.ledger.funding.considered_lines import RuleBits
from refundctl.ledger.funding.line_state import IS_OPEN
from refundctl.ledger.funding.rounding import bonus_of, fee_of
from refundctl.ledger.funding.settled_lines import SettledTable

#: How a settled table says what a line is offered.
OFFERS = {GIFT_CARD: 0, CASH: 1, NONE: 2}
NOT_ACCEPTED = 3


@dataclass(frozen=True, slots=True)
class PolicyLines(SettledTable):
    """The `lines` (SQL) that a definition settles; `kept` where some were reopened (see reopened_lines.Reopened).

    `in_turn` where fees may take from several lines of a booking, one after the other (see fees_in_turn).
    """

    lines: str
    in_turn: bool
    kept: bool

    @property
    def bits(self) -> RuleBits:
        """Where the bits of its rules stand."""
        return RuleBits(self.policy)

    @property
    def affected(self) -> str:
        """SQL for the lines that a rule may be for."""
        found = [f"considered.rules & {self.bits.settled}"] if self.bits.settled else []
        if self.policy.requires_acceptance:
            found.append(f"NOT considered.rules & {RuleBits.ACCEPTED}")
        if self.kept:
            found.append("considered.line IN (SELECT line FROM kept_lines)")
        # What most lines fail comes first.
        return f"({' OR '.join(found) or 'FALSE'}) AND {IS_OPEN} AND {self.lines}"


def settled(group: PolicyLines) -> str:
    """The policy as one SELECT of the columns of the group's table; with :turn where its lines are settled in turn."""
    policy = group.policy
    due, fees = _names("due", policy.fees), _names("fee", policy.fees)
    raw, bonuses = _names("raw", policy.bonuses), _names("bonus", policy.bonuses)
    capped = [f"min({' + '.join(due[: at + 1])}, cap)" for at in range(len(due))]
    # What rules have given a reopened line before, and was spent, counts for whichever rules there are now.
    stacked_ = _names("stacked", policy.bonuses) if group.kept else bonuses
    left = [f"max(0, {' + '.join(stacked_[: at + 1])} - kept_bonus)" for at in range(len(raw))] if group.kept else []
    rest = f"cap - ({' + '.join(fees) or '0'})"
    levels = [
        _step(capped, fees),
        [f"iif(offer = 0, {rest}, 0) AS paid", f"iif(offer = 1, cash_before + {rest}, cash_before) AS cash"],
        [f"{_bonus(rule, at, group)} AS raw_{at}" for at, rule in enumerate(policy.bonuses)],
        [f"{sql} AS {name}" for sql, name in zip(_stacked(raw, policy.stacking), stacked_, strict=True)],
        _step(left, bonuses),
    ]
    sql = _lines(group)
    for expressions in filter(None, levels):
        # One level for each step; LIMIT -1 keeps SQLite from working a step out several times.
        sql = f"SELECT *, {', '.join(expressions)} FROM ({sql} LIMIT -1) AS steps"
    return f"SELECT {', '.join(group.columns)} FROM ({sql})"


def _lines(group: PolicyLines) -> str:
    """The lines with what they offer, and what each fee would take: of a line that is given nothing, nothing."""
    policy, bits = group.policy, group.bits
    whens = [f"WHEN considered.rules & {bits.offer(at)} THEN {OFFERS[o.offer]}" for at, o in enumerate(policy.offers)]
    offer = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    if policy.requires_acceptance:
        # What is owed in cash alone needs nobody's word on taking a card.
        on_card = "considered.paid_minor + considered.bonus_minor > 0"
        waits = f"{offer} = 0 AND NOT considered.rules & {RuleBits.ACCEPTED} AND {on_card}"
        offer = f"iif({waits}, {NOT_ACCEPTED}, {offer})"
    given = f"{offer} < 2" if whens or policy.requires_acceptance else "TRUE"
    due = [f"{_due(rule, bits.fee(at), in_turn=group.in_turn)} AS due_{at}" for at, rule in enumerate(policy.fees)]
    kept = "coalesce((SELECT {} FROM kept_lines WHERE kept_lines.line = considered.line), 0)"
    selected = [
        "considered.booking",
        "considered.line",
        "considered.rules",
        f"{offer} AS offer",
        f"iif({given}, considered.paid_minor, 0) AS cap",
        f"iif({given}, considered.cash_minor, 0) AS cash_before",
        f"iif({given}, considered.bonus_minor, 0) AS back",
        *due,
    ]
    if group.kept:
        selected += [
            f"{kept.format('paid_minor')} AS kept_paid",
            f"{kept.format('rule_bonus_minor')} AS kept_bonus",
            f"now.refund_amount_minor - {kept.format('otherwise_minor')} AS refundable",
        ]
    return f"""
        SELECT {", ".join(selected)}
        FROM {_IN_TURN if group.in_turn else "considered"}
        CROSS JOIN line_versions AS now ON now.id = considered.line_version
        WHERE {group.affected}
    """


def _due(rule: Rule, bit: int, *, in_turn: bool) -> str:
    """What a fee takes of a booking, once: of its order amount, and less what it has taken already."""
    parts = [str(rule.fixed_minor)] if rule.fixed_minor else []
    if rule.percentage.numerator:
        parts.append(fee_of("now.order_amount_minor", rule.percentage))
    if rule.per_ticket_minor:
        parts.append(f"{rule.per_ticket_minor} * coalesce(now.tickets, 0)")
    due = " + ".join(parts) or "0"
    if in_turn:
        taken = f"SELECT minor FROM fees_taken WHERE fees_taken.booking = considered.booking AND rule = '{rule.name}'"
        due = f"max(0, {due} - coalesce(({taken}), 0))"
    return f"iif(considered.rules & {bit}, {due}, 0)"


def _bonus(rule: Rule, at: int, group: PolicyLines) -> str:
    """What a bonus rule alone gives a line: on what is paid, and on what was paid already of a reopened one."""
    paid = "paid"
    if group.kept:
        # More may have been spent than is owed now, after a correction.
        fees = "".join(f" - fee_{fee}" for fee in range(len(group.policy.fees)))
        paid = f"max(0, min(paid + kept_paid, refundable - cash{fees}))"
    parts = [str(rule.fixed_minor)] if rule.fixed_minor else []
    if rule.percentage.numerator:
        parts.append(bonus_of(paid, rule.percentage))
    bonus = " + ".join(parts) or "0"
    if rule.at_most_minor is not None:
        bonus = f"min({bonus}, {rule.at_most_minor})"
    return f"iif(rules & {group.bits.bonus(at)} AND offer = 0 AND {paid} > 0, {bonus}, 0)"


def _stacked(raw: Sequence[str], stacking: str) -> list[str]:
    """As domain.campaigns.refund_policy.stacked()."""
    if stacking == FIRST:
        return [f"iif({' + '.join(raw[:at]) or '0'} = 0, {name}, 0)" for at, name in enumerate(raw)]
    if stacking == BEST and len(raw) > 1:
        # Of most lines one rule gives anything: what none gives needs no comparison.
        most = f"max({', '.join(raw)})"
        earlier = [f" AND max({', '.join(raw[:at])}, 0) < {name}" if at else "" for at, name in enumerate(raw)]
        return [
            f"iif({name} > 0 AND {name} = {most}{first}, {name}, 0)" for name, first in zip(raw, earlier, strict=True)
        ]
    return list(raw)


def _names(what: str, rules: Sequence[Rule]) -> list[str]:
    return [f"{what}_{at}" for at in range(len(rules))]


def _step(sums: Sequence[str], names: Sequence[str]) -> list[str]:
    """What each sum adds to the one before it."""
    return [f"{now} - {before} AS {name}" for before, now, name in zip(["0", *sums], sums, names, strict=False)]


_IN_TURN = """
    turns CROSS JOIN considered ON turn = :turn AND considered.booking = turns.booking AND considered.line = turns.line
"""
