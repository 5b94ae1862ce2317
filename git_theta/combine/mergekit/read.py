"""Reads merges for mergekit from YAML. Nothing is ignored: what isn't known or supported is an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from git_theta.combine.mergekit.config import LayerSlice, MergekitConfig, Settings, SliceSource
from git_theta.combine.mergekit.methods import METHODS, BasePlace, Method, Parameter
from git_theta.combine.mergekit.settings import FilteredValue, Setting, scalar
from git_theta.errors import UsageError
from git_theta.merging.dtypes import WIDEST, parse_dtype
from git_theta.runtime.suggest import did_you_mean
from git_theta.yaml_file import read_yaml_file

#: Bytes of a file, at most; a merge of a hundred layers, each for itself, has 20 KB.
MAX_CONFIG = 64 << 10

_KEYS = ("merge_method", "models", "slices", "base_model", "parameters", "dtype", "out_dtype")

_ONLY_WEIGHTS = "only weights are combined: leave it out if all models have the same tokenizer"

#: Key → what to do instead.
_UNSUPPORTED = {
    "modules": "combine one module after the other, each with models or slices",
    "tokenizer": _ONLY_WEIGHTS,
    "tokenizer_source": _ONLY_WEIGHTS,
    "chat_template": "only weights are combined: leave it out, and set it in the tokenizer's files",
}

#: A parameter of some methods that people give to all. It changes no value in any.
_MASK = "int8_mask"


def read_config(data: bytes, where: str) -> MergekitConfig:
    """Read a merge for mergekit.

    Args:
        data: The YAML.
        where: Name of the file for messages.

    Raises:
        UsageError: It isn't such a merge, has an unknown key, or asks for something that isn't supported; or
            PyYAML isn't installed.
    """
    found = read_yaml_file(data, where)
    try:
        return _config(found)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from error


def _config(found: Any) -> MergekitConfig:
    top = _map(found, "the file", (*_KEYS, *_UNSUPPORTED))
    for key, hint in _UNSUPPORTED.items():
        if top.get(key) is not None:
            raise UsageError(f"{key} isn't supported", hint)
    name = top.get("merge_method", "")
    if not isinstance(name, str) or name not in METHODS:
        known = f"known: {', '.join(METHODS)}"
        raise UsageError(f"merge_method {name!r} isn't known", did_you_mean(str(name), METHODS) or known)
    reader = _Reader(name, METHODS[name], [])
    base = _model_name(top["base_model"], "base_model") if top.get("base_model") is not None else ""
    if (top.get("models") is None) == (top.get("slices") is None):
        raise UsageError("either models or slices are needed")
    slices: tuple[LayerSlice, ...]
    if top.get("models") is not None:
        slices = (reader.models(top["models"], base),)
    else:
        slices = tuple(reader.slice(each, base) for each in _list(top["slices"], "slices"))
    settings = reader.settings(top.get("parameters"), "parameters")
    for part in slices:
        reader.check(part, settings)
    notes = tuple(dict.fromkeys(reader.notes))
    return MergekitConfig(name, METHODS[name], slices, settings, _dtype(top), notes)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the models of a merge, and the parameters of its method.

    Attributes:
        name: mergekit's name of the method.
        method: The method.
        notes: Remarks for the user are added here.
    """

    name: str
    method: Method
    notes: list[str]

    def models(self, found: Any, base: str) -> LayerSlice:
        """Whole models; as in mergekit, the base is the last of them if the list doesn't have it."""
        sources = [self._source(each) for each in _list(found, "models")]
        if base and base not in [source.model for source in sources]:
            sources.append(SliceSource(base, {}))
        return LayerSlice(tuple(sources), {}, base)

    def slice(self, found: Any, base: str) -> LayerSlice:
        """Layers of some models; `base` is that of the merge."""
        table = _map(found, "a slice", ("sources", "parameters", "base_model", "residual_weight"))
        if table.get("residual_weight") is not None:
            raise UsageError(
                "residual_weight isn't supported", "leave it out: mergekit doesn't use it either"
            )
        if table.get("base_model") is not None:
            base = _model_name(table["base_model"], "base_model")
        sources = tuple(self._source(each, layers=True) for each in _list(table.get("sources"), "sources"))
        if len({source.layers and source.layers[1] - source.layers[0] for source in sources}) > 1:
            raise UsageError("the sources of a slice have different numbers of layers")
        return LayerSlice(sources, self.settings(table.get("parameters"), "a slice's parameters"), base)

    def settings(self, found: Any, what: str, *, of_model: bool = False) -> Settings:
        """The values of parameters, which the method must know."""
        settings = {}
        for name, value in (_map(found, what) if found is not None else {}).items():
            parameter = self.method.parameters.get(name)
            if parameter is None and name != _MASK:
                raise self._unknown(name)
            if parameter is None or not parameter.option:
                if name != _MASK:
                    self.notes.append(f"{name} has no effect in {self.name}, as in mergekit")
            elif of_model and not parameter.per_model:
                raise UsageError(
                    f"{name} of {self.name} isn't a parameter of one model",
                    "it belongs to the parameters of the merge or of a slice",
                )
            else:
                settings[name] = _setting(name, parameter, value)
        return settings

    def check(self, part: LayerSlice, settings: Settings) -> None:
        """Check the number of models, and that nothing which the method needs is missing."""
        names = [source.model for source in part.sources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise UsageError(f"{twice} is named twice in one list of models")
        apart = self.method.base is BasePlace.APART or (self.method.base is BasePlace.OPTIONAL and part.base)
        if not part.base and self.method.base in (BasePlace.APART, BasePlace.OURS):
            raise UsageError(f"{self.name} needs a base_model")
        if self.method.base is not BasePlace.NONE and part.base and part.base not in names:
            raise UsageError(f"base_model {part.base} isn't among the sources of a slice")
        sides = [source for source in part.sources if not (apart and source.model == part.base)]
        most = self.method.most
        if len(sides) < self.method.least or (most is not None and len(sides) > most):
            beside = " beside the base" if apart else ""
            wanted = f"exactly {most}" if most else f"at least {self.method.least}"
            raise UsageError(f"{self.name} merges {wanted} of the models{beside}, and here are {len(sides)}")
        for name, parameter in self.method.parameters.items():
            of_models = [source.settings if parameter.per_model else {} for source in sides]
            general = name in settings or name in part.settings
            if parameter.required and not general and not all(name in each for each in of_models):
                raise UsageError(f"{self.name} needs the parameter {name}")
        if apart and any(source.settings for source in part.sources if source.model == part.base):
            self.notes.append(f"parameters of the base {part.base} have no effect, as in mergekit")

    def _source(self, found: Any, *, layers: bool = False) -> SliceSource:
        table = _map(found, "a model", ("model", "parameters", *(["layer_range"] if layers else [])))
        name = _model_name(table.get("model"), "model")
        settings = self.settings(table.get("parameters"), f"the parameters of {name}", of_model=True)
        return SliceSource(name, settings, _layers(table.get("layer_range"), name) if layers else None)

    def _unknown(self, name: str) -> UsageError:
        known = self.method.parameters
        if any(name in method.parameters for method in METHODS.values()):
            hint = "leave it out: mergekit doesn't use it there either"
        else:
            hint = did_you_mean(name, known) or (f"known: {', '.join(known)}" if known else "it has none")
        return UsageError(f"{self.name} has no parameter {name!r}", hint)


def _setting(name: str, parameter: Parameter, found: Any) -> Setting:
    """The values of one parameter: one for all tensors, or several with filters."""
    tables = [found] if isinstance(found, dict) else found
    if not isinstance(tables, list) or not any(isinstance(each, dict) for each in tables):
        return (FilteredValue(_anchors(name, parameter, found)),)
    values = []
    for each in tables:
        table = _map(each, f"a value of {name}", ("value", "filter"))
        text = table.get("filter")
        if text is not None and not isinstance(text, str):
            raise UsageError(f"{name}: the filter {text!r} isn't a text")
        values.append(FilteredValue(_anchors(name, parameter, table.get("value")), text or ""))
    return tuple(values)


def _anchors(name: str, parameter: Parameter, found: Any) -> tuple[bool | int | float, ...]:
    values = found if isinstance(found, list) else [found]
    if not values:
        raise UsageError(f"{name} is an empty list")
    try:
        return tuple(scalar(value, parameter.kind) for value in values)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _layers(found: Any, model: str) -> tuple[int, int]:
    pair = found if isinstance(found, list) and len(found) == 2 else [None, None]
    first, end = pair
    if type(first) is not int or type(end) is not int or not 0 <= first < end:
        raise UsageError(
            f"layer_range of {model}, {found!r}, isn't two layers", "write: [FIRST, THE ONE AFTER THE LAST]"
        )
    return first, end


def _dtype(top: dict[str, Any]) -> str:
    """The dtype of the result. Values are computed in float64 and rounded once, whatever `dtype` says."""
    for key in ("out_dtype", "dtype"):
        if top.get(key) is not None:
            if not isinstance(top[key], str):
                raise UsageError(f"{key} {top[key]!r} isn't the name of a dtype")
            return parse_dtype(top[key])
    return WIDEST


def _map(found: Any, what: str, known: Sequence[str] | None = None) -> dict[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UsageError(f"{what} must be a map of keys, and isn't")
    for key in found:
        if known is not None and key not in known:
            hint = did_you_mean(key, known) or f"known: {', '.join(known)}"
            raise UsageError(f"{what} has the unknown key {key!r}", hint)
    return found


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list) or not found:
        raise UsageError(f"{what} must be a list, and isn't")
    return found


def _model_name(found: Any, what: str) -> str:
    if not isinstance(found, str) or not found:
        raise UsageError(f"{what} must be the name of a model: a file, a folder, or REV:PATH")
    return found
