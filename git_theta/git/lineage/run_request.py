"""A command to run, and the models and files that it's about."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.lineage.record import RecordedParent


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A command to run, and the models and files that it's about.

    Attributes:
        words: The command's words; see `filled_in`.
        outputs: Names of the models that it makes.
        parents: The models that it makes them from.
        inputs: Paths from the top, of files that it reads.
        folder: The folder to run it in, from the top; empty for the top.
        relation: The kind of derivation; empty if it isn't said.
        why: The reason; empty if there's none.
        seed: A seed that the command was given; `None` if there's none.
        dirty: Whether inputs and parents may differ from the index.
        keep: Whether a failure leaves outputs as the command made them.
        timeout: Seconds that the command may take, without a user in front of it; `None` for any time.
        to_stderr: Whether the command's output goes to stderr, as stdout is for something else.
        is_again: Whether the command ran before. Old outputs are out of its way then, as they were the first
            time.
    """

    words: tuple[str, ...]
    outputs: tuple[str, ...]
    parents: tuple[RecordedParent, ...] = ()
    inputs: tuple[str, ...] = ()
    folder: str = ""
    relation: str = ""
    why: str = ""
    seed: int | None = None
    dirty: bool = False
    keep: bool = False
    timeout: float | None = None
    to_stderr: bool = False
    is_again: bool = False
