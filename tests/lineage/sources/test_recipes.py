"""Recipes of merges in manifests."""

from __future__ import annotations

from git_theta.lineage.sources.recipes import has_recipes, recipe_parents
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
    assert recipe_parents("merged", found) == ["a", "b"]


def test_inputs_of_unknown_models() -> None:
    assert recipe_parents("merged", models(recipe(A, C))) == []
    assert not has_recipes(models(DENSE[A])["merged"])
    assert recipe_parents("merged", models(DENSE[A])) == []


def test_a_model_of_few_recipes_is_no_parent() -> None:
    assert recipe_parents("merged", models(recipe(A, C), recipe(A, C), recipe(A, B))) == []
