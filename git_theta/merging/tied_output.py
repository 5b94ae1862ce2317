"""Output layers that are tied to the embeddings, and so aren't in the files of some versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from git_theta.errors import UsageError
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import content_key, side_name
from git_theta.merging.settings_versions import ReadSettings, SettingsVersions
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key

#: The file of settings in which libraries say whether weights are tied.
_CONFIG = "config.json"
_TIED = "tie_word_embeddings"

#: Modules of embeddings of tokens, and the layers that may share their weight.
_EMBEDDINGS = frozenset(
    ("embed_tokens", "wte", "word_embeddings", "tok_embeddings", "token_embd", "embed_in", "shared")
)
_OUTPUTS = frozenset(("lm_head", "embed_out"))
_NAMES = frozenset(("output.weight", "cls.predictions.decoder.weight"))

#: Ends of the names of classes that have an output layer over the vocabulary.
_WITH_HEAD = ("ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForConditionalGeneration", "ForPreTraining")


@dataclass(frozen=True, slots=True)
class TiedOutputs:
    """Versions in which output layers are there that are tied, and so not in the files.

    Attributes:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first.
        unclear: Name → reason, of output layers that one side tied and another changed.
        notes: Remarks about that, in words.
    """

    base: Manifest | None
    sides: tuple[Manifest, ...]
    unclear: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def with_tied_outputs(
    base: Manifest | None, sides: Sequence[Manifest], settings: ReadSettings
) -> TiedOutputs:
    """The versions with the embeddings as their output layer where both are tied, and another side has one.

    They are tied where the version's `config.json` says so, or is that of a class with such a layer; or where
    that layer of a version equals the embeddings.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first, with equal names for what corresponds.
        settings: Reads files of settings beside the versions.
    """
    names = dict.fromkeys(
        entry.name for side in sides for entry in parameter_entries(side) if _is_output(entry.name)
    )
    versions = [*sides, *([base] if base else [])]
    missing = [name for name in names if any(name not in version.by_name for version in versions)]
    if not missing:
        return TiedOutputs(base, tuple(sides))
    try:
        config = settings(_CONFIG)
    except UsageError:
        config = SettingsVersions()
    filled = TiedOutputs(base, tuple(sides))
    for name in missing:
        filled = _with_output(filled, name, config)
    return filled


def _with_output(versions: TiedOutputs, name: str, config: SettingsVersions) -> TiedOutputs:
    """The versions with one output layer in those that have it tied."""
    base, sides = versions.base, versions.sides
    having = [side for side in sides if name in side.by_name]
    known = [side.by_name[name] for side in having]
    is_tied = any(map(_is_tied_in_file, having, known))
    embeddings = [
        _tied_weight(side, name, known, config.of_side(index), is_tied=is_tied)
        for index, side in enumerate(sides)
    ]
    before = base.by_name.get(name) if base else None
    tied = next(((side_name(i), weight.name) for i, weight in enumerate(embeddings) if weight), None)
    if tied is None:
        return versions
    if base and before and not _is_tied_in_file(base, before):
        reason = f"tied to {tied[1]} by {tied[0]}, changed on the other side: take a side (-s ours or theirs)"
        return replace(versions, unclear={**versions.unclear, name: reason})
    old = _tied_weight(base, name, known, config.base, is_tied=is_tied) if base else None
    said = f"{name} isn't in {tied[0]}, and tied there: it's merged as {tied[1]}"
    if config.result and config.result.get(_TIED, True):
        said += f"; {_CONFIG} of the result has to say that they aren't ({_TIED}: false)"
    return replace(
        versions,
        base=_with_entry(base, name, old) if base else None,
        sides=tuple(_with_entry(side, name, weight) for side, weight in zip(sides, embeddings, strict=True)),
        notes=(*versions.notes, said),
    )


def _tied_weight(
    version: Manifest, name: str, known: Sequence[Entry], config: Mapping[str, Any], *, is_tied: bool
) -> Entry | None:
    """The embeddings that a missing output layer is tied to; `None` if the layer is there, or isn't tied.

    Args:
        version: The version.
        name: The output layer.
        known: That layer in other versions.
        config: The model's settings beside the version.
        is_tied: Whether a version that has the layer has the same values as embeddings.
    """
    if name in version.by_name:
        return None
    found = _embeddings(version, known[0])
    if not found:
        return None
    said = config.get(_TIED)
    if isinstance(said, bool):
        return found if said else None
    classes = config.get("architectures")
    has_head = isinstance(classes, list) and any(str(each).endswith(_WITH_HEAD) for each in classes)
    equal = is_tied or any(content_key(weight) == content_key(found) for weight in known)
    return found if has_head or equal else None


def _embeddings(version: Manifest, output: Entry) -> Entry | None:
    """The only embeddings of tokens with rows as an output layer has them."""
    found = [
        entry
        for entry in parameter_entries(version)
        if _module(entry.name) in _EMBEDDINGS and entry.spec.shape[1:] == output.spec.shape[1:]
    ]
    return found[0] if len({content_key(entry) for entry in found}) == 1 else None


def _is_tied_in_file(version: Manifest, output: Entry) -> bool:
    """Whether a version has the same weight as embeddings, too."""
    found = _embeddings(version, output)
    return found is not None and content_key(found) == content_key(output)


def _with_entry(version: Manifest, name: str, weight: Entry | None) -> Manifest:
    if weight is None:
        return version
    entries = (*version.entries, replace(weight, name=name))
    return replace(version, entries=tuple(sorted(entries, key=lambda entry: sort_key(entry.name))))


def _is_output(name: str) -> bool:
    return _module(name) in _OUTPUTS or name in _NAMES


def _module(name: str) -> str:
    """The module whose weight a parameter is; empty for another parameter."""
    words = name.replace("/", ".").rsplit(".", 2)
    return words[-2] if len(words) > 1 and words[-1] == "weight" else ""
