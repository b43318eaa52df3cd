"""What each open refund line is given: fees, what goes onto a card or is owed in cash, and bonuses, by the policy.

The policy becomes one statement of SQL, the same for one line and for a million. It works in whole minor units and rounds
half up; lines that no rule is for are not looked at again. What every rule gives a line stands in a temporary table `settled_N` for each definition, whose columns `rule_columns` names, and in
the view `shares` a row for each. What a rule gives in all is limited later, in ledger.rule_totals.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.campaigns.refund_policy import BEST, CASH, FIRST, GIFT_CARD, NONE, Percentage, Policy, Rule
from refundctl.ledger.cards.state import live
from refundctl.ledger.file.sql import any_rows, run_script
from refundctl.ledger.funding.considered_lines import Judge, RuleBits, State, judge_segments, valid_by
from refundctl.ledger.funding.matching import find_customer_totals
from refundctl.ledger.funding.publishing import Holding, cards_of

BONUS_SLOT, FEE_SLOT = 10, 100  # entries that rules make are numbered from these

_OFFERS = {GIFT_CARD: 0, CASH: 1, NONE: 2}
_NOT_ACCEPTED = 3
_OPEN = f"(considered.state = {State.OPEN:d} OR considered.state = {State.CASH_ONLY:d})"


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines that one definition settles; `multi` where bookings may have several lines, `kept` where some were reopened."""

    at: int
    policy: Policy
    lines: str
    multi: bool
    kept: bool

    @property
    def table(self) -> str:
        return f"settled_{self.at}"

    @property
    def bits(self) -> RuleBits:
        return RuleBits(self.policy)

    @property
    def has_totals(self) -> bool:
        return any(rule.total_minor is not None for rule in self.policy.bonuses)

    @property
    def affected(self) -> str:
        """SQL for the lines that a rule may be for."""
        found = [f"considered.rules & {self.bits.settled}"] if self.bits.settled else []
        if self.policy.requires_acceptance:
            found.append(f"NOT considered.rules & {RuleBits.ACCEPTED}")
        if self.kept:
            found.append("considered.line IN (SELECT line FROM kept_lines)")
        # What most lines fail comes first.
        return f"({' OR '.join(found) or 'FALSE'}) AND {_OPEN} AND {self.lines}"


def settle(connection: sqlite3.Connection, judge: Judge, today: str) -> None:
    """Work out what every open considered line is given, and put it into `considered`.

    `today` is the day in the campaign's time zone, by which a card is still live: its lines are settled by the definition
    that it was published under. Raises BadInput where a bonus can't be counted any more.
    """
    run_script(connection, _TABLES)
    kept = _find_kept(connection)
    definitions = list(_definitions(connection, judge, today))
    # Only fees ask, and counting a million bookings takes a tenth of a second.
    multi = any(policy.fees for _, policy, _ in definitions) and (kept or _has_several_lines(connection))
    groups = [_Group(at, policy, lines, multi, kept) for at, policy, lines in definitions]
    for group in groups:
        _settle_group(connection, judge, group)
    for group in groups:
        _note(connection, group)
    _make_shares(connection)


def _definitions(connection: sqlite3.Connection, judge: Judge, today: str) -> Iterator[tuple[int, Policy, str]]:
    """The policies in use, each with SQL for its lines; lines of earlier ones get the bits of their rules anew."""
    newest, *before = judge.definitions
    earlier = {at: each for at, each in enumerate(before, start=1) if not each.same(newest)}
    if not earlier or not _find_earlier(connection, judge, today):
        yield 0, newest.policy, "TRUE"
        return
    in_use = {row[0] for row in connection.execute("SELECT DISTINCT definition FROM earlier_lines")}
    earlier = {at: each for at, each in earlier.items() if each.definition_id in in_use}
    ids = ", ".join(str(each.definition_id) for each in earlier.values())
    yield 0, newest.policy, f"considered.line NOT IN (SELECT line FROM earlier_lines WHERE definition IN ({ids}))"
    for at, each in earlier.items():
        policy = each.policy
        lines = f"considered.line IN (SELECT line FROM earlier_lines WHERE definition = {each.definition_id})"
        _match_again(connection, judge, policy, at, lines)
        yield at, policy, lines


def _find_earlier(connection: sqlite3.Connection, judge: Judge, today: str) -> bool:
    """Collect the open lines whose live card was published under an earlier definition; whether there are any."""
    holding = Holding(judge.campaign, judge.per_customer, today)
    cards = cards_of(connection, holding)
    connection.execute("DROP TABLE IF EXISTS temp.earlier_lines")
    connection.execute("CREATE TEMP TABLE earlier_lines (line INTEGER PRIMARY KEY, definition INTEGER NOT NULL)")
    return bool(
        connection.execute(
            f"""
            INSERT INTO earlier_lines
            SELECT line, definition FROM (
                SELECT considered.line, (
                    SELECT max(id) FROM definitions WHERE definitions.campaign = :campaign AND run_id <= held_cards.run_id
                ) AS definition, max(cards.ordinal)
                FROM considered
                CROSS JOIN {cards} ON {holding.match}
                CROSS JOIN held_cards ON held_cards.id = cards.id
                WHERE {_OPEN} AND {live(connection)}
                GROUP BY considered.line
            )
            WHERE definition <> :newest
            """,
            {**holding.parameters(), "newest": judge.definitions[0].definition_id},
        ).rowcount
    )


def _match_again(connection: sqlite3.Connection, judge: Judge, policy: Policy, at: int, lines: str) -> None:
    matches = judge.matcher(connection, policy)
    name = f"line_rules_{at}"
    matches.register(connection, name)
    connection.execute("DROP TABLE IF EXISTS temp.earlier_rules")
    connection.execute("CREATE TEMP TABLE earlier_rules (segment INTEGER PRIMARY KEY, rules INTEGER NOT NULL)")
    judge_segments(connection, matches, "earlier_rules")
    if matches.asks_for_totals:
        find_customer_totals(connection, judge.currency)
    connection.execute(
        f"""
        UPDATE considered SET rules = (
            SELECT {matches.sql("earlier_rules.rules", name)}
            FROM line_versions AS now CROSS JOIN earlier_rules ON earlier_rules.segment = now.segment
            WHERE now.id = considered.line_version
        )
        WHERE {lines}
        """
    )
    connection.execute(f"UPDATE considered SET valid_by = {valid_by(policy, at)} WHERE {lines}")


def _has_several_lines(connection: sqlite3.Connection) -> bool:
    """Whether a booking has more than one refund line."""
    found = "SELECT (SELECT count(*) FROM bookings) < (SELECT count(*) FROM line_versions WHERE version = 1)"
    return bool(connection.execute(found).fetchone()[0])


# What is left of an undone and reopened funding, since it was spent, is not given again.


def _find_kept(connection: sqlite3.Connection) -> bool:
    """Collect what reopened lines have kept, and take it off what they are owed; whether there are any."""
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM reopenings)").fetchone()[0]:
        return False
    found = connection.execute(
        f"""
        INSERT INTO kept_lines (line)
        SELECT DISTINCT considered.line
        FROM considered CROSS JOIN transactions ON transactions.line = considered.line AND transactions.entry = 1
        WHERE {_OPEN}
        """
    ).rowcount
    for entry in _ENTRIES:
        connection.execute(
            f"""
            INSERT INTO kept
            SELECT transactions.line, transactions.bucket, coalesce(credit.reason, ''), sum(transactions.amount_minor)
            FROM kept_lines CROSS JOIN transactions ON transactions.line = kept_lines.line AND {entry}
            JOIN transactions AS credit ON credit.id = coalesce(transactions.related_transaction, transactions.id)
            WHERE transactions.contra_account IN ('refunds_owed', 'bonuses_owed')
            GROUP BY 1, 2, 3
            ON CONFLICT DO UPDATE SET minor = minor + excluded.minor
            """
        )
    kept = "coalesce((SELECT sum(minor) FROM kept WHERE kept.line = kept_lines.line AND {}), 0)"
    connection.execute(
        f"""
        UPDATE kept_lines SET
            paid_minor = {kept.format("bucket = 'paid'")}, otherwise_minor = {kept.format("bucket IN ('cash', 'fee')")},
            rule_bonus_minor = {kept.format("bucket = 'bonus' AND rule <> ''")}
        """
    )
    _take_off_kept(connection)
    return bool(found)


def _take_off_kept(connection: sqlite3.Connection) -> None:
    kept = "coalesce((SELECT sum(minor) FROM kept WHERE kept.line = considered.line AND {}), 0)"
    connection.execute(
        f"""
        UPDATE considered SET
            cash_minor = max(0, min(cash_minor - cash, owed - settled)),
            paid_minor = max(0, owed - settled) - max(0, min(cash_minor - cash, owed - settled)),
            bonus_minor = max(0, bonus_minor - bonus)
        FROM (
            SELECT
                considered.booking AS booking_, considered.line AS line_, paid_minor + cash_minor AS owed,
                {kept.format("bucket = 'cash'")} AS cash, {kept.format("bucket <> 'bonus'")} AS settled,
                {kept.format("bucket = 'bonus' AND rule = ''")} AS bonus
            FROM considered WHERE considered.line IN (SELECT line FROM kept_lines)
        )
        WHERE considered.booking = booking_ AND considered.line = line_
        """
    )


def _settle_group(connection: sqlite3.Connection, judge: Judge, group: _Group) -> None:
    policy = group.policy
    columns = [*_names("fee", policy.fees), *_names("bonus", policy.bonuses)]
    columns += _names("raw", policy.bonuses) if group.has_totals else []
    made = ", ".join(f"{name} INTEGER NOT NULL" for name in columns)
    run_script(
        connection,
        f"""
        DROP TABLE IF EXISTS temp.{group.table};
        CREATE TEMP TABLE {group.table} (
            booking INTEGER NOT NULL, line INTEGER NOT NULL, offer INTEGER NOT NULL, paid INTEGER NOT NULL,
            cash INTEGER NOT NULL, back INTEGER NOT NULL{"".join((", ", made)) if made else ""}
        );
        """,
    )
    connection.executemany(
        "INSERT INTO rule_columns VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            *(
                (group.table, f"bonus_{at}", "bonus", rule.name, BONUS_SLOT + at, rule.total_minor, policy.stacking)
                for at, rule in enumerate(policy.bonuses)
            ),
            *(
                (group.table, f"fee_{at}", "fee", rule.name, FEE_SLOT + at, None, policy.stacking)
                for at, rule in enumerate(policy.fees)
            ),
        ],
    )
    waves = _find_waves(connection, judge, group) if group.multi and policy.fees else None
    insert = f"INSERT INTO {group.table} {_settled(group, columns, in_waves=waves is not None)}"
    for wave in [None] if waves is None else range(1, waves + 1):
        before = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {group.table}").fetchone()[0]
        connection.execute(insert, {"wave": wave})
        if waves is not None:
            _note_fees(connection, group, before)


def _find_waves(connection: sqlite3.Connection, judge: Judge, group: _Group) -> int:
    """Number the lines of each booking in the order of their refund ids, and collect the fees that it has paid already.

    What a fee could not take from one refund line of a booking it takes from the next; gives the highest number.
    """
    run_script(
        connection,
        """
        DROP TABLE IF EXISTS temp.waves;
        DROP TABLE IF EXISTS temp.fees_taken;
        CREATE TEMP TABLE waves (
            wave INTEGER NOT NULL, booking INTEGER NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (wave, booking, line)
        ) WITHOUT ROWID;
        CREATE TEMP TABLE fees_taken (
            booking INTEGER NOT NULL, rule TEXT NOT NULL, minor INTEGER NOT NULL, PRIMARY KEY (booking, rule)
        ) WITHOUT ROWID;
        """,
    )
    connection.execute(
        f"""
        INSERT INTO waves
        SELECT
            row_number() OVER (PARTITION BY considered.booking ORDER BY line_versions.refund_id),
            considered.booking, considered.line
        FROM considered CROSS JOIN line_versions ON line_versions.id = considered.line WHERE {group.affected}
        """
    )
    for entry in _ENTRIES:
        connection.execute(
            f"""
            INSERT INTO fees_taken
            SELECT own.booking, credit.reason, sum(transactions.amount_minor)
            FROM (SELECT booking FROM waves WHERE wave = 1) AS own
            CROSS JOIN line_versions AS sibling ON sibling.booking = own.booking AND sibling.version = 1
            CROSS JOIN transactions ON transactions.line = sibling.id AND {entry}
            JOIN transactions AS credit ON credit.id = coalesce(transactions.related_transaction, transactions.id)
            WHERE transactions.bucket = 'fee' AND transactions.campaign = ?
            GROUP BY 1, 2
            ON CONFLICT DO UPDATE SET minor = minor + excluded.minor
            """,
            (judge.campaign,),
        )
    return int(connection.execute("SELECT coalesce(max(wave), 0) FROM waves").fetchone()[0])


def _note_fees(connection: sqlite3.Connection, group: _Group, before: int) -> None:
    for at, rule in enumerate(group.policy.fees):
        connection.execute(
            f"""
            INSERT INTO fees_taken SELECT booking, ?, fee_{at} FROM {group.table} WHERE rowid > ? AND fee_{at} > 0
            ON CONFLICT DO UPDATE SET minor = minor + excluded.minor
            """,
            (rule.name, before),
        )


def _settled(group: _Group, columns: Sequence[str], *, in_waves: bool) -> str:
    """The policy as one SELECT, one level for each step; LIMIT -1 keeps SQLite from working a step out several times."""
    policy = group.policy
    due, fees = _names("due", policy.fees), _names("fee", policy.fees)
    raw, bonuses = _names("raw", policy.bonuses), _names("bonus", policy.bonuses)
    capped = [f"min({' + '.join(due[: at + 1])}, cap)" for at in range(len(due))]
    # What rules have given a reopened line before, and was spent, counts for whichever rules there are now.
    stacked_ = _names("stacked", policy.bonuses) if group.kept else bonuses
    rest = f"cap - ({' + '.join(fees) or '0'})"
    levels = [
        _step(capped, fees),
        [f"iif(offer = 0, {rest}, 0) AS paid", f"iif(offer = 1, cash_before + {rest}, cash_before) AS cash"],
        [f"{_bonus(rule, at, group)} AS raw_{at}" for at, rule in enumerate(policy.bonuses)],
        [f"{sql} AS {name}" for sql, name in zip(_stacked(raw, policy.stacking), stacked_, strict=True)],
        _step([f"max(0, {' + '.join(stacked_[: at + 1])} - kept_bonus)" for at in range(len(raw))], bonuses)
        if group.kept
        else [],
    ]
    sql = _lines(group, in_waves=in_waves)
    for expressions in levels:
        if expressions:
            sql = f"SELECT *, {', '.join(expressions)} FROM ({sql} LIMIT -1) AS steps"
    return f"SELECT {', '.join(['booking', 'line', 'offer', 'paid', 'cash', 'back', *columns])} FROM ({sql})"


def _lines(group: _Group, *, in_waves: bool) -> str:
    """The lines with what they offer, and what each fee would take: of a line that is given nothing, nothing."""
    policy, bits = group.policy, group.bits
    whens = [f"WHEN considered.rules & {bits.offer(at)} THEN {_OFFERS[o.offer]}" for at, o in enumerate(policy.offers)]
    offer = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    if policy.requires_acceptance:
        # What is owed in cash alone needs nobody's word on taking a card.
        on_card = "considered.paid_minor + considered.bonus_minor > 0"
        waits = f"{offer} = 0 AND NOT considered.rules & {RuleBits.ACCEPTED} AND {on_card}"
        offer = f"iif({waits}, {_NOT_ACCEPTED}, {offer})"
    given = f"{offer} < 2" if whens or policy.requires_acceptance else "TRUE"
    due = [f"{_due(rule, bits.fee(at), in_waves=in_waves)} AS due_{at}" for at, rule in enumerate(policy.fees)]
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
        *(
            [f"{kept.format('paid_minor')} AS kept_paid", f"{kept.format('rule_bonus_minor')} AS kept_bonus"]
            * group.kept
        ),
        *([f"now.refund_amount_minor - {kept.format('otherwise_minor')} AS refundable"] * group.kept),
    ]
    return f"""
        SELECT {", ".join(selected)}
        FROM {f"waves CROSS JOIN considered ON {_IN_WAVE}" if in_waves else "considered"}
        CROSS JOIN line_versions AS now ON now.id = considered.line_version
        WHERE {group.affected}
    """


def _due(rule: Rule, bit: int, *, in_waves: bool) -> str:
    """What a fee takes of a booking, once: of its order amount, and less what it has taken already."""
    parts = [str(rule.fixed_minor)] if rule.fixed_minor else []
    if rule.percentage.numerator:
        parts.append(_percentage("now.order_amount_minor", rule.percentage))
    if rule.per_ticket_minor:
        parts.append(f"{rule.per_ticket_minor} * coalesce(now.tickets, 0)")
    due = " + ".join(parts) or "0"
    if in_waves:
        taken = f"SELECT minor FROM fees_taken WHERE fees_taken.booking = considered.booking AND rule = '{rule.name}'"
        due = f"max(0, {due} - coalesce(({taken}), 0))"
    return f"iif(considered.rules & {bit}, {due}, 0)"


def _bonus(rule: Rule, at: int, group: _Group) -> str:
    """What a bonus rule alone gives a line: on what is paid, and on what was paid already of a reopened one."""
    paid = "paid"
    if group.kept:
        # More may have been spent than is owed now, after a correction.
        fees = "".join(f" - fee_{fee}" for fee in range(len(group.policy.fees)))
        paid = f"max(0, min(paid + kept_paid, refundable - cash{fees}))"
    parts = [str(rule.fixed_minor)] if rule.fixed_minor else []
    if rule.percentage.numerator:
        parts.append(_percentage(paid, rule.percentage))
    bonus = " + ".join(parts) or "0"
    if rule.at_most_minor is not None:
        bonus = f"min({bonus}, {rule.at_most_minor})"
    return f"iif(rules & {group.bits.bonus(at)} AND offer = 0 AND {paid} > 0, {bonus}, 0)"


def _percentage(minor: str, percentage: Percentage) -> str:
    """As domain.policy.Percentage.of(), in steps that no amount makes too large for SQLite's integers."""
    n, d = percentage.numerator, percentage.denominator
    return f"(({minor}) / {d} * {n} + (({minor}) % {d} * {2 * n} + {d}) / {2 * d})"


def _stacked(raw: Sequence[str], stacking: str) -> list[str]:
    """As domain.policy.stacked()."""
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


def _note(connection: sqlite3.Connection, group: _Group) -> None:
    """Put what was settled into `considered`, with the state that follows from it."""
    fees = " + ".join(_names("fee", group.policy.fees)) or "0"
    bonuses = " + ".join(_names("bonus", group.policy.bonuses)) or "0"
    connection.execute(
        f"""
        UPDATE considered SET
            paid_minor = settled.paid, bonus_minor = back + {bonuses}, rule_bonus_minor = {bonuses}, cash_minor = cash,
            fee_minor = {fees},
            state = CASE
                WHEN offer = {_OFFERS[NONE]} THEN {State.OFFER_NONE:d}
                WHEN offer = {_NOT_ACCEPTED} THEN {State.NOT_ACCEPTED:d}
                WHEN settled.paid + back + {bonuses} > 0 THEN {State.OPEN:d}
                WHEN cash > 0 THEN {State.CASH_ONLY:d}
                WHEN {fees} > 0 THEN {State.NOTHING_LEFT:d}
                ELSE {State.FUNDED:d}  -- reopened, with all of it spent before
            END
        FROM {group.table} AS settled
        WHERE considered.booking = settled.booking AND considered.line = settled.line
        """
    )
    if group.policy.bonuses and any_rows(connection, f"{group.table} WHERE typeof(back + {bonuses}) <> 'integer'"):
        raise BadInput("A bonus comes to more than can be counted: look for a wrong amount or rule.", code="overflow")


def _make_shares(connection: sqlite3.Connection) -> None:
    columns = connection.execute("SELECT settled, name, bucket, rule, slot FROM rule_columns ORDER BY slot").fetchall()
    # A view takes no more than 500 of these.
    columns = [row for row in columns if any_rows(connection, f"temp.{row[0]} WHERE {row[1]} > 0")]
    selects = [
        f"SELECT booking, line, '{bucket}' AS bucket, '{rule}' AS rule, {name} AS amount_minor, {slot} AS slot "
        f"FROM temp.{settled} WHERE {name} > 0"
        for settled, name, bucket, rule, slot in columns
    ]
    nothing = "SELECT 0 AS booking, 0 AS line, '' AS bucket, '' AS rule, 0 AS amount_minor, 0 AS slot WHERE FALSE"
    connection.execute(f"CREATE TEMP VIEW shares AS {' UNION ALL '.join(selects or [nothing])}")


def _names(what: str, rules: Sequence[Rule]) -> list[str]:
    return [f"{what}_{at}" for at in range(len(rules))]


def _step(sums: Sequence[str], names: Sequence[str]) -> list[str]:
    """What each sum adds to the one before it."""
    return [f"{now} - {before} AS {name}" for before, now, name in zip(["0", *sums], sums, names, strict=False)]


_IN_WAVE = "wave = :wave AND considered.booking = waves.booking AND considered.line = waves.line"
# The three indexes by which all transactions of a line are found.
_ENTRIES = ("transactions.entry = 1", "transactions.entry > 1", "transactions.entry IS NULL")
_TABLES = """
    DROP VIEW IF EXISTS temp.shares;
    DROP TABLE IF EXISTS temp.rule_columns;
    DROP TABLE IF EXISTS temp.kept;
    DROP TABLE IF EXISTS temp.kept_lines;
    -- which column of which table holds what a rule gives
    CREATE TEMP TABLE rule_columns (
        settled TEXT NOT NULL, name TEXT NOT NULL, bucket TEXT NOT NULL, rule TEXT NOT NULL, slot INTEGER NOT NULL,
        total_minor INTEGER, stacking TEXT NOT NULL
    );
    -- what is left of earlier fundings of reopened lines, by bucket and rule; and of it what was paid, what was
    -- owed in cash or kept as fees, and what bonus rules gave
    CREATE TEMP TABLE kept (
        line INTEGER NOT NULL, bucket TEXT NOT NULL, rule TEXT NOT NULL, minor INTEGER NOT NULL,
        PRIMARY KEY (line, bucket, rule)
    ) WITHOUT ROWID;
    CREATE TEMP TABLE kept_lines (
        line INTEGER PRIMARY KEY, paid_minor INTEGER NOT NULL DEFAULT 0, otherwise_minor INTEGER NOT NULL DEFAULT 0,
        rule_bonus_minor INTEGER NOT NULL DEFAULT 0
    );
"""
