"""Counters and states of random numbers: merged without a conflict."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from git_theta.formats.safetensors.header import read_header
from git_theta.merging.execute import Merger
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import PICK_DEFAULT, MergeRule, MergeRules
from git_theta.merging.standing_rules import standing_rules
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge

torch: Any = pytest.importorskip("torch")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def _saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def merged(store: LocalStore, *versions: Any, rules: MergeRules) -> Any:
    base, *sides = (clean(store, _saved(value)) for value in versions)
    found = Merger(store).merge(base, sides, rules)
    assert found.manifest is not None, found.conflicts
    return torch.load(io.BytesIO(smudge(store, found.manifest)), weights_only=False)


STANDING = MergeRules(standing=standing_rules(Purpose.MERGE))
MERGE = STANDING.of_path("last.ckpt")
PICK = MergeRules(default=PICK_DEFAULT, standing=standing_rules(Purpose.PICK)).of_path("last.ckpt")


def lightning(number: int) -> dict[str, Any]:
    """A checkpoint as Lightning writes it, after some steps."""
    progress = {"total": {"ready": number}, "current": {"ready": number}}
    return {
        "epoch": number,
        "global_step": 10 * number,
        "state_dict": {
            "bn.num_batches_tracked": torch.tensor(10 * number),
            "w": torch.full((3,), float(number)),
        },
        "loops": {"fit_loop": {"epoch_loop.batch_progress": progress}},
        "optimizer_states": [
            {
                "state": {0: {"step": torch.tensor(10.0 * number)}},
                "param_groups": [{"lr": 0.1 / number, "params": [0]}],
            }
        ],
        "lr_schedulers": [{"last_epoch": number, "_step_count": number + 1, "_last_lr": [0.1 / number]}],
        "rng_states": {"torch": torch.full((4,), number, dtype=torch.uint8), "python": (3, (number,), None)},
    }


@pytest.mark.parametrize(
    ("rules", "count", "weight"), [(MERGE, 5, 4.0), (PICK, 6, 6.0)], ids=["merge", "pick"]
)
def test_a_training_checkpoint_merges_without_conflicts(
    store: LocalStore, rules: MergeRules, count: int, weight: float
) -> None:
    found = merged(store, lightning(2), lightning(3), lightning(5), rules=rules)
    state = found["state_dict"]
    assert (state["bn.num_batches_tracked"].item(), state["w"].tolist()) == (10 * count, [weight] * 3)
    assert state["bn.num_batches_tracked"].dtype == torch.int64
    assert (found["epoch"], found["global_step"]) == (count, 10 * count)
    assert found["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"] == {"ready": count}
    assert found["optimizer_states"][0]["state"][0]["step"].item() == 10 * count
    # A sum of step counts from 1 has the 1 of every side, but for that of the base.
    assert found["lr_schedulers"] == [{"last_epoch": count, "_step_count": count + 1, "_last_lr": [0.1 / 3]}]
    assert found["rng_states"]["torch"].tolist() == [3] * 4
    assert found["optimizer_states"][0]["param_groups"] == [{"lr": 0.1 / 3, "params": [0]}]
    assert found["rng_states"]["python"] == (3, (3,), None)


def test_a_file_of_random_states_is_ours(store: LocalStore) -> None:
    rules = STANDING.of_path("checkpoint-5/rng_state_0.pth")
    states = [{"cpu": torch.full((4,), i, dtype=torch.uint8), "numpy": ("MT19937", [i], i)} for i in range(3)]
    found = merged(store, *states, rules=rules)
    assert (found["cpu"].tolist(), found["numpy"]) == ([1] * 4, ("MT19937", [1], 1))


def test_a_strategy_for_all_parameters_leaves_whole_counts_to_the_rule(store: LocalStore) -> None:
    rules = replace(MERGE, rules=(MergeRule("ties"),))
    versions = [{"w": torch.full((3,), float(i)), "n.num_batches_tracked": torch.tensor(i)} for i in range(3)]
    assert merged(store, *versions, rules=rules)["n.num_batches_tracked"].item() == 2


@pytest.mark.parametrize(("rules", "count"), [(MERGE, "5"), (PICK, "6")], ids=["merge", "pick"])
def test_counters_in_the_metadata_of_safetensors(store: LocalStore, rules: MergeRules, count: str) -> None:
    weights = {"w": np.zeros(2, "f4")}
    versions = [
        clean(store, safetensors_bytes({**weights, **more}, {"global_step": text}))
        for text, more in (("2", {}), ("3", {"a": np.zeros(1, "f4")}), ("5", {"b": np.zeros(1, "f4")}))
    ]
    base, *sides = versions
    done = Merger(store).merge(base, sides, rules)
    assert done.manifest is not None
    header = read_header(memoryview(smudge(store, done.manifest)))
    assert header["__metadata__"] == {"global_step": count}


def test_a_counter_that_is_not_a_number_on_all_sides_is_in_conflict(store: LocalStore) -> None:
    versions = [
        clean(store, safetensors_bytes({"w": np.zeros(2, "f4")}, {"step": text})) for text in ("1", "2", "a")
    ]
    base, *sides = versions
    done = Merger(store).merge(base, sides, MERGE)
    assert [conflict.name for conflict in done.conflicts] == ["__metadata__/step"]


def test_the_values_that_are_ours_by_default_are_named(store: LocalStore) -> None:
    base, *sides = (
        clean(store, _saved({"lr_schedulers": [{"_last_lr": [rate]}], "epoch": 1, "w": torch.tensor([rate])}))
        for rate in (1.0, 2.0, 3.0)
    )
    done = Merger(store).merge(base, sides, MERGE)
    assert done.as_ours == ("lr_schedulers/0/_last_lr/0",)
    chosen = replace(MERGE, rules=(MergeRule("ours", parameters=("*_last_lr*",)),))
    assert Merger(store).merge(base, sides, chosen).as_ours == ()


def test_a_side_for_a_counter_is_that(store: LocalStore) -> None:
    rule = MergeRule("ours", parameters=("epoch", "step"))
    rules = replace(MERGE, rules=(rule,))
    versions = [{"epoch": i, "step": torch.tensor(i)} for i in range(3)]
    assert merged(store, *versions, rules=rules) == {"epoch": 1, "step": torch.tensor(1)}


@pytest.mark.parametrize("name", ["encoder.weight", "steps_emb.weight", "step_size", "epoch_loss", "cpu"])
def test_names_that_only_look_like_counters(name: str) -> None:
    assert next(MERGE.to_try(name)) == MERGE.default


def test_a_vector_is_no_counter(store: LocalStore) -> None:
    base, ours, theirs = ({"step": torch.full((2,), float(number))} for number in (0, 1, 3))
    assert merged(store, base, ours, theirs, rules=MERGE)["step"].tolist() == [2.0, 2.0]
