"""Rules that stand behind all others, for what is no reason for a conflict: counters, and random states."""

from __future__ import annotations

from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import MergeRule
from git_theta.strategies.positive_names import POSITIVE_ENDS

#: Last keys of counters: of PyTorch, Lightning, Transformers, diffusers, torchtune, and others.
_COUNTERS = (
    "num_batches_tracked",
    "n_averaged",
    "step",
    "steps",
    "global_step",
    "_step_count",
    "last_epoch",
    "epoch",
    "current_epoch",
    "epochs_run",
    "steps_run",
    "total_epochs_run",
    "iteration",
    "num_updates",
    "optimization_step",
    "num_input_tokens_seen",
    "num_samples_seen",
    "total_batch_idx",
    "batch_idx",
    "_batches_that_stepped",
)

#: The progress of Lightning's loops.
_PROGRESS = ("*progress/total/*", "*progress/current/*")

#: All counters.
_COUNTING = (*(glob for key in _COUNTERS for glob in (key, f"*/{key}", f"*.{key}")), *_PROGRESS)

#: Parameters and values with the states of random numbers, wherever they are in a file.
_RANDOM = ("*rng_state*", "*rng_states*", "*random_state*", "*random_states*")

#: Files that have nothing but such states: of the Trainer of Hugging Face, and of Accelerate.
_RANDOM_FILES = ("rng_state*.pth", "random_states_*.pkl")

#: Values that a scheduler computes anew from its counters: the rates, and their copies in the optimizer.
_DERIVED = ("*_last_lr", "*_last_lr/*", "*param_groups/*/lr")

#: Variances, and means of squares in optimizers.
_POSITIVE = tuple(f"*{end}" for end in POSITIVE_ENDS)

#: The place of these rules in messages: `counter by default`.
DEFAULT_PLACE = "default"


def is_counter(name: str) -> bool:
    """Whether a parameter or value of one element counts something, by its name."""
    return MergeRule("counter", parameters=_COUNTING).is_for(name)


def standing_rules(purpose: Purpose) -> tuple[MergeRule, ...]:
    """The rules for parameters and values that would be in conflict by all others; some are for some files.

    A merge takes the larger count, and a pick adds the change; states of random numbers are ours. A pick
    scales variances as the change did: with a difference added, they might be negative.
    """
    positive = MergeRule("ratio", parameters=_POSITIVE, place=DEFAULT_PLACE)
    options = (("add", "true"),) if purpose is Purpose.PICK else ()
    return (
        MergeRule("ours", parameters=(*_RANDOM, *_DERIVED), place=DEFAULT_PLACE),
        MergeRule("ours", paths=_RANDOM_FILES, place=DEFAULT_PLACE),
        MergeRule("counter", options, parameters=_COUNTING, one_element=True, place=DEFAULT_PLACE),
        *([positive] if purpose is Purpose.PICK else []),
    )
