from __future__ import annotations

from typing import Any

import pytest

from git_theta.errors import UsageError
from git_theta.merging.settings_versions import SettingsVersions, no_settings
from git_theta.merging.tied_output import TiedOutputs, with_tied_outputs
from git_theta.model.manifest import Manifest
from tests.helpers.small_manifests import manifest

HEAD, EMBED = "lm_head.weight", "model.embed_tokens.weight"

TIED = manifest(**{EMBED: "e"})
UNTIED = manifest(**{EMBED: "e2", HEAD: "h2"})

TRUE, FALSE = {"tie_word_embeddings": True}, {"tie_word_embeddings": False}


def filled(base: Manifest | None, *sides: Manifest, config: tuple[dict[str, Any], ...] = ()) -> TiedOutputs:
    """The versions with their outputs; settings are those of the base, then of the sides."""
    found = SettingsVersions(config[0], config[1:], config[1]) if config else SettingsVersions()
    return with_tied_outputs(base, sides, lambda _name: found)


@pytest.mark.parametrize(
    ("config", "is_tied"),
    [
        (TRUE, True),
        ({"architectures": ["GPT2LMHeadModel"]}, True),
        ({"architectures": ["GPT2Model"]}, False),
        ({"architectures": ["LlamaForCausalLM"], **FALSE}, False),
        ({"architectures": 5}, False),
        ({}, False),
    ],
)
def test_settings_say_whether_a_layer_is_tied(config: dict[str, Any], is_tied: bool) -> None:
    found = filled(TIED, TIED, UNTIED, config=(config, config, FALSE))
    for version in (found.base, found.sides[0]):
        assert version
        assert (HEAD in version.by_name) is is_tied
        assert not is_tied or version.by_name[HEAD].digest == version.by_name[EMBED].digest
    assert bool(found.notes) is is_tied
    assert found.sides[1] == UNTIED


def test_equal_values_say_so_too() -> None:
    for other in (manifest(**{EMBED: "e2", HEAD: "e2"}), manifest(**{EMBED: "e2", HEAD: "e"})):
        assert HEAD in filled(None, TIED, other).sides[0].by_name
    assert filled(None, TIED, UNTIED).sides == (TIED, UNTIED)


def test_settings_of_the_result_that_do_not_fit_are_said() -> None:
    assert "has to say that they aren't" in filled(None, TIED, UNTIED, config=({}, TRUE, FALSE)).notes[0]
    untied = SettingsVersions({}, (TRUE, FALSE), FALSE)
    assert "has to say" not in with_tied_outputs(None, [TIED, UNTIED], lambda _name: untied).notes[0]


def test_a_layer_that_a_side_tied_is_unclear() -> None:
    found = filled(manifest(**{EMBED: "e", HEAD: "h"}), TIED, UNTIED, config=(FALSE, TRUE, FALSE))
    assert found.sides == (TIED, UNTIED)
    assert found.unclear[HEAD].startswith(f"tied to {EMBED} by ours, changed on the other side")


def test_nothing_is_read_where_all_versions_have_the_same_layers() -> None:
    def settings(_name: str) -> SettingsVersions:
        raise AssertionError("not needed")

    for sides in ((UNTIED, UNTIED), (TIED, TIED)):
        assert with_tied_outputs(sides[0], sides, settings) == TiedOutputs(sides[0], sides)


def test_other_embeddings_and_unreadable_settings_decide_nothing() -> None:
    def settings(_name: str) -> SettingsVersions:
        raise UsageError("config.json isn't JSON")

    assert with_tied_outputs(None, [TIED, UNTIED], settings).sides == (TIED, UNTIED)
    two = manifest(**{EMBED: "e", "encoder.embed_tokens.weight": "other"})
    assert filled(None, two, UNTIED, config=({}, TRUE, FALSE)).sides == (two, UNTIED)
    assert with_tied_outputs(None, [manifest(w="a"), UNTIED], no_settings).sides[0] == manifest(w="a")
