"""Handing over: the credits of a hand-over become the file for the mail tool, marked only once it is in place.

The transaction that funds also reserves the new credits; the files are rendered from the reservation, so that a
run that was cut off is finished with the same cards and balances, and nobody is mailed twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refundctl.domain.basics.errors import Refused, UsageError
from refundctl.exports.csv_text import encode
from refundctl.exports.delivery.mail_rows import MAIL_COLUMNS, MailFigures
from refundctl.files.safe_write import (
    STDOUT,
    free_name,
    has_digest,
    locked_folder,
    make_folder,
    refuse_existing,
    remove_parts,
    replacing,
    write_whole,
)
from refundctl.ledger.campaigns.stored_campaigns import campaign_numbered
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.delivery import hand_overs
from refundctl.ledger.delivery.hand_overs import HandOver
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.journal import journal_entries
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.ledger.journal.seals import seal_of_run
from refundctl.operations.delivery.mail_rendering import CardsTick, figures_of, render
from refundctl.operations.run_lifecycle import one_run

MAIL_FILE = "mail.csv"
SUMMARY_FILE = "summary.json"
MANIFEST_FILE = "manifest.json"


class HandOverOpen(Refused, code="batch_open"):
    """An earlier hand-over was cut off, and is to be finished where it began."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hand-over goes: `run` writes mail.csv and its account into a folder, `export mail` one file."""

    folder: Path
    file_name: str
    tool: str
    command: str

    def names(self) -> list[str]:
        """The files that a hand-over writes here, in order."""
        return [self.file_name, SUMMARY_FILE, MANIFEST_FILE] if self.command == "run" else [self.file_name]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What was written: the files with their rows and digests, and what the mail file says, in minor units."""

    reserved: HandOver
    files: Sequence[RunFile]
    figures: MailFigures
    currency: str
    seal: str | None


def place_of_folder(folder: str, tool: str) -> Place:
    """Where `run --out FOLDER` hands over."""
    return Place(Path(folder).resolve(), MAIL_FILE, tool, "run")


def place_of_file(output: str, tool: str) -> Place:
    """Where `export mail -o FILE` hands over. Raises UsageError for stdout, which can't be finished after a crash."""
    if output == STDOUT:
        raise UsageError("A mail file is handed over once, so it needs a file of its own: name it with -o FILE.")
    path = Path(output)
    return Place(path.parent.resolve(), path.name, tool, "export")


def find_open(ledger: Ledger, campaign: int, place: Place) -> HandOver | None:
    """The hand-over that is still to be finished, if any. Raises HandOverOpen where it began in another place."""
    reserved = hand_overs.open_hand_over(ledger.connection, campaign, place.tool)
    if reserved is None:
        return None
    if _path(reserved) != place.folder / place.file_name:
        raise _still_open(reserved, place)
    return reserved


def _path(reserved: HandOver) -> Path:
    return Path(reserved.directory) / reserved.file_name


def _still_open(reserved: HandOver, place: Place) -> HandOverOpen:
    there, here = _path(reserved), place.folder / place.file_name
    return HandOverOpen(
        f"The hand-over of run {reserved.run_id} to {there} is not finished: it was cut off, or is being written just "
        f"now. Finish it by the same command with that place; then name {here} again.",
        place=str(there),
    )


@dataclass(frozen=True, slots=True)
class HandOverWanted:
    """What is to be handed over, and where. `fresh_after` and `considered`: see hand_overs.find_new_credits().

    `empty` reserves also where no credit is new; `finished` is a hand-over that is being finished by this very command.
    """

    campaign: int
    place: Place
    fresh_after: int
    considered: Considered | None = None
    everyone: bool = False
    empty: bool = False
    force: bool = False
    finished: HandOver | None = None


def reserve(ledger: Ledger, wanted: HandOverWanted, run_id: int) -> HandOver | None:
    """Reserve the campaign's new credits for one hand-over; None where there is nothing to hand over.

    Raises, before anything is committed, HandOverOpen where another is under way, FileExists for files in the way.
    """
    connection, place = ledger.connection, wanted.place
    new = hand_overs.find_new_credits(
        connection, wanted.campaign, place.tool, fresh_after=wanted.fresh_after, considered=wanted.considered
    )
    if not (new.found or wanted.everyone or wanted.empty):
        return None
    for other in (
        hand_overs.open_hand_over(connection, wanted.campaign, place.tool),
        hand_overs.open_hand_over_in(connection, str(place.folder), place.names()),
    ):
        if other is not None and other != wanted.finished:
            raise _still_open(other, place)
    if wanted.finished is None and not _is_own(ledger, place):
        for name in place.names():
            refuse_existing(place.folder / name, force=wanted.force)
    return hand_overs.reserve(
        new, directory=str(place.folder), file_name=place.file_name, everyone=wanted.everyone, run_id=run_id
    )


def _is_own(ledger: Ledger, place: Place) -> bool:
    """Whether what stands at `place` is what the last hand-over to it has written, the mail file perhaps taken away."""
    earlier = hand_overs.last_delivered(ledger.connection, str(place.folder), place.file_name)
    return earlier is not None and _is_untouched(place.folder / place.file_name, earlier.sha256)


def _is_untouched(path: Path, sha256: str) -> bool:
    return not path.is_symlink() and (not path.exists() or has_digest(path, sha256))


def _set_aside_earlier(ledger: Ledger, reserved: HandOver) -> None:
    """Keep the files of the hand-over before this one under other names: they may not have been mailed yet."""
    folder = Path(reserved.directory)
    earlier = hand_overs.last_delivered(ledger.connection, reserved.directory, reserved.file_name)
    if earlier is None or not _is_untouched(folder / reserved.file_name, earlier.sha256):
        return
    accounts = [SUMMARY_FILE, MANIFEST_FILE] if reserved.file_name == MAIL_FILE else []
    # The mail file last: until it is moved, a second try moves whatever is left.
    for path in (folder / name for name in (*accounts, reserved.file_name)):
        if path.exists():
            path.rename(free_name(path.with_name(f"{path.stem}-run{earlier.run_id}{path.suffix}")))


def preview(ledger: Ledger, reserved: HandOver) -> HandedOver:
    """What handing over would write, for a dry run."""
    stored = campaign_numbered(ledger.connection, reserved.campaign)
    return HandedOver(reserved, (), figures_of(ledger, reserved.hand_over_id), stored.currency, None)


def hand_over(ledger: Ledger, journal: Journal, reserved: HandOver, tick: CardsTick) -> HandedOver:
    """Write its files, the manifest last, then mark it delivered, as a run of its own.

    One process at a time writes to a folder; where the same command runs twice at once, the second finds all done.
    Raises Busy where another process goes on writing there.
    """
    folder = Path(reserved.directory)
    make_folder(folder)
    with locked_folder(folder, ledger.wait_seconds):
        if hand_overs.is_delivered(ledger.connection, reserved):
            return preview(ledger, reserved)
        for name in (reserved.file_name, SUMMARY_FILE, MANIFEST_FILE):
            remove_parts(folder / name)
        _set_aside_earlier(ledger, reserved)
        return _hand_over(ledger, journal, reserved, tick)


def _hand_over(ledger: Ledger, journal: Journal, reserved: HandOver, tick: CardsTick) -> HandedOver:
    folder = Path(reserved.directory)
    with ledger.reading():
        stored = campaign_numbered(ledger.connection, reserved.campaign)
        seal = str(seal_of_run(ledger.connection, reserved.run_id))
        entries = journal_entries.journal(ledger.connection, reserved.run_id)
    mail, figures = _write_mail(ledger, reserved, tick)
    files = [mail]
    totals = {stored.currency: figures.total_minor}
    if entries[0]["command"] in {"run", "apply"}:
        summary = _summary_of(entries, figures, stored.currency)
        written = write_whole(folder / SUMMARY_FILE, _json(summary))
        files += [RunFile(**file) for file in entries[0]["files"] if file.get("output")]
        files.append(RunFile(SUMMARY_FILE, 1, written.sha256, output=True))
        listed = [{**mail.as_json(), "totals": totals}, *(file.as_json() for file in files[1:])]
        manifest = {"files": listed, "seal": seal, "run_id": reserved.run_id}
        write_whole(folder / MANIFEST_FILE, _json({"schema_version": 1, "campaign": stored.name, **manifest}))
    with ledger.writing(), one_run(journal, campaign=stored.name, step="handover", parent=reserved.run_id) as run:
        hand_overs.mark_delivered(ledger.connection, reserved, [file.as_json() for file in files], run.run_id)
        counts = {"mailed": figures.rows, "unreachable": figures.unreachable}
        balances = {currency: {"balance": total} for currency, total in totals.items()}
        run.outcome = Outcome(counts, balances, files)
    return HandedOver(reserved, files, figures, stored.currency, seal)


def _write_mail(ledger: Ledger, reserved: HandOver, tick: CardsTick) -> tuple[RunFile, MailFigures]:
    path = Path(reserved.directory) / reserved.file_name
    with replacing(path) as out, ledger.unlocked():
        out.write(encode([MAIL_COLUMNS]))
        figures = render(ledger, reserved.hand_over_id, path.parent, out.write, tick)
    return RunFile(path.name, figures.rows, out.sha256, output=True), figures


def _summary_of(entries: Sequence[Mapping[str, Any]], figures: MailFigures, currency: str) -> dict[str, Any]:
    """The account of a run for people and scripts, from the journal alone: the same whenever it is written."""
    run, *steps = entries
    return {
        "schema_version": 1,
        "command": run["command"],
        "campaign": run["campaign"],
        "run_id": run["run_id"],
        "operator": run["operator"],
        "host": run["host"],
        "started_at": run["started_at"],
        "status": run["status"],
        "steps": {
            step["command"]: {"run_id": step["run_id"], "counts": step["counts"], "totals": step["totals"]}
            for step in steps
            if step["command"] in {"load", "create", "publish", "topup"}
        },
        "mail": {
            "rows": figures.rows,
            "unreachable": figures.unreachable,
            "totals": {currency: {"balance": figures.total_minor, "unreachable": figures.unreachable_minor}},
        },
        "files": run["files"],
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
