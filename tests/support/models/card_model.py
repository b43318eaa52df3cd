"""What may become of cards and of the money on them, in plain Python: the real ledger must come to the same.

Nothing here is fast, nothing here is SQL, and nothing is taken from the program. A command gives the run that it made, or
None where there was nothing to do; it raises Refusal with the code that a user sees, or Malformed where what was typed
makes no sense. It looks at everything before it changes anything.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from support.models.card_values import (
    BONUS,
    PAID,
    Booking,
    Card,
    Credit,
    Debt,
    Line,
    Malformed,
    Money,
    Purchase,
    Redemption,
    Refusal,
    Run,
    Terms,
)

WRONG_PINS_MAX = 5
NOBODY_KNOWN = "nobody"  # a customer of whom the ledger knows nothing
UNDOABLE = {"publish", "topup", "card issue"}


@dataclass(slots=True)
class Model:
    """All campaigns, cards, bookings and runs; `customers` are in the order in which the ledger came to know them."""

    now: datetime
    campaigns: Sequence[Terms]
    customers: Sequence[str]
    never_expiring: frozenset[str]
    bookings: Sequence[Booking]
    cards: list[Card] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    redemptions: list[Redemption] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    keys: dict[str, tuple[tuple[object, ...], Run]] = field(default_factory=dict)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)  # by campaign and account
    ticks: int = 0
    given_in_bulk: set[str] | None = None  # while a file of cards is gone through: the campaigns that give anything

    # --- Small things ---

    def terms(self, name: str) -> Terms:
        return next(terms for terms in self.campaigns if terms.name == name)

    def local(self, terms: Terms, moment: datetime | None = None) -> datetime:
        return (moment or self.now).astimezone(ZoneInfo(terms.timezone))

    def today(self, terms: Terms) -> date:
        return self.local(terms).date()

    def state(self, card: Card) -> str:
        """Of several that hold, the first."""
        holds = {
            "deactivated": card.deactivated,
            "transferred": card.successor is not None,
            "cashed_out": card.is_cashed_out,
            "frozen": card.is_frozen,
            "disabled": card.disabled,
            "unassigned": not card.is_handed_out,
            "expired": self.is_over(card),
            "locked": card.pin is not None and card.wrong_pins >= WRONG_PINS_MAX,
            "active": True,
        }
        return next(state for state, true in holds.items() if true)

    def is_over(self, card: Card) -> bool:
        return card.is_over(self.today(card.terms))

    def campaign_cards(self, terms: Terms) -> list[Card]:
        return [card for card in self.cards if card.terms.name == terms.name]

    def make_pool(self) -> None:
        """The cards that were made beforehand."""
        for terms in self.campaigns:
            for _ in range(terms.pool or 0):
                self.cards.append(Card(len(self.cards) + 1, terms, self.now))

    def _tick(self) -> int:
        self.ticks += 1
        return self.ticks

    def _run(self, command: str) -> Run:
        run = Run(command, self._tick())
        self.runs.append(run)
        return run

    def _move(self, card: Card, money: Money, account: str) -> None:
        card.money += money
        assert min(card.money.paid, card.money.bonus) >= 0, "the model lets a bucket fall below zero"
        self.moved[card.terms.name, account] += money.total

    def _give(self, card: Card, money: Money, account: str) -> None:
        self._move(card, money, account)
        card.given += money

    def _once(self, key: str | None, asked: tuple[object, ...], deed: Callable[[], Run | None]) -> Run | None:
        """Do it once per key; a retry gets the first run."""
        if key in self.keys:
            before, first = self.keys[key]
            if before != asked:
                raise Refusal("idempotency_conflict")
            return first
        run = deed()
        if key is not None:
            if run is None:
                run = self._run(str(asked[0]))
                run.nothing = True
            self.keys[key] = asked, run
        return run

    def _refuse_unknown(self, customer: str | None) -> None:
        if customer is not None and customer not in self.customers:
            raise Refusal("resource_not_found")

    # --- Redeeming ---

    def redeem(self, card: Card, bought: Purchase, key: str | None = None) -> Run | None:
        if bought.currency not in {None, card.terms.currency}:
            raise Refusal("currency_mismatch")
        buyer = bought.customer if bought.customer in {None, *self.customers} else NOBODY_KNOWN
        asked = ("card redeem", card.number, bought.amount, bought.invoice, buyer, bought.order_total)
        return self._once(key, asked, lambda: self._redeem(card, bought))

    def _redeem(self, card: Card, bought: Purchase) -> Run:
        self.refuse_redeeming(card, bought, self.local(card.terms))
        run = self._run("card redeem")
        self._buy(card, bought, run)
        if card.pin is not None:
            card.wrong_pins = 0
        return run

    def _buy(self, card: Card, bought: Purchase, run: Run) -> Redemption:
        taken = card.money.taken(bought.amount, bonus_first=card.terms.bonus_first)
        redemption = Redemption(card, taken, bought.invoice)
        self._move(card, Money() - taken, "redeemed")
        card.redemptions.append(redemption)
        self.redemptions.append(redemption)
        run.made = redemption
        return redemption

    def validate(self, card: Card, bought: Purchase) -> None:
        """Whether it could be redeemed now: what is None is not known yet."""
        if bought.currency not in {None, card.terms.currency}:
            raise Refusal("currency_mismatch")
        self.refuse_redeeming(card, bought, self.local(card.terms), pin_counts=False, whole=False)

    def refuse_redeeming(
        self, card: Card, bought: Purchase, moment: datetime, *, pin_counts: bool = True, whole: bool = True
    ) -> None:
        """The first reason that stands in the way at a local moment; a wrong PIN is counted."""
        if card.terms.name in self.paused:
            raise Refusal("campaign_paused")
        self._refuse_unusable(card, moment)
        is_known = whole or bought.customer is not None or card.customer is None
        if card.terms.holder_only and is_known and bought.customer != (card.customer or NOBODY_KNOWN):
            raise Refusal("customer_rules_violated")
        if pin_counts:
            self._refuse_pin(card, bought.pin)
        if whole or bought.invoice is not None:
            self._refuse_invoice(card, bought.invoice)
        if whole or bought.order_total is not None:
            self._refuse_order(card.terms, bought)
        if card.terms.quantity is not None and card.redemption_count >= card.terms.quantity:
            raise Refusal("quantity_exceeded")
        if bought.amount > card.money.total:
            raise Refusal("gift_amount_exceeded")

    def _refuse_unusable(self, card: Card, moment: datetime) -> None:
        state = self.state(card)
        if state == "expired" and not card.is_over(moment.date()):
            state = "active"  # it was good then
        codes = {"frozen": "voucher_disabled", "disabled": "voucher_disabled", "expired": "voucher_expired"}
        codes |= {"locked": "voucher_locked"}
        if state != "active":
            raise Refusal(codes.get(state, "voucher_not_active"))
        start, weekdays = card.terms.start_date, card.terms.weekdays
        if start is not None and moment.date() < start:
            raise Refusal("voucher_not_active")
        if weekdays is not None and moment.isoweekday() % 7 not in weekdays:
            raise Refusal("outside_validity_timeframe")

    def _refuse_pin(self, card: Card, pin: str | None) -> None:
        if card.pin is None:
            return
        if pin is None:
            raise Refusal("pin_required")
        if pin != card.pin:
            card.wrong_pins += 1
            raise Refusal("pin_wrong")

    def _refuse_invoice(self, card: Card, invoice: str | None) -> None:
        if invoice is None:
            if card.terms.invoice_required:
                raise Refusal("invoice_required")
        elif self._purchases_for(card, invoice):
            raise Refusal("invoice_already_used")

    def _purchases_for(self, card: Card, invoice: str) -> list[Redemption]:
        return [one for older in card.lineage for one in older.redemptions if one.invoice == invoice]

    def _refuse_order(self, terms: Terms, bought: Purchase) -> None:
        total, minimum = bought.order_total, terms.minimum_order
        too_small = minimum is not None and (total is None or total < minimum)
        if too_small or (total is not None and bought.amount > total):
            raise Refusal("order_rules_violated")

    def roll_back(self, redemption: Redemption, amount: int | None, key: str | None = None) -> Run | None:
        minor = redemption.taken.total if amount is None else amount
        asked = ("card rollback", redemption.number, minor)
        return self._once(key, asked, lambda: self._roll_back(redemption, minor))

    def _roll_back(self, redemption: Redemption, minor: int) -> Run:
        taken, target = redemption.taken, redemption.card.last_successor
        if redemption.back is not None:
            raise Refusal("already_rolled_back")
        if minor > taken.total:
            raise Refusal("rollback_exceeds_redemption")
        self._refuse_frozen(target)
        self._refuse_dead(target)
        # What was taken last comes back first.
        first = not redemption.card.terms.bonus_first
        redemption.back = minor
        self._move(target, taken.taken(minor, bonus_first=first), "redeemed")
        return self._run("card rollback")

    # --- A till that works on its own ---

    def load_redemptions(self, rows: Sequence[tuple[int, Purchase]]) -> dict[str, object]:
        """What becomes of the rows of a file, each about a card of this number: what they say decides on their order."""
        known = [(card, row) for number, row in rows if (card := self.find(number)) is not None]
        codes = Counter({"resource_not_found": len(rows) - len(known)})
        # A till's clock may be a day late.
        possible = [
            (card, row) for card, row in known if self._moment(card, row) >= card.first_made_at - timedelta(days=1)
        ]
        codes["malformed_date"] = len(known) - len(possible)
        loaded = unchanged = 0
        for card, row in sorted(possible, key=self._place):
            earlier = [] if row.invoice is None else self._purchases_for(card, row.invoice)
            if any(one.taken.total == row.amount for one in earlier):
                unchanged += 1
                continue
            try:
                self.refuse_redeeming(card, row, self._moment(card, row), pin_counts=False)
            except Refusal as refusal:
                codes["invoice_already_used" if earlier else refusal.code] += 1
                continue
            self._buy(card, row, Run("load-redemptions", 0))
            loaded += 1
        counts = {"rows": len(rows), "loaded": loaded, "unchanged": unchanged, "rejected": codes.total()}
        return {**counts, "codes": dict(+codes)}

    def find(self, number: int) -> Card | None:
        return next((card for card in self.cards if card.number == number), None)

    def _moment(self, card: Card, row: Purchase) -> datetime:
        """A day alone stands for its noon."""
        if row.on is None:
            return self.local(card.terms)
        return datetime.combine(row.on, time(12), ZoneInfo(card.terms.timezone))

    def _place(self, row: tuple[Card, Purchase]) -> tuple[object, ...]:
        card, bought = row
        customer = -1 if bought.customer is None else 0
        if bought.customer in self.customers:
            customer = 1 + self.customers.index(bought.customer)
        order_total = -1 if bought.order_total is None else bought.order_total
        stamp = self._moment(card, bought).astimezone(UTC)
        return (stamp, bought.invoice, card.number, bought.amount, order_total, customer, str(bought.on or ""))

    # --- Correcting and giving ---

    def adjust(self, card: Card, minor: int, bucket: str | None, key: str | None = None) -> Run | None:
        asked = ("card adjust", card.number, minor, bucket)
        return self._once(key, asked, lambda: self._adjust(card, minor, bucket))

    def _adjust(self, card: Card, minor: int, bucket: str | None) -> Run:
        self._refuse_frozen(card)
        if card.successor is not None or card.is_cashed_out:
            raise Refusal("voucher_not_active")
        if minor > 0:
            money = Money.of(bucket or PAID, minor)
            self._refuse_receiving(card)
            self._refuse_over_budget(card.terms, money)
        else:
            money = Money() - self._what_is_taken(card, -minor, bucket)
        self._give(card, money, "adjusted")
        return self._run("card adjust")

    def _refuse_receiving(self, card: Card) -> None:
        if card.deactivated or not card.is_handed_out:
            raise Refusal("voucher_not_active")
        if self.is_over(card):
            raise Refusal("voucher_expired")

    def _what_is_taken(self, card: Card, minor: int, bucket: str | None) -> Money:
        if self.state(card) == "unassigned":
            raise Refusal("voucher_not_active")
        held = card.money if bucket is None else Money.of(bucket, getattr(card.money, bucket))
        if minor > held.total:
            raise Refusal("gift_amount_exceeded")
        return held.taken(minor, bonus_first=False)

    def _refuse_over_budget(self, terms: Terms, more: Money, cash: int = 0) -> None:
        if self.given_in_bulk is not None:
            self.given_in_bulk.add(terms.name)
            return
        given = sum((card.given for card in self.campaign_cards(terms)), more)
        limits = ((terms.budget.total, given.total), (terms.budget.bonus, given.bonus))
        if any(limit is not None and would_be > limit for limit, would_be in limits):
            raise Refusal("budget_exceeded")
        in_cash = cash + sum(line.kept["cash"] for line in self._lines_of(terms))
        if terms.approval_above is not None and given.total + in_cash > terms.approval_above:
            raise Refusal("approval_required")

    def _refuse_cards(self, terms: Terms, more: int) -> None:
        """A budget for cards counts those in somebody's hands that were neither ended nor replaced."""
        if self.given_in_bulk is not None:
            self.given_in_bulk.add(terms.name)
            return
        held = sum(
            card.is_handed_out and not card.deactivated and card.successor is None
            for card in self.campaign_cards(terms)
        )
        if terms.budget.cards is not None and held + more > terms.budget.cards:
            raise Refusal("budget_exceeded")

    def issue(self, terms: Terms, customer: str, minor: int, bucket: str | None, key: str | None = None) -> Run | None:
        self._refuse_unknown(customer)
        asked = ("card issue", terms.name, customer, minor, bucket or BONUS)
        return self._once(key, asked, lambda: self._issue(terms, customer, Money.of(bucket or BONUS, minor)))

    def _issue(self, terms: Terms, customer: str, money: Money) -> Run:
        if terms.name in self.paused:
            raise Refusal("campaign_paused")
        self._refuse_empty(terms)
        of_customer = sum((card.given for card in self.cards_of(terms, customer)), money)
        limits = ((terms.budget.per_card, money), (terms.budget.per_customer, of_customer))
        if any(limit is not None and would_be.total > limit for limit, would_be in limits):
            raise Refusal("budget_exceeded")
        self._refuse_cards(terms, 1)
        self._refuse_over_budget(terms, money)
        run = self._run("card issue")
        card = self._hand_out(self._next_card(terms), run, customer, None, self._last_day(terms, customer))
        self._give(card, money, "funding")
        run.credits = [
            Credit(bucket, getattr(money, bucket), card) for bucket in (PAID, BONUS) if getattr(money, bucket)
        ]
        return run

    def cards_of(self, terms: Terms, customer: str) -> list[Card]:
        """A customer's cards, also those whose balance has moved to one of them."""
        own = [card for card in self.campaign_cards(terms) if card.customer == customer]
        return list({id(older): older for card in own for older in card.lineage}.values())

    # --- Handing out ---

    def _pool(self, terms: Terms) -> list[Card]:
        return [
            card
            for card in self.campaign_cards(terms)
            if not card.is_handed_out and not card.disabled and not card.deactivated
        ]

    def _refuse_empty(self, terms: Terms) -> None:
        if terms.pool is not None and not self._pool(terms):
            raise Refusal("no_voucher_suitable_for_publication")

    def _next_card(self, terms: Terms) -> Card:
        """The first of the pool, else a new one."""
        waiting = self._pool(terms)
        if waiting:
            return waiting[0]
        card = Card(len(self.cards) + 1, terms, self.now)
        self.cards.append(card)
        return card

    def _last_day(self, terms: Terms, customer: str | None) -> date | None:
        return None if customer in self.never_expiring else self.today(terms) + timedelta(days=terms.days_valid)

    def _hand_out(self, card: Card, run: Run, customer: str | None, booking: str | None, until: date | None) -> Card:
        card.customer, card.booking, card.last_day = customer, booking, until
        card.is_handed_out, card.handed_in, card.held_since = True, run, self._tick()
        return card

    def activate(self, card: Card, customer: str | None, key: str | None = None) -> Run | None:
        self._refuse_unknown(customer)
        asked = ("card activate", card.number, customer)
        if customer is not None:
            return self._once(key, asked, lambda: self._assign(card, customer, "card activate"))
        return self._once(key, asked, lambda: self._activate(card))

    def _activate(self, card: Card) -> Run | None:
        self._refuse_dead(card)
        self._refuse_blocked(card)
        if card.is_handed_out:
            return None
        self._refuse_paused_or_full(card)
        run = self._run("card activate")
        self._hand_out(card, run, None, None, self._last_day(card.terms, None))
        return run

    def assign(self, card: Card, customer: str, key: str | None = None) -> Run | None:
        self._refuse_unknown(customer)
        asked = ("card assign", card.number, customer)
        return self._once(key, asked, lambda: self._assign(card, customer, "card assign"))

    def _assign(self, card: Card, customer: str, command: str) -> Run | None:
        self._refuse_dead(card)
        if card.customer not in {None, customer}:
            raise Refusal("customer_rules_violated")
        self._refuse_blocked(card)
        if card.customer == customer:
            return None
        if card.terms.name in self.paused:
            raise Refusal("campaign_paused")
        if self.is_over(card):
            raise Refusal("voucher_expired")
        if not card.is_handed_out:
            self._refuse_cards(card.terms, 1)
        run = self._run(command)
        until = card.last_day if card.is_handed_out else self._last_day(card.terms, customer)
        self._hand_out(card, run, customer, None, until)
        return run

    def _refuse_paused_or_full(self, card: Card) -> None:
        if card.terms.name in self.paused:
            raise Refusal("campaign_paused")
        self._refuse_cards(card.terms, 1)

    # --- Blocking, ending, extending ---

    def _refuse_dead(self, card: Card) -> None:
        if card.is_dead:
            raise Refusal("voucher_not_active")

    def _refuse_frozen(self, card: Card) -> None:
        if self.state(card) == "frozen":
            raise Refusal("voucher_disabled")

    def _refuse_blocked(self, card: Card) -> None:
        if card.is_frozen or card.disabled:
            raise Refusal("voucher_disabled")

    def disable(self, card: Card, key: str | None = None) -> Run | None:
        return self._once(key, ("card disable", card.number), lambda: self._switch(card, "card disable", True))

    def enable(self, card: Card, key: str | None = None) -> Run | None:
        return self._once(key, ("card enable", card.number), lambda: self._switch(card, "card enable", False))

    def _switch(self, card: Card, command: str, off: bool) -> Run | None:
        self._refuse_dead(card)
        self._refuse_frozen(card)
        if card.disabled == off:
            return None
        card.disabled = off
        return self._run(command)

    def deactivate(self, card: Card, key: str | None = None) -> Run | None:
        return self._once(key, ("card deactivate", card.number), lambda: self._deactivate(card))

    def _deactivate(self, card: Card) -> Run | None:
        if card.deactivated:
            return None
        self._refuse_dead(card)
        self._refuse_frozen(card)
        card.deactivated = True
        return self._run("card deactivate")

    def extend(self, card: Card, until: date, key: str | None = None) -> Run | None:
        return self._once(key, ("card extend", card.number, until), lambda: self._extend(card, until))

    def _extend(self, card: Card, until: date) -> Run | None:
        self._refuse_dead(card)
        self._refuse_frozen(card)
        if not card.is_handed_out:
            raise Refusal("voucher_not_active")
        if until == card.last_day:
            return None
        if card.last_day is None or until < card.last_day or until < self.today(card.terms):
            raise Malformed
        if card.lapsed:
            raise Refusal("voucher_expired")
        card.last_day = until
        return self._run("card extend")

    def expire(self, terms: Terms) -> Run | None:
        over = [card for card in self.campaign_cards(terms) if card.is_over(self.today(terms)) and card.money.total]
        if not over:
            return None
        lost = sum((card.money for card in over), Money())
        for card in over:
            self._move(card, Money() - card.money, "expired")
            card.lapsed = True
        run = self._run("expire")
        run.counts = {"expired": len(over)}
        run.totals = {"breakage": lost.total, "paid": lost.paid, "bonus": lost.bonus}
        return run

    # --- Files of cards ---

    def in_bulk(self, rows: Sequence[tuple[int, Callable[["Model", Card], Run | None]]]) -> "Model":
        """What is done to each card of a file, all or nothing: the model as it is then."""
        after = copy.deepcopy(self)
        after.given_in_bulk = set()
        wrong, refused = len({number for number, _ in rows}) < len(rows), False
        for number, deed in dict(rows).items():
            card = after.find(number)
            assert card is not None
            try:
                deed(after, card)
            except Refusal:
                refused = True
            except Malformed:
                wrong = True
        if wrong:
            raise Malformed
        if refused:
            raise Refusal("rows_refused")
        given, after.given_in_bulk = after.given_in_bulk, None
        for name in sorted(given):
            after._refuse_cards(after.terms(name), 0)
            after._refuse_over_budget(after.terms(name), Money())
        return after

    # --- PINs ---

    def set_pin(self, card: Card, pin: str, key: str | None = None) -> Run | None:
        return self._once(key, ("card set-pin", card.number, pin), lambda: self._set_pin(card, pin))

    def _set_pin(self, card: Card, pin: str) -> Run:
        self._refuse_dead(card)
        card.pin, card.wrong_pins = pin, 0
        return self._run("card set-pin")

    def unlock(self, card: Card, key: str | None = None) -> Run | None:
        return self._once(key, ("card unlock", card.number), lambda: self._unlock(card))

    def _unlock(self, card: Card) -> Run | None:
        self._refuse_dead(card)
        if not card.wrong_pins:
            return None
        card.wrong_pins = 0
        return self._run("card unlock")

    # --- A lost card ---

    def transfer(self, card: Card, to: Card | None, key: str | None = None) -> Run | None:
        if to is card:
            raise Malformed
        asked = ("card transfer", card.number, None if to is None else to.number)
        return self._once(key, asked, lambda: self._transfer(card, to))

    def _transfer(self, card: Card, to: Card | None) -> Run:
        self._refuse_frozen(card)
        self._refuse_dead(card)
        if not card.is_handed_out:
            raise Refusal("voucher_not_active")
        if self.is_over(card):
            raise Refusal("voucher_expired")
        if to is None:
            self._refuse_empty(card.terms)
        else:
            self._refuse_successor(card, to)
        run = self._run("card transfer")
        successor = to or self._next_card(card.terms)
        if not successor.is_handed_out:
            self._hand_out(successor, run, card.customer, card.booking, card.last_day)
        elif successor.last_day is not None and card.last_day is not None:
            successor.last_day = max(successor.last_day, card.last_day)
        moved, card.money = card.money, Money()
        successor.money += moved
        card.successor, card.moved_in = successor, run
        successor.replaced.append(card)
        return run

    def _refuse_successor(self, card: Card, to: Card) -> None:
        if to.terms.name != card.terms.name:
            raise Refusal("no_voucher_suitable_for_publication")
        self._refuse_dead(to)
        self._refuse_frozen(to)
        if to.disabled and not to.is_handed_out:
            raise Refusal("voucher_disabled")
        if self.is_over(to):
            raise Refusal("voucher_expired")
        if not to.is_handed_out:
            return
        if to.customer != card.customer:
            raise Refusal("customer_rules_violated")
        counts, quantity = (card.redemption_count, to.redemption_count), card.terms.quantity
        if quantity is not None and min(counts) < quantity <= sum(counts):
            raise Refusal("no_voucher_suitable_for_publication")  # which would end what could still be bought
        if card.last_day is None and to.last_day is not None:
            raise Refusal("no_voucher_suitable_for_publication")
        uses = (card.redemption_count, to.redemption_count)
        if to.terms.quantity is not None and min(uses) < to.terms.quantity <= sum(uses):
            raise Refusal("no_voucher_suitable_for_publication")

    # --- Cash instead ---

    def request_cash(self, card: Card, key: str | None = None) -> Run | None:
        return self._once(key, ("cashout request", card.number), lambda: self._request_cash(card))

    def _request_cash(self, card: Card) -> Run:
        self._refuse_frozen(card)
        self._refuse_dead(card)
        if self.state(card) == "unassigned":
            raise Refusal("voucher_not_active")
        if self.is_over(card):
            raise Refusal("voucher_expired")
        if card.customer is None:
            raise Refusal("customer_rules_violated")
        if not card.money.paid:
            raise Refusal("gift_amount_exceeded")
        run = self._run("cashout request")
        debt = Debt(card.terms.name, card.money.paid, run, card=card, lapsed=card.money.bonus)
        run.made = debt
        card.cashouts.append(debt)
        self.debts.append(debt)
        self._move(card, Money(-debt.amount), "cashed_out")
        self._move(card, Money(0, -debt.lapsed), "lapsed")
        return run

    def cancel_cash(self, debt: Debt) -> Run | None:
        if debt.card is None or debt.state in {"paid", "ordered"}:
            raise Refusal("not_cancellable")
        if debt.state == "cancelled":
            return None
        debt.outcome = "cancelled"
        self._move(debt.card, Money(debt.amount), "cashed_out")
        self._move(debt.card, Money(0, debt.lapsed), "lapsed")
        return self._run("cashout cancel")

    def order_cash(self) -> int:
        """All that is open goes into a file for the bank; gives how many debts."""
        found = [debt for debt in self.debts if debt.state == "open"]
        for debt in found:
            debt.rejections.append(False)
        return len(found)

    def settle(self, said: Mapping[int, str]) -> Counter[str]:
        """What the bank says of debts by their numbers: paid or rejected."""
        counts: Counter[str] = Counter()
        by_number = {debt.number: debt for debt in self.debts}
        for number, word in said.items():
            debt = by_number.get(number)
            if debt is None:
                counts["rejected"] += 1
            else:
                counts[self._pay(debt) if word == "paid" else self._bounce(debt)] += 1
        return counts

    def _pay(self, debt: Debt) -> str:
        if debt.state in {"paid", "cancelled"}:
            return "unchanged" if debt.state == "paid" else "rejected"
        debt.outcome = "paid"
        return "paid"

    def _bounce(self, debt: Debt) -> str:
        before = any(debt.rejections)
        if before and not debt.is_ordered:
            return "unchanged"
        # Of one that is in a second file, the number alone doesn't tell which of the two payments is meant.
        if debt.state == "paid" or not debt.is_ordered or before:
            return "rejected"
        debt.rejections[-1] = True
        return "reopened"

    # --- Loading, publishing, topping up ---

    def load(self, bookings: Iterable[Booking]) -> int:
        """Gives how many are new."""
        at, before = self._tick(), len(self.lines)
        for booking in bookings:
            self.lines.setdefault(booking.booking_id, Line(booking, at))
        return len(self.lines) - before

    def _lines_of(self, terms: Terms) -> list[Line]:
        return [line for line in self.lines.values() if line.booking.campaign == terms.name]

    def _open_lines(self, terms: Terms) -> list[Line]:
        """Those of which something may go onto a card, but for what a cap of the budget leaves out."""
        found = [line for line in self._lines_of(terms) if line.state == "open"]
        today, budget = self.today(terms), terms.budget
        if budget.per_card is not None:
            given = self._given(terms, lambda card: card.is_live(today), of_customer=terms.card_per == "customer")
            found = _within(found, budget.per_card, given, of_customer=terms.card_per == "customer")
        if budget.per_customer is not None:
            given = self._given(terms, lambda _: True, of_customer=True)
            found = _within(found, budget.per_customer, given, of_customer=True)
        return found

    def _given(self, terms: Terms, counted: Callable[[Card], bool], *, of_customer: bool) -> Counter[str | None]:
        """What each holder was given on cards that count, or whose balance has moved to such."""
        found: Counter[str | None] = Counter()
        for card in self.campaign_cards(terms):
            if counted(card.last_successor):
                found[card.last_successor.customer if of_customer else card.last_successor.booking] += card.given.total
        return found

    def card_for(self, line: Line) -> Card | None:
        """The holder's newest card that can be topped up."""
        booking, terms = line.booking, self.terms(line.booking.campaign)
        place = None if terms.card_per == "customer" else booking.booking_id
        own = [
            card
            for card in self.campaign_cards(terms)
            if card.customer == booking.customer and card.booking == place and card.is_live(self.today(terms))
        ]
        return max(own, key=lambda card: card.held_since, default=None)

    def publish(self, terms: Terms) -> Run | None:
        if terms.name in self.paused:
            raise Refusal("campaign_paused")
        wanting = self._wanting(terms)
        if terms.pool is not None:
            wanting = wanting[: len(self._pool(terms))]
        if not wanting:
            return None
        self._refuse_cards(terms, len(wanting))
        run = self._run("publish")
        run.counts = {"published": len(wanting)}
        for customer, booking in wanting:
            self._hand_out(self._next_card(terms), run, customer, booking, self._last_day(terms, customer))
        return run

    def _wanting(self, terms: Terms) -> list[tuple[str, str | None]]:
        """The holders who need a card, in the order in which the ledger came to know them."""
        lines = [line for line in self._open_lines(terms) if self.card_for(line) is None]
        if terms.card_per == "booking":
            return [(line.booking.customer, line.booking.booking_id) for line in lines]
        customers = {line.booking.customer for line in lines}
        return [(customer, None) for customer in self.customers if customer in customers]

    def top_up(self, terms: Terms) -> Run | None:
        if terms.name in self.paused:
            raise Refusal("campaign_paused")
        onto = [(line, card) for line in self._open_lines(terms) if (card := self.card_for(line)) is not None]
        in_cash = [line for line in self._lines_of(terms) if line.state == "cash"]
        lines = [line for line, _ in onto] + in_cash
        if not lines:
            return None
        owed = [line.owed for line in lines]
        paid, bonus, cash = (sum(parts[bucket] for parts in owed) for bucket in ("paid", "bonus", "cash"))
        self._refuse_over_budget(terms, Money(paid, bonus), cash)
        run = self._run("topup")
        run.counts = {"funded": len(lines)}
        run.totals = {"paid": paid, "bonus": bonus, "cash": cash, "fee": 0, "total": paid + bonus}
        self._fund(run, onto, in_cash)
        return run

    def _fund(self, run: Run, onto: Sequence[tuple[Line, Card]], in_cash: Sequence[Line]) -> None:
        owed = {line: line.owed for line in self.lines.values()}  # as it is before anything is given
        for bucket in (PAID, BONUS):
            run.credits += [Credit(bucket, owed[line][bucket], card, line) for line, card in onto if owed[line][bucket]]
        funded = {line for line, _ in onto} | set(in_cash)
        for line in owed:
            if line in funded:
                line.fundings.append(run)
                self._owe_cash(run, line, owed[line]["cash"])
        for credit in run.credits:
            assert credit.line is not None
            credit.line.kept[credit.bucket] += credit.amount
            if credit.card is not None:
                self._give(credit.card, Money.of(credit.bucket, credit.amount), "funding")
        for _, card in onto:
            if card.last_day is not None:
                card.last_day = max(card.last_day, self.today(card.terms) + timedelta(days=card.terms.days_valid))

    def _owe_cash(self, run: Run, line: Line, minor: int) -> None:
        if minor:
            debt = Debt(line.booking.campaign, minor, run, line=line)
            self.debts.append(debt)
            run.credits.append(Credit("cash", minor, None, line, debt))

    # --- Undoing ---

    def undo(self, target: Run) -> Run | None:
        """Its counts: refund lines and cards that were taken back, cards that stay, and cards and debts that are spent."""
        if target.command not in UNDOABLE:
            raise Refusal("not_undoable")
        is_new = target.undone is None
        ended, kept = self._cards_to_end(target) if not target.reopened else ([], [])
        takes_back = is_new and target.command in {"topup", "card issue"}
        if not takes_back and not ended:
            if is_new and kept:
                raise Refusal("not_undoable")
            return None
        run = self._run("undo")
        taken, spent = self._take_back(target) if takes_back else ([], set())
        ended, kept = self._cards_to_end(target) if not target.reopened else ([], [])
        if is_new:
            target.undone = run
        for card in ended:
            card.deactivated = True
        lines = {credit.line for credit, minor in taken if minor and credit.line is not None}
        run.counts = {"refunds": len(lines), "cards": len(ended), "cards_kept": len(kept), "spent": len(spent)}
        run.totals = _totals(taken) if takes_back else {}
        self._hold_lines(target, ended, is_new=is_new)
        return run

    def _take_back(self, target: Run) -> tuple[list[tuple[Credit, int]], set[object]]:
        """Each credit with what of it was taken back, and the cards and debts of which some is spent."""
        taken: list[tuple[Credit, int]] = []
        spent: set[object] = set()
        for credit in target.credits:
            minor = self._left_of(credit)
            if minor < credit.amount:
                spent.add(credit.card.last_successor if credit.card is not None else credit.debt)
            if credit.card is not None:
                self._give(credit.card.last_successor, Money.of(credit.bucket, -minor), "funding")
            elif credit.debt is not None:
                credit.debt.taken_back = minor > 0
            if credit.line is not None:
                credit.line.kept[credit.bucket] -= minor
            taken.append((credit, minor))
        return taken, spent

    def _left_of(self, credit: Credit) -> int:
        if credit.debt is not None:
            return 0 if credit.debt.state in {"paid", "ordered"} else credit.amount
        assert credit.card is not None
        held: int = getattr(credit.card.last_successor.money, credit.bucket)
        return min(credit.amount, held)

    def _cards_to_end(self, target: Run) -> tuple[list[Card], list[Card]]:
        """The cards that a run handed out, and those that stand for them now: the empty ones, and those that stay."""
        if target.command == "topup":
            return [], []
        found = [card for card in self.cards if card.handed_in is target and card.customer is not None]
        for card in found:  # it grows
            successor = card.successor
            if successor is not None and successor.handed_in is card.moved_in and successor.replaced == [card]:
                found.append(successor)
        alive = [card for card in found if not card.is_dead and not card.is_frozen]
        return [card for card in alive if not card.money.total], [card for card in alive if card.money.total]

    def _hold_lines(self, target: Run, ended: Sequence[Card], *, is_new: bool) -> None:
        """Lines that were funded, or for which a card was published, wait until they are reopened."""
        if target.command == "topup" and is_new:
            for line in {credit.line for credit in target.credits if credit.line is not None}:
                line.held_by.add(target)
        if target.command != "publish":
            return
        for line in self.lines.values():
            standing = any(run.undone is None for run in line.fundings)
            if line.loaded_at < target.at and not standing and any(_is_for(card, line) for card in ended):
                line.held_by.add(target)

    def reopen(self, named: Run) -> Run | None:
        """By the run that was undone, or by the undo."""
        undone = [run for run in self.runs if run.undone is named] if named.command == "undo" else [named]
        undone = [run for run in undone if run.undone is not None]
        if not undone or any(run.command == "card issue" for run in undone):
            raise Refusal("not_undoable")
        closed = [run for run in undone if not run.reopened]
        if not closed:
            return None
        for debt in self.debts:
            if debt.line is not None and debt.made_by in closed and debt.state == "cancelled" and not debt.taken_back:
                debt.taken_back = True
                debt.line.kept["cash"] -= debt.amount
        for run in closed:
            run.reopened = True
        lines = [line for line in self.lines.values() if line.held_by & set(closed)]
        for line in lines:
            line.held_by -= set(closed)
        found = self._run("reopen")
        found.counts = {"reopened": len(closed), "lines": len(lines), "lines_held": sum(bool(x.held_by) for x in lines)}
        return found

    # --- The switch ---

    def pause(self, terms: Terms) -> Run | None:
        if terms.name in self.paused:
            return None
        self.paused.add(terms.name)
        return self._run("pause")

    def resume(self, terms: Terms) -> Run | None:
        if terms.name not in self.paused:
            return None
        self.paused.remove(terms.name)
        return self._run("resume")

    # --- Figures ---

    def totals(self, terms: Terms) -> dict[str, int]:
        """As `status` has them, with paid and bonus together."""
        today, cards = self.today(terms), self.campaign_cards(terms)
        over = sum(card.money.total for card in cards if card.is_over(today))
        moved = {account: minor for (campaign, account), minor in self.moved.items() if campaign == terms.name}
        left = ("redeemed", "cashed_out", "lapsed")
        return {
            "given": moved.get("funding", 0),
            "cash": sum(line.kept["cash"] for line in self._lines_of(terms)),
            "adjusted": moved.get("adjusted", 0),
            **{name: -moved.get(name, 0) for name in left},
            "expired": over - moved.get("expired", 0),
            "outstanding": sum(card.money.total for card in cards) - over,
        }


def _within(lines: Sequence[Line], limit: int, given: Mapping[str | None, int], *, of_customer: bool) -> list[Line]:
    """The lines but for those of a holder who would get more than the limit, all of them."""

    def holder(line: Line) -> str:
        return line.booking.customer if of_customer else line.booking.booking_id

    more: Counter[str] = Counter()
    for line in lines:
        more[holder(line)] += line.owed["paid"] + line.owed["bonus"]
    return [line for line in lines if more[holder(line)] + given.get(holder(line), 0) <= limit]


def _totals(taken: Iterable[tuple[Credit, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter({"paid": 0, "bonus": 0, "cash": 0, "spent": 0})
    for credit, minor in taken:
        sums[credit.bucket] += minor
        sums["spent"] += credit.amount - minor
    return dict(sums)


def _is_for(card: Card, line: Line) -> bool:
    """Whether a card was published for a booking: a customer's one card, for all of theirs in the currency."""
    if card.terms.name != line.booking.campaign:
        return False
    return card.booking == line.booking.booking_id if card.booking else card.customer == line.booking.customer
