"""Plans: what a run would do, as a small file that one makes, another approves, and `apply` follows to the letter.

JSON with indentation, to be read by people too. It names bookings, but no person and no code. Amounts are in minor
units under their currency. The digest at its end is over everything else, so that an edited plan shows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from refundctl.domain.basics.errors import BadInput, Refused
from refundctl.domain.basics.money import is_currency

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source
    from refundctl.domain.campaigns.campaign import Campaign

FORMAT = 1
#: How every plan begins: by this a file is known as one.
BEGINNING = b'{\n  "refundctl_plan": '
BYTES_MAX = 1 << 20

Minor = Mapping[str, int]  # minor units under their currency


class BadPlan(BadInput, code="bad_plan"):
    """The file is no plan, or one of a newer version."""


class PlanEdited(Refused, code="plan_edited"):
    """The plan's digest is not that of what it says."""


class _Exact:
    """How pydantic reads the classes below, without this module's importing it."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, object]] = {"strict": True, "extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Planner(_Exact):
    """Who made a plan: the real user id counts."""

    operator: str
    user_id: int
    host: str


@dataclass(frozen=True, slots=True)
class PlannedFile(_Exact):
    """An input: its absolute path, rows and the SHA-256 of its bytes; `settings` are the keys of the source named."""

    path: str
    rows: int
    sha256: str
    source: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Options(_Exact):
    """How the files are loaded, as typed; `expect_total` in minor units."""

    encoding: str | None
    strict: bool
    expect_count: int | None
    expect_total: Minor


@dataclass(frozen=True, slots=True)
class Counts(_Exact):
    """What becomes of the rows and of the bookings, as `run` counts them."""

    rows: int
    loaded: int
    updated: int
    unchanged: int
    filtered: int
    rejected: int
    created: int
    published: int
    funded: int
    already_funded: int
    skipped_by_reason: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sums(_Exact):
    """What is given in a currency: `total` is what goes onto cards."""

    paid: int
    bonus: int
    fee: int
    cash: int
    total: int


@dataclass(frozen=True, slots=True)
class Share(_Exact):
    """What a rule gives (bucket `bonus`) or keeps (`fee`), of how many refunds. No rule: a bonus that is given back."""

    bucket: str
    rule: str | None
    refunds: int
    total: Minor


@dataclass(frozen=True, slots=True)
class BookingAmount(_Exact):
    """What a booking would get, on a card and in cash together."""

    booking_id: str
    amount: Minor


@dataclass(frozen=True, slots=True)
class Caution(_Exact):
    """Something to look at before money moves: how many bookings (or rules) it is about, and the first few of them."""

    code: str
    message: str
    count: int
    bookings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Threshold(_Exact):
    """What a campaign may fund without approval, and what it would come to together with this plan."""

    above: Minor
    together: Minor


@dataclass(frozen=True, slots=True)
class Plan(_Exact):
    """All of a plan. `lines` is the digest of the list of refund lines with their states and amounts.

    `ledger_id` is None where there was no ledger yet: then `ledger_path` is where it will be, else None. `after_run` is
    the number of the ledger's last run, or 0: two plans of one moment are two, where anything was done between them.
    `rehearsal` is whether it was made under REFUNDCTL_NOW. `threshold` is None where the campaign asks for no approval.
    """

    refundctl_plan: int
    program: str
    ledger_id: str | None
    ledger_path: str | None
    after_run: int
    rehearsal: bool
    campaign: str
    made_by: Planner
    made_at: str
    counts: Counts
    totals: Mapping[str, Sums]
    rules: Sequence[Share]
    largest: Sequence[BookingAmount]
    warnings: Sequence[Caution]
    needs_approval: bool
    threshold: Threshold | None
    files: Sequence[PlannedFile]
    options: Options
    definition: Mapping[str, Any]
    definition_sha256: str
    lines: str
    digest: str = ""

    @property
    def currencies(self) -> frozenset[str]:
        """All that amounts stand under."""
        amounts = [*(share.total for share in self.rules), *(each.amount for each in self.largest)]
        if self.threshold is not None:
            amounts += [self.threshold.above, self.threshold.together]
        return frozenset(self.totals).union(*amounts)

    @property
    def is_paused(self) -> bool:
        """Whether the campaign was paused when the plan was made."""
        return any(warning.code == "campaign_paused" for warning in self.warnings)

    @property
    def is_edited(self) -> bool:
        """Whether it no longer says what it said when it was made."""
        return self.digest != _digest(self)


def sealed(plan: Plan) -> Plan:
    """The plan with its digest."""
    return replace(plan, digest=_digest(plan))


def _digest(plan: Plan) -> str:
    values = asdict(plan)
    del values["digest"]
    return sha256_of(canonical(values))


def canonical(value: object) -> str:
    """JSON in the one form that is digested: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_of(text: str) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def as_json(plan: Plan) -> bytes:
    """The file."""
    return (json.dumps(asdict(plan), ensure_ascii=False, indent=2) + "\n").encode()


def read_plan(content: bytes, name: str) -> Plan:
    """The plan in a file, edited or not. Raises BadPlan where it is none."""
    from pydantic import TypeAdapter, ValidationError

    values = _values(content, name)
    found = values.get("refundctl_plan")
    if isinstance(found, int) and found > FORMAT:
        raise BadPlan(f"{name} was made by a newer refundctl (format {found}): apply it with that one.")
    try:
        # From JSON once more, since only there pydantic takes a list for a sequence of any kind.
        plan = TypeAdapter(Plan).validate_json(json.dumps(values))
    except ValidationError as error:
        raise _no_plan(name, ".".join(map(str, error.errors()[0]["loc"])) or "as a whole") from None
    if not all(map(is_currency, plan.currencies)):
        raise _no_plan(name, "currency")
    return plan


def _no_plan(name: str, why: str) -> BadPlan:
    return BadPlan(f"{name} is no plan ({why}): make one with `refundctl plan CAMPAIGN FILE... -o PLAN`.")


def _values(content: bytes, name: str) -> dict[str, Any]:
    """What stands in the file. A key that stands twice could show people one value and this program another."""
    try:
        if len(content) > BYTES_MAX:
            raise ValueError(name)
        values = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_refuse)
        canonical(values).encode()  # as texts may be written that no encoding has
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise _no_plan(name, "no JSON object")
    return values


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(pairs[0][0])
    return values


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def campaign_of(plan: Plan, name: str) -> "Campaign":
    """The campaign as it was planned for. Raises BadPlan."""
    from refundctl.domain.campaigns.campaign import Campaign

    try:
        return Campaign.from_definition(plan.campaign, canonical(plan.definition))
    except ValueError as error:
        raise BadPlan(f"{name} has a definition that can't be read: make a new plan.") from error


def source_of(file: PlannedFile, name: str) -> "Source":
    """How a planned file is read. Raises BadPlan."""
    from refundctl.domain.bookings.source import Source

    try:
        return Source.model_validate_json(canonical(file.settings))
    except ValueError as error:
        raise BadPlan(f"{name} has a source that can't be read: make a new plan.") from error
