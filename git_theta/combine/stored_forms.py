"""Tensors whose numbers in a file aren't their values: they can't be written or combined as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from git_theta import formats
from git_theta.combine.model import Model
from git_theta.errors import UsageError
from git_theta.formats.base import HasStoredForms
from git_theta.merging.manifest_parts import parameter_entries

#: The form of a stored tensor → the call of PyTorch that makes plain numbers of it.
_PLAIN_FORMS = {
    "conjugated": ".resolve_conj()",
    "negated": ".resolve_neg()",
    "quantised": ".dequantize()",
}


def stored_forms(model: Model) -> dict[str, str]:
    """Name → form, such as `negated`, of parameters whose numbers in the file aren't their values."""
    plugin = formats.registry().get(model.manifest.format)
    return dict(plugin.stored_forms(model.version().skeleton)) if isinstance(plugin, HasStoredForms) else {}


def check_plain(model: Model, names: Iterable[str]) -> None:
    """Check that the numbers in a model's file are the values of parameters.

    Raises:
        UsageError: Those of a parameter aren't.
    """
    forms = stored_forms(model)
    for name in names:
        if form := forms.get(name):
            raise UsageError(
                f"{name} is stored {form}: its values would be others in the new file",
                f"leave it out with --params, or save it anew: {_plainly(form)}",
            )


def check_alike(models: Sequence[Model]) -> None:
    """Check that numbers of the same parameter mean the same in the files of several models.

    Raises:
        UsageError: They don't: a parameter is stored otherwise in one model than in another, or its
            numbers are multiples of a scale that each file has for itself.
    """
    forms = [stored_forms(model) for model in models]
    if not any(forms):
        return
    digests = [{entry.name: entry.digest for entry in parameter_entries(each.manifest)} for each in models]
    for name in dict.fromkeys(name for each in forms for name in each):
        having = [index for index, each in enumerate(digests) if name in each]
        found = {forms[index].get(name, "plainly"): models[index].name for index in having}
        if len(found) > 1 or ("quantised" in found and _differ(name, digests)):
            form, owner = next((form, owner) for form, owner in found.items() if form != "plainly")
            raise UsageError(
                f"{name} is stored {form} in {owner}: its numbers can't be combined with others",
                f"save it anew: {_plainly(form)}",
            )


def _differ(name: str, digests: Iterable[Mapping[str, str]]) -> bool:
    return len({each[name] for each in digests if name in each}) > 1


def _plainly(form: str) -> str:
    return _PLAIN_FORMS.get(form, "as plain numbers")
