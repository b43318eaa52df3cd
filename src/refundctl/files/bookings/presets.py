"""The presets: sources of well-known systems, built in, and which of them a file's header shows."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.definition_mistakes import folded
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import NEEDED, WHITESPACE
from refundctl.files.bookings.bookings_header import lacking
from refundctl.files.tables.csv_rows import CsvRows, first_row
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.headers import likely_delimiter

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: The source that is there without being written down.
DEFAULT_SOURCE = "default"
#: Of a preset's required columns, so many may be missing in a file that is still told which they are.
MISSING_MAX = 2


def preset_texts() -> str:
    """The file that holds the presets, with its comments: a campaigns file of sources only."""
    return files(__package__).joinpath("presets.yaml").read_text(encoding="utf-8")


@cache
def presets() -> "Mapping[str, Source]":
    """Every preset under its name."""
    from refundctl.files.bookings.sources_yaml import SourcesReading, SourcesRoot
    from refundctl.files.yaml.strict_yaml import read_yaml

    reading = SourcesReading("presets.yaml", SourcesRoot, dict)
    root = reading.read(read_yaml(preset_texts().encode()))
    if root is None:
        raise reading.bad_campaigns()
    return {name: source.model_copy(update={"preset": name}) for name, source in root.sources.items()}


def header_names(stream: BinaryIO, name: str, source: "Source", *, encoding: str | None = None) -> tuple[str, ...]:
    """The names in a file's header, whatever kind of file it is; the stream is at its start before and after.

    The delimiter is the one by which the header has most names that a preset or `source` knows. Nothing where there is
    no such line, or its quotes make it none. Raises BadInput where it is no text file in its encoding, UsageError for
    an unknown encoding.
    """
    text = TextBytes(stream, name, find_encoding(stream, encoding or source.encoding))
    try:
        beginning = CsvRows(text).beginning()
    finally:
        stream.seek(0)
    names = _split(beginning, source.delimiter or likely_delimiter(beginning, source.all_headers()))
    if source.delimiter is not None or _is_default(names, source):
        return names
    known = [header for one in (source, *presets().values()) for header in one.all_headers()]
    return _split(beginning, likely_delimiter(beginning, known))


def _split(text: str, delimiter: str) -> tuple[str, ...]:
    fields, _ = first_row(text, delimiter) or ([], 0)
    return tuple(field.strip(WHITESPACE) for field in fields)


def recognised(names: Sequence[str]) -> str | None:
    """The preset whose required columns a header has; of several, the one with most of its columns found."""
    there = set(map(folded, names))
    fitting = {
        name: len(there.intersection(map(folded, _mapped(preset))))
        for name, preset in presets().items()
        if not _missing(there, preset)
    }
    return max(fitting, key=lambda name: fitting[name], default=None)


def recognise(names: Sequence[str], default: "Source") -> str | None:
    """The source to read a file with this header by: `default` where it has a booking_id and an order_amount.

    Else a preset; None where none fits.
    """
    return DEFAULT_SOURCE if _is_default(names, default) else recognised(names)


def _is_default(names: Sequence[str], default: "Source") -> bool:
    there = set(map(folded, names))
    return all(folded(header) in there for name in NEEDED for header in default.headers_of(name))


def near_miss(path: str, names: Sequence[str], default: "Source") -> BadInput | None:
    """For a header that no preset fits: the refusal of one that nearly does, which says what it lacks.

    None where none is near, or the header has a column that the default source needs: then reading the file by that
    says what to do.
    """
    there = set(map(folded, names))
    if any(folded(header) in there for name in NEEDED for header in default.headers_of(name)):
        return None
    missing = {name: len(_missing(there, preset)) for name, preset in presets().items()}
    near = {
        name: count
        for name, count in missing.items()
        if 0 < count <= MISSING_MAX and 2 * count < len(presets()[name].required())
    }
    nearest = min(near, key=lambda name: near[name], default=None)
    return None if nearest is None else lacking(path, names, presets()[nearest])


def _mapped(preset: "Source") -> set[str]:
    return {header for name in preset.columns for header in preset.headers_of(name)}


def _missing(there: set[str], preset: "Source") -> list[str]:
    return [header for header in preset.required() if folded(header) not in there]
