"""Fine-tune the base for another task: the trunk is trained on, with a new head."""

from __future__ import annotations

import argparse

import torch
from models import Classifier, class_of, fit, load, read_data, save

#: Labelled images that there are for the new task.
EXAMPLES = 200


def main() -> None:
    """Train a copy of the base."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(1)
    model = Classifier([args.task])
    model.trunk.load_state_dict(load(args.base).trunk.state_dict())
    images, labels = (each[:EXAMPLES] for each in read_data(args.data))
    fit(model, images, class_of(labels, args.task), args.task, epochs=20, rate=3e-4)
    save(model, args.out)


if __name__ == "__main__":
    main()
