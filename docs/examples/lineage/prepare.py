"""Write a set of scanned digits of 8 x 8 pixels: scikit-learn's copy of one of the UCI."""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits

#: Images of the test set: the last ones, written by other people than the rest.
TEST = 400

#: The value of a white pixel.
WHITE = 16


def main() -> None:
    """Write images, as float32 in [0, 1], and labels."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["train", "test"])
    parser.add_argument("out")
    args = parser.parse_args()
    digits = load_digits()
    part = slice(-TEST, None) if args.part == "test" else slice(-TEST)
    images = (digits.images[part] / WHITE).astype(np.float32)
    np.savez_compressed(args.out, images=images, labels=digits.target[part].astype(np.int64))


if __name__ == "__main__":
    main()
