"""The fine-tuning of one model, as a command: `python -m … BASE TASK OUT SEED NOISE`."""

from __future__ import annotations

import sys
from pathlib import Path


def main(base: str, task: str, out: str, seed: str, noise: str) -> None:
    """Train a model to answer a question, with one thread: the last bits depend on their number."""
    import torch

    from benchmarks.lineage.training.text_model import finetune

    torch.set_num_threads(1)
    finetune(Path(base), task, Path(out), seed=int(seed), noise=float(noise))


if __name__ == "__main__":
    main(*sys.argv[1:])
