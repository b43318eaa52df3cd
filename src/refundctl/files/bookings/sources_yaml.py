"""`sources:` as YAML, which the campaigns file and the presets have: each source on top of the preset that it names."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from refundctl.domain.basics.definition_mistakes import Place, did_you_mean, shown
from refundctl.domain.bookings.source import Source, on_top, source_name
from refundctl.files.yaml.yaml_models import ModelReading


class SourcesRoot(BaseModel):
    """The top of a file with sources."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    version: Literal[1] = Field(examples=["1"])
    sources: Mapping[Annotated[str, AfterValidator(source_name)], Source] = Field(
        default={}, examples=["{default: {}}"]
    )


Root = TypeVar("Root", bound=SourcesRoot)


class SourcesReading(ModelReading[Root]):
    """One pass over such a file; `presets` gives those that a source may name."""

    def __init__(self, path: str, model: type[Root], presets: Callable[[], Mapping[str, Source]]) -> None:
        super().__init__(path, model)
        self._presets = presets

    def _completed(self, model: type[BaseModel], values: dict[str, object], place: Place) -> dict[str, object]:
        return self._with_preset(values, place) if model is Source else values

    def _with_preset(self, own: dict[str, object], place: Place) -> dict[str, object]:
        """A source's own keys on top of those of the preset that it names."""
        name = own.get("preset")
        if not isinstance(name, str):
            return own
        presets = self._presets()
        preset = presets.get(name)
        if preset is None:
            advice = did_you_mean(name, presets) or f"; there are {', '.join(presets)}"
            sentence = f"there is no preset {shown(name)}{advice}"
            self._problem(self.spots[*place, "preset"].value, (*place, "preset"), sentence)
            return own
        return on_top(preset, own)
