"""Train the base: it tells the ten digits from each other."""

from __future__ import annotations

import argparse

import torch
from models import Classifier, class_of, fit, read_data, save


def main() -> None:
    """Train a new model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(0)
    images, labels = read_data(args.data)
    model = Classifier(["digit"])
    fit(model, images, class_of(labels, "digit"), "digit", args.epochs, args.rate)
    save(model, args.out)


if __name__ == "__main__":
    main()
