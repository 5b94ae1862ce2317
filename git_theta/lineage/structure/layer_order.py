"""The order of layers, told by names: which modules of a container come first, and which are side by side.

Files don't say how values flow through a model. Names of the common architectures do, mostly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

_DIGITS: Final = "0123456789"

#: Characters of a name that are compared with known ones, at most; and digits of a number.
_LONGEST: Final = 64
_MAX_DIGITS: Final = 9

#: Members without a number come after those with one.
_NO_NUMBER: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the order of a container's members.

    Attributes:
        rank: Places of a smaller rank come before.
        is_parallel: Whether the members of this place are side by side; else they follow each other.
    """

    rank: int
    is_parallel: bool = False


#: The order within a place: by number, then what comes after others of its number, then by name.
_Key = tuple[int, int, str]

_EMBEDDING: Final = _Place(0, is_parallel=True)
_ELSEWHERE: Final = _Place(13)
_NORM: Final = _Place(16)
_HEAD: Final = _Place(18)

#: Last parts of names, in small letters and without underscores, of each place.
_NAMES: Final[Mapping[_Place, str]] = {
    _EMBEDDING: "wte wpe shared stem convstem convin featureextractor featureprojection clstoken classtoken",
    _Place(1): """
        inputlayernorm ln1 norm1 layernorm1 layernormbefore prenorm lnpre attnnorm attentionnorm selfattnnorm
        preattentionnorm prelayernorm prelayrnorm
    """,
    _Place(2): "layer layers block blocks blk h encoder encoderblock encoderblocks downblocks backbone",
    _Place(3): "midblock middleblock",
    _Place(4): "decoder decoderblock decoderblocks upblocks",
    _Place(5, is_parallel=True): """
        q k v qkv query key value queryproj keyproj valueproj qproj kproj vproj qkvproj qlin klin vlin wq wk
        wv wqkv toq tok tov toqkv attnq attnk attnv attnqkv querykeyvalue cattn inproj qaproj
        kvaproj kvaprojwithmqa
    """,
    _Place(6, is_parallel=True): "qnorm knorm attnqnorm attnknorm qlayernorm klayernorm",
    _Place(7): "attn attention selfattn selfattention self mha mixer",
    _Place(8): "oproj outproj wo toout outlin attnout attnoutput attentionoutput",
    _Place(9): """
        postattentionlayernorm postattentionnorm selfattnlayernorm salayernorm ln2 norm2 layernorm2
        layernormafter ffnnorm mlpnorm prefeedforwardlayernorm
    """,
    _Place(10): "crossattn crossattention encoderattn encdecattention multiheadattn norm3 ln3",
    _Place(11, is_parallel=True): "gateproj upproj gateupproj w1 w3 wi wi0 wi1 ffngate ffnup linearfc1",
    _Place(12): "intermediate cfc densehto4h router gate",
    _Place(15): "downproj w2 ffndown dense4htoh cproj linearfc2",
    _NORM: "lnf lnpost normf convnormout",
    _Place(17): "output convout pooler prelogits",
    _HEAD: "head heads classifier cls score fc logits qaoutputs outputprojection",
}
_PLACES: Final = {name: place for place, names in _NAMES.items() for name in names.split()}

#: Containers whose members are side by side.
_PARALLEL: Final = frozenset(("expert", "experts", "localexperts"))

_NORMS: Final = ("norm", "bn", "ln")
_LAYERS: Final = frozenset(("layer", "layers", "stage", "stages", "block", "blocks"))


class Named(Protocol):
    """A member of a container."""

    @property
    def part(self) -> str:
        """The last part of its name."""
        ...


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class LayerOrder:
    """Orders the members of containers.

    Attributes:
        known: Last part of a name → its place and its order there: names recur in all layers.
    """

    known: dict[str, tuple[_Place, _Key]] = field(default_factory=dict)

    def stages(self, container: str, members: Iterable[T]) -> list[list[T]]:
        """The members of a container in order; those side by side are together.

        Args:
            container: The last part of the container's name.
            members: Its modules and containers.
        """
        placed = [(*self._place(each.part), each) for each in members]
        placed.sort(key=lambda item: (item[0].rank, item[1], item[2].part))
        if placed and _plain(container) in _PARALLEL:
            return [[each for _, _, each in placed]]
        found: list[list[T]] = []
        last = None
        for place, _, each in placed:
            if place.is_parallel and place is last:
                found[-1].append(each)
            else:
                found.append([each])
            last = place
        return found

    def _place(self, part: str) -> tuple[_Place, _Key]:
        found = self.known.get(part)
        if found is None:
            found = self.known[part] = _place(_plain(part)), _order_within(part)
        return found


def _plain(part: str) -> str:
    """A part of a name in small letters and without underscores; empty if it's very long."""
    return part.lower().replace("_", "").replace("-", "") if len(part) <= _LONGEST else ""


def _place(name: str) -> _Place:
    """The place of a member whose name is in small letters and without underscores."""
    known = _PLACES.get(name)
    if known:
        return known
    if name.startswith("emb") or name.endswith(("emb", "embd")) or "embed" in name:
        return _EMBEDDING
    if name.endswith("norm"):
        return _NORM
    return _HEAD if name.endswith("head") else _ELSEWHERE


def _order_within(part: str) -> _Key:
    """The order within a place: by number, then norms, then whole layers, then by name."""
    stem = part.rstrip(_DIGITS)
    digits = part[len(stem) :]
    is_number = 0 < len(digits) <= _MAX_DIGITS
    stem = stem.rstrip("_-") if is_number else part
    name = _plain(stem)
    later = 1 if name.endswith(_NORMS) else 2 if name in _LAYERS else 0
    return int(digits) if is_number else _NO_NUMBER, later, stem
