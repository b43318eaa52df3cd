"""The campaigns file: strict YAML into sources and campaigns, or every mistake in it with its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from refundctl.domain.basics.definition_mistakes import Place, did_you_mean, folded, shown
from refundctl.domain.basics.errors import InputMissing
from refundctl.domain.bookings.source import Source
from refundctl.domain.campaigns.campaign import Campaign
from refundctl.domain.campaigns.campaign_rules import clashes, rules_of
from refundctl.files.bookings.presets import DEFAULT_SOURCE, presets
from refundctl.files.bookings.sources_yaml import SourcesReading, SourcesRoot
from refundctl.files.yaml.strict_yaml import SIZE_BYTES_MAX, read_yaml


@dataclass(frozen=True, slots=True)
class CampaignsFile:
    """What a campaigns file says; `sources` always has the built-in `default`."""

    path: Path
    sources: Mapping[str, Source]
    campaigns: Mapping[str, Campaign]


def read_campaigns(path: Path) -> CampaignsFile:
    """Read a campaigns file. Raises InputMissing, and BadCampaigns with every mistake in it."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise InputMissing(f"{path} is missing: `refundctl init` writes one", path=str(path)) from None
    except IsADirectoryError:
        raise InputMissing(f"{path} is a folder: name the campaigns file in it", path=str(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{path} can't be read ({reason}): fix that, or name another file"
        raise InputMissing(message, path=str(path)) from None
    return parse_campaigns(content, path)


def parse_campaigns(content: bytes, path: Path) -> CampaignsFile:
    """Read the content of a campaigns file; `path` is what errors call it. Raises BadCampaigns."""
    reading = _CampaignsReading(str(path), _Root, presets)
    root = reading.read(read_yaml(content))
    if root is None:
        raise reading.bad_campaigns()
    sources = {DEFAULT_SOURCE: Source(), **root.sources}
    return CampaignsFile(path, sources, root.campaigns)


def starter_campaigns() -> str:
    """The small commented file that `refundctl init` writes."""
    return files(__package__).joinpath("campaigns.starter.yaml").read_text(encoding="utf-8")


class _Root(SourcesRoot):
    LATER: ClassVar[frozenset[str]] = frozenset({"mail", "reminders", "alerts"})

    campaigns: Mapping[str, Campaign] = Field(default={}, examples=["{flight-refunds: {currency: EUR}}"])


class _CampaignsReading(SourcesReading[_Root]):
    BEGINNING = "`version: 1`, then `campaigns:`, as campaigns.example.yaml does"

    def _completed(self, model: type[BaseModel], values: dict[str, object], place: Place) -> dict[str, object]:
        return {"name": place[-1], **values} if model is Campaign else super()._completed(model, values, place)

    def _check(self, tree: object) -> None:
        self._check_source_names(tree)
        self._check_rules(tree)

    def _check_source_names(self, tree: object) -> None:
        names = dict.fromkeys((DEFAULT_SOURCE, *_keys(tree, "sources")))
        for place in _source_tests(tree):
            wanted = _below(tree, *place)
            for at, name in enumerate(wanted if isinstance(wanted, tuple) else ()):
                if isinstance(name, str) and folded(name) not in names and folded(name) not in presets():
                    known = (*names, *presets())
                    advice = did_you_mean(name, known) or f"; there are {', '.join(known)}"
                    sentence = f"there is no source {shown(name)} in this file{advice}"
                    self._problem(self.spots[*place, at].value, (*place, at), sentence)

    def _check_rules(self, tree: object) -> None:
        """Rules beside each other; the models look at them only where each rule is right by itself."""
        for name in _keys(tree, "campaigns"):
            campaign = _below(tree, "campaigns", name)
            for mistake in clashes(campaign) if isinstance(campaign, Mapping) else ():
                place = ("campaigns", name, *mistake.place)
                self._problem(self.spots[place].value, place, mistake.sentence)


def _source_tests(tree: object) -> Iterator[Place]:
    """Where conditions look at the source."""
    for name in _keys(tree, "campaigns"):
        campaign: Place = ("campaigns", name)
        yield (*campaign, "eligible", "source")
        for place, _rule in rules_of(_below(tree, *campaign)):
            yield (*campaign, *place, "when", "source")


def _below(tree: object, *keys: str | int) -> object:
    """What stands under these keys and list positions; None where something else does."""
    for key in keys:
        if isinstance(tree, tuple) and isinstance(key, int):
            tree = tree[key]
        else:
            tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _keys(tree: object, key: str) -> Iterable[str]:
    below = _below(tree, key)
    return below if isinstance(below, Mapping) else ()
