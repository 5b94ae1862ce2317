"""Metrics in outputs of commands."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.evaluation.metric import MetricError, check_metric, read_metric


@pytest.mark.parametrize(
    ("metric", "output", "value"),
    [
        ("json:acc", '{"acc": 0.91}', 0.91),
        ("json:acc", 'loading\n{"acc": 0.5}\n{"acc": 0.91}\n{"done": true}\nbye\n', 0.91),
        ("json:results.arc.acc,none", '{"results": {"arc": {"acc,none": 1}}}', 1.0),
        ("json:a.b.c", '{"a.b": {"c": 3}}', 3.0),
        ("json:a.b.c", '{"a": {"x": 1}, "a.b": {"c": 3}}', 3.0),
        ("json:runs.1.loss", '{"runs": [{"loss": 3}, {"loss": 2e-1}]}', 0.2),
        ("json:1", "[5, 6]", 6.0),
        ("json:acc", '{\n "acc": -1\n}\n', -1.0),
        (r"regex:acc=([\d.]+)", "epoch 1 acc=0.5\nepoch 2 acc=0.75\n", 0.75),
        (r"regex:^loss: (\S+)$", "loss: 1e-3\nend", 0.001),
        (r"regex:\d+", "3 and 14", 14.0),
    ],
)
def test_a_metric_is_found(metric: str, output: str, value: float) -> None:
    check_metric(metric)
    assert read_metric(metric, output) == value


@pytest.mark.parametrize(
    ("metric", "output", "reason"),
    [
        ("json:acc", "", "printed no JSON: nothing"),
        ("json:acc", "accuracy is good", "printed no JSON: 'accuracy is good'"),
        ("json:acc", '{"loss": 1}', "has no 'acc'"),
        ("json:acc", '{"acc": NaN}', "the metric is nan"),
        ("json:acc", '{"acc": -Infinity}', "the metric is -inf"),
        ("json:acc", '{"acc": 1e999}', "the metric is inf"),
        ("json:acc", '{"acc": "0.9"}', "acc is '\"0.9\"', and not a number"),
        ("json:acc", '{"acc": true}', "not a number"),
        ("json:acc", '{"acc": null}', "not a number"),
        ("json:acc", '{"acc": [1]}', "not a number"),
        ("json:acc", f'{{"acc": 1{"0" * 400}}}', "too large"),
        ("json:acc", "[" * 100_000, "no JSON"),
        ("json:9999999999999999999", "[1]", "has no"),
        ("regex:acc=(.*)", "nothing", "matches"),
        ("regex:acc=(.*)", "acc=fine", "'fine', which isn't a number"),
        ("regex:(a)|b", "b", "isn't a number"),
        ("regex:.+", "nan", "the metric is nan"),
    ],
)
def test_no_metric_is_an_error(metric: str, output: str, reason: str) -> None:
    with pytest.raises(MetricError) as caught:
        read_metric(metric, output)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("metric", ["acc", "json:", "regex:(", "yaml:a", "regex:" + "a" * 1001])
def test_other_places_of_metrics_are_refused(metric: str) -> None:
    with pytest.raises(UsageError):
        check_metric(metric)
