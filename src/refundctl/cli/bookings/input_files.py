"""Files of rows for the commands that load them: by which source each is read, and where rejected rows go."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from refundctl.cli.shell.common import Common, campaigns_file
from refundctl.cli.shell.rendering import progress, warn
from refundctl.domain.basics.errors import UsageError
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.database.connection import Ledger
from refundctl.operations.bookings import input_files, load, rejects_files

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

T = TypeVar("T")
DEFAULT = "default"


def known_sources(common: Common, name: str | None) -> "dict[str, Source]":
    """The presets and the campaigns file's own sources, which go before a preset of the same name.

    The file is looked at where it is there, or where `name` is no preset. Raises UsageError for a name that is unknown.
    """
    from refundctl.domain.bookings.source import Source
    from refundctl.files.bookings.presets import DEFAULT_SOURCE, presets

    found: dict[str, Source] = {DEFAULT_SOURCE: Source(), **presets()}
    # Also where a preset is named, as the file may have a source of that name, which goes before it.
    if common.campaigns.exists() or (name is not None and name not in found):
        found |= campaigns_file(common).sources
    if name is not None and name not in found:
        raise UsageError(
            f"There is no source {name}, neither in {common.campaigns} nor built in (there are: {', '.join(found)}): "
            "check the name, or describe the source there.",
            code="source_unknown",
        )
    return found


def source_chooser(
    common: Common, name: str | None, encoding: str | None, *, of_people: bool = False
) -> input_files.Choose:
    """By which source to read each file: the one named, or else the one that its header shows, which is said on stderr.

    None `of_people` is refused for columns that it lacks. Raises UsageError for an unknown source.
    """
    sources = known_sources(common, name)

    def choose(path: str, stream: BinaryIO) -> "tuple[str, Source]":
        if name is not None:
            return name, sources[name]
        found = recognised_source(path, stream, sources, encoding, of_people=of_people)
        if found != DEFAULT:
            warn(common, f"{path}: read as {found}, which its header shows.")
        return found, sources[found]

    return choose


def recognised_source(
    path: str, stream: BinaryIO, sources: "Mapping[str, Source]", encoding: str | None, *, of_people: bool = False
) -> str:
    """The source that the header of a file shows, or else the default one.

    Raises BadInput where a file of bookings nearly fits another one.
    """
    from refundctl.files.bookings.presets import header_names, near_miss, recognise

    names = header_names(stream, path, sources[DEFAULT], encoding=encoding)
    found = recognise(names, sources[DEFAULT])
    if found is None and not of_people and (refusal := near_miss(path, names, sources[DEFAULT])) is not None:
        raise refusal
    return found or DEFAULT


def check_rejects_option(files: list[str], rejects: str | None) -> None:
    """One rejects file per input. Raises UsageError."""
    if rejects == "-":
        raise UsageError("Rejected rows need a file where they can be fixed: name it with --rejects FILE.")
    if rejects is not None and len(files) > 1:
        raise UsageError(
            "--rejects names one file, but there are several inputs: leave it out, or load them one by one."
        )
    if rejects is None and "-" in files:
        raise UsageError("Rows from stdin need a place for those that can't be taken: name it with --rejects FILE.")


def stage_with_bar(
    common: Common, title: str, inputs: list[input_files.PlainFile], stage: Callable[[input_files.Tick], T]
) -> T:
    """What `stage` makes of the inputs, which it tells a bar about as it reads them."""
    size = sum(given.size_bytes for given in inputs)
    with progress(common, title) as bar:
        return stage(lambda done, rows: bar.of(done, size, rows))


@contextmanager
def staged_bookings(
    common: Common, ledger: Ledger, inputs: list[input_files.Input], choose: input_files.Choose, encoding: str | None
) -> Iterator[load.Staged]:
    """The inputs read into temporary tables; they stay open for their rejects to be read again."""
    with input_files.plain(inputs, choose) as plain:
        yield stage_with_bar(common, "Reading bookings", plain, lambda tick: load.stage(ledger, plain, encoding, tick))


def places_of_rejects(staged: input_files.StagedFiles[StagedRows], named: str | None) -> dict[int, Path]:
    """Where each input's rejects go. Raises UsageError where two that differ in their endings would share a file."""
    paths = rejects_files.rejects_paths(staged, named)
    whose: dict[Path, str] = {}
    for file in staged.files:
        other = whose.setdefault(paths[file.number], file.input.name)
        if other != file.input.name:
            raise UsageError(
                f"{other} and {file.input.name} would share the rejects file {paths[file.number]}: "
                "load them one by one."
            )
    return paths
