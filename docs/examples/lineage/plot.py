"""Draw the JSON of `git theta test log`: the base through its versions, all models before and after."""

from __future__ import annotations

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["svg.hashsalt"] = "lineage"
from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen before

BASE = "base/model.safetensors"


def metrics(versions: list[dict]) -> list[float]:
    """The values of a model's only test, the oldest first."""
    found = [list(version["results"].values()) for version in reversed(versions)]
    return [results[0]["value"] for results in found if results]


def main(place: str) -> None:
    """Write the picture."""
    log = {each["model"]: each["versions"] for each in json.load(sys.stdin)["models"]}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=[3, 4], layout="constrained")
    base = metrics(log[BASE])
    left.plot(range(1, len(base) + 1), base, "o-", color="#0072b2")
    left.set(title="the base, by version", ylabel="accuracy", ylim=(0.6, 1), xticks=range(1, len(base) + 1))
    names = [name for name in log if name != BASE]
    for offset, colour, label, values in (
        (-0.2, "#b0b7c3", "before", [metrics(log[name])[0] for name in names]),
        (0.2, "#009e73", "after the repair", [metrics(log[name])[-1] for name in names]),
    ):
        right.bar([index + offset for index in range(len(names))], values, 0.38, color=colour, label=label)
    labels = [name.rsplit("/", 1)[0].replace("/", "\n") for name in names]
    right.set(title="the models made from it", ylim=(0.6, 1), xticks=range(len(names)), xticklabels=labels)
    right.legend(loc="upper left", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(place, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
