"""refundctl plan"""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from refundctl.cli.bookings.input_files import check_rejects_option, source_chooser, staged_bookings
from refundctl.cli.funding.outcome_words import in_short, left_out_by, step_rows, steps_json
from refundctl.cli.funding.shown_plan import amounts, describe_amounts, plan_json, totals_json
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import (
    Common,
    about_campaign,
    campaign_in_file,
    clock,
    command,
    operator,
    reading_ledger,
    refuse_ledger,
)
from refundctl.cli.shell.rendering import Report, Screen, figures, progress
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.files.campaigns.plan_file import BEGINNING, Plan, as_json, sha256_of
from refundctl.files.safe_write import STDOUT, refuse_existing, refuse_links, writing_to
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import RunFile, last_run
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.bookings import rejects_files
from refundctl.operations.funding import plan as operation
from refundctl.operations.funding.run import Steps, Task

FOR_ALL = 0o644  # another person is to read it: it holds no codes and no people


@command("plan", short="Show what a run would do, and write that as a plan.")
def plan(
    common: Common,
    campaign: take.Campaign,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files of bookings: CSV, xlsx, gzip or zip.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="PLAN", help="The plan to write; - is stdout.")],
    source: take.Source = None,
    rejects: Annotated[
        str | None,
        typer.Option("--rejects", metavar="FILE", help="Write the rows that can't be taken there, for fixing."),
    ] = None,
    strict: take.Strict = False,
    encoding: take.Encoding = None,
    expect_count: take.ExpectCount = None,
    expect_total: take.ExpectTotal = None,
    force: take.Force = False,
) -> int:
    """Show what a run would do: counts, amounts by rule, the largest, and what to look at first. Nothing changes.

    The plan is for `apply`, which does exactly that or refuses; where the campaign asks for it, another person approves
    it before.
    """
    wanted = take.expected(expect_count, expect_total)
    _check_places(common, files, output, rejects, force=force)
    definition = campaign_in_file(common, campaign)
    choose = source_chooser(common, source, encoding)
    with about_campaign(campaign), take.opened(files) as inputs, _rehearsal(common) as (copy, own_id, after_run):
        with staged_bookings(common, copy, inputs, choose, encoding) as staged:
            task = Task(definition, staged, wanted, strict)
            journal = operation.Unsealed(copy, operator(), common.command, {})
            rejected: list[RunFile] = []

            def write_rejects(_: bool) -> list[RunFile]:
                if rejects is not None:
                    rejected[:] = rejects_files.write_rejects_files(
                        staged, rejects_files.rejects_paths(staged, rejects)
                    )
                return rejected

            with progress(common, "Trying it") as bar, _telling_of_rejects(files, rejects):
                found = operation.rehearse(copy, journal, task, bar.say, write_rejects)
        made = operation.Made(operator(), copy.clock, own_id, common.ledger, after_run, encoding)
        done = operation.plan_of(task, found, made)
    written = _write(output, done, force=force)
    exit_code = ExitCode.PARTIAL if found.steps.partial else ExitCode.OK
    if output == STDOUT:  # with the plan itself on stdout there is no room for a report
        return exit_code
    return _report(done, found.steps, output, [written, *rejected], exit_code).tell(common)


def _check_places(common: Common, files: Sequence[str], output: str, rejects: str | None, *, force: bool) -> None:
    """Refuse, before the long work, what can't be read again or may not be written."""
    if STDOUT in files:
        raise UsageError("A plan is applied later, so it needs files that are there then: stdin can't be planned with.")
    if rejects is not None:
        check_rejects_option(list(files), rejects)
    for name in files:
        path = Path(name)
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UsageError(f"{name} is no file but a device or a pipe, and a plan is applied later: name a file.")
    if output != STDOUT:
        _check_output(common, files, output, force=force)
    elif common.json:
        raise UsageError("--json and `-o -` would both write to stdout: name a file with -o.")


def _check_output(common: Common, files: Sequence[str], output: str, *, force: bool) -> None:
    target = Path(output)
    refuse_links(target)
    refuse_ledger(common, target)
    for name in files:
        if target.exists() and Path(name).exists() and target.samefile(name):
            raise UsageError(f"{output} is an input of the plan: name another file.", code="file_exists")
    refuse_existing(target, force=force, own=BEGINNING)


@contextmanager
def _telling_of_rejects(files: Sequence[str], rejects: str | None) -> Iterator[None]:
    """Where --strict refuses rejected rows, say how they are to be seen."""
    try:
        yield
    except rejects_files.StrictReject as error:
        if rejects is None:
            error.advising(f"{rejects_files.NOTHING_LOADED}; to see them, {_with_rejects(files)}")
        raise


def _with_rejects(files: Sequence[object]) -> str:
    return "plan again with --rejects FILE" if len(files) == 1 else "plan each file by itself with --rejects FILE"


@contextmanager
def _rehearsal(common: Common) -> Iterator[tuple[Ledger, str | None, int]]:
    """A copy of the ledger to try the run on, the ledger's id and last run; None and 0 where there is none yet."""
    with reading_ledger(common) as ledger:
        own_id, after_run = None, 0
        if ledger is not None:
            with ledger.reading():
                own_id, after_run = ledger_id(ledger.connection), last_run(ledger.connection)
        with operation.rehearsal(ledger, common.ledger, clock()) as copy:
            yield copy, own_id, after_run


def _write(output: str, plan: Plan, *, force: bool) -> RunFile:
    content = as_json(plan)
    if output != STDOUT:
        refuse_existing(Path(output), force=force, own=BEGINNING)
    with writing_to(output) as out:
        out.write(content)
    if output != STDOUT:
        mask = os.umask(0)
        os.umask(mask)
        Path(output).chmod(FOR_ALL & ~mask)
    return RunFile(output, 1, sha256_of(content.decode()), output=True)


def _report(plan: Plan, steps: Steps, name: str, written: Sequence[RunFile], exit_code: ExitCode) -> Report:
    return Report(
        human=lambda out: _describe(out, plan, steps, name, written),
        campaign=plan.campaign,
        counts=steps.counts,
        totals=totals_json(plan),
        files=[file.as_json() for file in (*steps.load.files, *written)],
        extra={
            **steps_json(steps),
            "sources": {file.path: planned.source for file, planned in zip(steps.load.files, plan.files, strict=True)},
            "plan": plan_json(plan),
        },
        exit_code=exit_code,
        errors=left_out_by(plan.campaign, steps),
    )


def _describe(out: Screen, plan: Plan, steps: Steps, name: str, written: Sequence[RunFile]) -> None:
    out.print(f"{plan.campaign}: {in_short(steps)}, if this were run")
    figures(out, step_rows(plan.campaign, steps))
    describe_amounts(out, plan)
    for told in left_out_by(plan.campaign, steps):
        out.print(told["message"])
    if steps.load.rejected:
        rejects = ", ".join(file.path for file in written if file.path != name)
        fix = f"Fix the rejected rows in {rejects}, and plan again with that file too."
        out.print(fix if rejects else f"To see the rejected rows, {_with_rejects(plan.files)}.")
    out.print(f"Wrote {', '.join(file.path for file in written)}. Nothing else has changed.")
    quoted = shlex.quote(name)
    first = f"`refundctl resume {plan.campaign}`, then " if plan.is_paused else ""
    if plan.needs_approval and plan.threshold is not None:
        together, above = (amounts(minor) for minor in (plan.threshold.together, plan.threshold.above))
        out.print(f"With this, {together} would not be approved by anybody, and approval is needed above {above}.")
        apply = f"`refundctl apply {quoted} --out DIR`"
        out.print(f"Next: {first}another person types `refundctl approve {quoted}`, then you {apply}.")
    elif steps.posted:
        out.print(f"Next: {first}`refundctl apply {quoted} --out DIR`")
    else:
        out.print("There is nothing new to do.")
