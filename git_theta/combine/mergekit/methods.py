"""mergekit's methods: the strategies that they are, and the parameters that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from git_theta.merging.rules import MergeRule

#: The value of a parameter of a method.
Scalar = bool | int | float


class BasePlace(Enum):
    """The place of `base_model` among the inputs of a method."""

    #: The base isn't special: a model like the others, if it's listed.
    NONE = "none"
    #: The first of the two models.
    OURS = "ours"
    #: Beside the models, and needed.
    APART = "apart"
    #: Beside the models if there's one: the method is then about the changes since.
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method.

    Attributes:
        option: Name of the strategy's option; empty for a parameter without an effect on values.
        kind: Type of its values.
        per_model: Whether each model has a value of its own.
        required: Whether a method can't do without.
        default: The value of models that have none, where others have one.
    """

    option: str
    kind: type[bool] | type[int] | type[float] = float
    per_model: bool = False
    required: bool = False
    default: float = 1.0


@dataclass(frozen=True, slots=True)
class Method:
    """A merge method of mergekit.

    Attributes:
        strategy: Name of the strategy.
        base: The place of the base.
        parameters: Name → parameter.
        least: The fewest models, without a base that is apart.
        most: The most models, without a base that is apart; `None` for any number.
        options: Options of the strategy that the method always has.
    """

    strategy: str
    base: BasePlace
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    least: int = 1
    most: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def rule(
        self, shared: Mapping[str, Scalar], per_model: Mapping[str, list[Scalar]], *, has_base: bool
    ) -> MergeRule:
        """The rule for a parameter of a model.

        Args:
            shared: Name → value, of parameters that all models share.
            per_model: Name → a value for each model, in their order.
            has_base: Whether there's a base that is apart.
        """
        options = dict(self.options)
        if self.base is BasePlace.OPTIONAL and has_base:
            options["changes"] = "true"
        shared = dict(shared)
        if self.strategy == "nuslerp":
            options["vectors"] = _vectors(shared)
        for name, value in shared.items():
            if self.parameters[name].option:
                options[self.parameters[name].option] = _text(value)
        for name, values in per_model.items():
            if self.parameters[name].option:
                options[self.parameters[name].option] = ",".join(map(_text, values))
        return MergeRule(self.strategy, tuple(sorted(options.items())), all_parameters=True)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _vectors(shared: dict[str, Scalar]) -> str:
    """The vectors that NuSLERP interpolates; takes the parameters that say so."""
    flatten, row_wise = shared.pop("nuslerp_flatten", True), shared.pop("nuslerp_row_wise", False)
    return "whole" if flatten else "first" if row_wise else "last"


_WEIGHT: Final = Parameter("weights", per_model=True, required=True)
_NO_EFFECT: Final = Parameter("", bool)


def _of_task_vectors(strategy: str, **more: Parameter) -> Method:
    """A method that adds the changes of models to the base, after some selection."""
    sparse = strategy != "task-arithmetic"
    parameters = {
        "weight": _WEIGHT,
        "density": Parameter("density" if sparse else "", per_model=True),
        "normalize": Parameter("normalize", bool),
        "rescale": Parameter("rescale" if sparse else "", bool),
        "lambda": Parameter("scale"),
        "int8_mask": _NO_EFFECT,
        **more,
    }
    return Method(strategy, BasePlace.APART, parameters)


_GAMMA: Final = Parameter("gamma", per_model=True, default=0.01)
_EPSILON: Final = Parameter("epsilon", per_model=True, default=0.15)

#: Name in mergekit → method.
METHODS: Final[Mapping[str, Method]] = {
    "linear": Method(
        "linear", BasePlace.NONE, {"weight": _WEIGHT, "normalize": Parameter("normalize", bool)}
    ),
    "slerp": Method("slerp", BasePlace.OURS, {"t": Parameter("t", required=True)}, 2, 2),
    "nuslerp": Method(
        "nuslerp",
        BasePlace.OPTIONAL,
        {
            "weight": _WEIGHT,
            "nuslerp_flatten": Parameter("vectors", bool),
            "nuslerp_row_wise": Parameter("vectors", bool),
        },
        2,
        2,
    ),
    "multislerp": Method(
        "multislerp",
        BasePlace.OPTIONAL,
        {"weight": _WEIGHT, "normalize_weights": Parameter("normalize", bool), "eps": Parameter("")},
    ),
    "karcher": Method(
        "karcher", BasePlace.NONE, {"max_iter": Parameter("max_iter", int), "tol": Parameter("tol")}
    ),
    "task_arithmetic": _of_task_vectors("task-arithmetic"),
    "ties": _of_task_vectors("ties"),
    "dare_ties": _of_task_vectors("dare-ties"),
    "dare_linear": _of_task_vectors("dare-linear"),
    "breadcrumbs": _of_task_vectors("breadcrumbs", gamma=_GAMMA),
    "breadcrumbs_ties": _of_task_vectors("breadcrumbs-ties", gamma=_GAMMA),
    "della": _of_task_vectors("della", epsilon=_EPSILON),
    "della_linear": _of_task_vectors("della-linear", epsilon=_EPSILON),
    "sce": Method("sce", BasePlace.APART, {"select_topk": Parameter("density"), "int8_mask": _NO_EFFECT}),
    "ram": Method("ram", BasePlace.APART, {"epsilon": Parameter("epsilon")}),
    "ramplus_tl": Method(
        "ram",
        BasePlace.APART,
        {"r": Parameter("boost"), "alpha": Parameter("limit"), "epsilon": Parameter("epsilon")},
        options={"boost": "0.1"},
    ),
    "model_stock": Method("model-stock", BasePlace.APART, {"filter_wise": Parameter("filter_wise", bool)}, 2),
    "nearswap": Method("nearswap", BasePlace.OURS, {"t": Parameter("t", required=True)}, 2, 2),
    "arcee_fusion": Method("arcee-fusion", BasePlace.OURS, {}, 2, 2),
    "passthrough": Method("passthrough", BasePlace.NONE, {"scale": Parameter("scale", per_model=True)}, 1, 1),
}
