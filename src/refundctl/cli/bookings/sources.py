"""refundctl sources, and sources check"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from refundctl.cli.bookings.input_files import DEFAULT, known_sources, recognised_source
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, command_group
from refundctl.cli.shell.rendering import Report, Screen, figures, number, plural
from refundctl.domain.basics.errors import BadInput, ExitCode
from refundctl.operations.bookings import input_files
from refundctl.operations.bookings import sources as operation

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source


@command_group("sources", short="List the kinds of files that can be read, or check a file.")
def sources(common: Common) -> int:
    """List the sources: the presets that are built in, and those of the campaigns file.

    `refundctl sources check FILE` shows how a file would be read.
    """
    from refundctl.files.bookings.presets import presets

    known = known_sources(common, None)
    built_in = {DEFAULT, *presets()}
    listed = [
        {
            "source": name,
            "preset": source.preset if source.preset != name else None,
            "own": name not in built_in or source is not presets().get(name, source),
            "columns": {column: list(source.headers_of(column)) for column in source.columns},
            "required": sorted(source.required()),
        }
        for name, source in known.items()
    ]
    counts = {"sources": len(known)}
    return Report(lambda out: _list(out, known, listed), counts=counts, extra={"sources": listed}).tell(common)


@command("sources check", short="Show how a file would be read, without loading it.")
def check(
    common: Common,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of bookings; - is stdin.")],
    source: take.Source = None,
    encoding: take.Encoding = None,
) -> int:
    """Show how a file would be read: the source, what each column means, and the first rows as they would be loaded.

    Nothing is loaded. For a header that no source knows it prints a source to start from.
    """
    known = known_sources(common, source)

    def choose(path: str, stream: BinaryIO) -> "tuple[str, Source]":
        try:
            name = source or recognised_source(path, stream, known, encoding)
        except BadInput:  # which is told below
            name = DEFAULT
        return name, known[name]

    with take.opened([file]) as inputs, input_files.plain(inputs, choose) as plain:
        found = _check(plain[0], known, source, encoding)
    if isinstance(found, operation.Unknown):
        return Report(
            human=lambda out: _describe_unknown(out, file, found),
            extra={"source": None, "header": list(found.header), "yaml": found.yaml},
            errors=found.refusal.listed(),
            exit_code=ExitCode.BAD_INPUT,
        ).tell(common)
    return Report(
        human=lambda out: _describe(out, file, found, known[found.source]),
        counts=found.counts,
        files=[{"path": file, "rows": found.counts["rows"], "sha256": plain[0].sha256 or found.sha256}],
        extra=_as_json(found, known[found.source]),
    ).tell(common)


def _check(
    given: input_files.PlainFile, known: "Mapping[str, Source]", named: str | None, encoding: str | None
) -> operation.SourceReading | operation.Unknown:
    path, stream = given.input.name, given.input.stream
    try:
        name = named or recognised_source(path, stream, known, encoding)
    except BadInput as error:
        if error.code != "column_missing":
            raise
        return operation.unknown(path, stream, known[DEFAULT], error, encoding=encoding)
    return operation.check(path, stream, name, known[name], encoding=encoding)


def _as_json(found: operation.SourceReading, source: "Source") -> dict[str, Any]:
    return {
        "source": found.source,
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "columns": {name: list(headers) for name, headers in found.columns.items()},
        "constants": dict(found.constants),
        "refunded": source.refunded,
        "only": {header: list(texts) for header, texts in source.only.items()},
        "skip": {header: list(texts) for header, texts in source.skip.items()},
        "metadata": list(source.metadata),
        "unused": list(found.unused),
        "bookings": list(found.bookings),
        "rejected": [
            {"line": row.line, "field": row.field, "code": row.code, "reason": row.reason} for row in found.rejected
        ],
    }


def _list(out: Screen, known: "Mapping[str, Source]", listed: list[dict[str, Any]]) -> None:
    rows = []
    for name, about in zip(known, listed, strict=True):
        kind = "yours" if about["own"] else "built in"
        needs = ", ".join(about["required"])
        rows.append((name, f"{kind}; a file needs {needs}"))
    figures(out, rows)
    out.print("`refundctl sources check FILE` shows how a file would be read.")


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _describe(out: Screen, file: str, found: operation.SourceReading, source: "Source") -> None:
    out.print(f"{file}: read as {found.source}, {found.encoding}, separated by {_DELIMITERS[found.delimiter]}")
    rows = [(name, " + ".join(headers)) for name, headers in found.columns.items()]
    rows += [(name, f"always {text}") for name, text in found.constants.items() if name not in found.columns]
    rows += [("refunded", source.refunded)] if source.refunded else []
    rows += [("only", f"{header}: {_listed(texts)}") for header, texts in source.only.items()]
    rows += [("skip", f"{header}: {_listed(texts)}") for header, texts in source.skip.items()]
    rows += [("metadata", ", ".join(source.metadata))] if source.metadata else []
    figures(out, rows)
    if found.unused:
        out.print(f"Not read: {', '.join(found.unused)}")
    for at, booking in enumerate(found.bookings, start=1):
        out.print(f"Booking {at} as it would be loaded:")
        figures(out, list(booking.items()))
    for row in found.rejected:
        out.print(f"Line {row.line} would be rejected: {row.reason} ({row.code})")
    counts = found.counts
    out.print(
        f"{plural(counts['rows'], 'row')}: {number(counts['accepted'])} can be taken, {number(counts['filtered'])} "
        f"filtered, {number(counts['rejected'])} rejected. Nothing was loaded."
    )


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(text or "(blank)" for text in texts)


def _describe_unknown(out: Screen, file: str, found: operation.Unknown) -> None:
    out.print(found.refusal.message)
    out.print(
        "A source to start from, for the campaigns file; check it with "
        f"`refundctl sources check {file} --source my-source`:"
    )
    for line in found.yaml.splitlines():
        out.print(line)
