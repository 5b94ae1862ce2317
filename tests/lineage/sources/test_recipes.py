"""Recipes of merges in manifests."""

from __future__ import annotations

from git_theta.lineage.sources.recipes import RecipeParents, has_recipes
from git_theta.model.manifest import Manifest, ObjectRef, Source
from tests.helpers.manifests import A, B, C, entry, manifest

DENSE = {digest: Source("dense", ObjectRef(digest, 0, 10)) for digest in (A, B, C)}


def recipe(*inputs: str) -> Source:
    return Source("recipe", ObjectRef("d" * 64, 0, 10), tuple(DENSE[each] for each in inputs))


def models(*children: Source) -> dict[str, tuple[Manifest, ...]]:
    entries = [entry(f"w{number}", "e" * 64, source) for number, source in enumerate(children)]
    parents = {name: (manifest(entry("w", digest, DENSE[digest])),) for name, digest in (("a", A), ("b", B))}
    return {**parents, "merged": (manifest(*entries),)}


def test_the_models_of_a_merge() -> None:
    found = models(recipe(A, B), recipe(A, B), DENSE[C])
    assert has_recipes(found["merged"])
    assert RecipeParents(found).parents("merged") == ["a", "b"]


def test_inputs_of_unknown_models() -> None:
    assert RecipeParents(models(recipe(A, C))).parents("merged") == []
    assert not has_recipes(models(DENSE[A])["merged"])
    assert RecipeParents(models(DENSE[A])).parents("merged") == []


def test_a_model_of_few_recipes_is_no_parent() -> None:
    assert RecipeParents(models(recipe(A, C), recipe(A, C), recipe(A, B))).parents("merged") == []


def test_of_models_with_one_parameter_the_first_that_isnt_the_child() -> None:
    found = models(recipe(A, B))
    (own,) = found["merged"]
    found["copy"] = found["a"]
    found["0"] = (manifest(*own.entries, entry("w", A, DENSE[A])),)
    assert RecipeParents(found).parents("0") == ["a", "b"]
    assert RecipeParents(found).parents("merged") == ["0", "b"]
