"""The order of layers, told by names: which modules of a container come first, and which are side by side.

Files don't say how values flow through a model. Names of the common architectures do, mostly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

#: The order within a place: a number, the index of a pattern of `_LATER` plus 1, and the rest of the name.
_Key = tuple[int, int, str]

#: Characters of a name that patterns are tried on, at most.
_LONGEST: Final = 64

#: Members without a number come after those with one.
_NO_NUMBER: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the order of a container's modules.

    Attributes:
        rank: Places of a smaller rank come before.
        is_parallel: Whether the modules of this place are side by side; else they follow each other.
    """

    rank: int
    is_parallel: bool = False


def _compiled(names: str) -> re.Pattern[str]:
    return re.compile(names, re.IGNORECASE | re.VERBOSE)


#: The name of a module in its container → its place; the first pattern that matches counts.
_PLACES: Final[tuple[tuple[re.Pattern[str], _Place], ...]] = (
    (
        _compiled(
            r"""wte|wpe|shared|stem|conv_stem|conv_in|features_?extractor|feature_projection|.*emb(?:eddings?|d)?
            |emb.*|.*_emb(?:ed|d|eddings?)_.*|tok_embeddings|patch_embed.*|cls_token|class_token|dist_token|mask_token
            |pos_embed.*|embed_tokens|embed_positions"""
        ),
        _Place(0, is_parallel=True),
    ),
    (
        _compiled(
            r"""input_layernorm|ln_?1|norm_?1|layer_?norm_?1|layernorm_before|pre_?norm|ln_pre|attn_norm
            |attention_norm|pre_attention_norm|self_attn_norm|pre_layrnorm|pre_layernorm"""
        ),
        _Place(1),
    ),
    (_compiled(r"layers?|blocks?|blk|h|encoder|encoder_blocks?|down_blocks|conformer|backbone"), _Place(2)),
    (_compiled(r"mid_block|middle_block"), _Place(3)),
    (_compiled(r"decoder|decoder_blocks?|up_blocks"), _Place(4)),
    (
        _compiled(
            r"""(?:attn_|attention_)?(?:q|k|v|query|key|value|qkv)(?:_?proj|_lin|_b_proj)?|(?:to_|w)(?:q|k|v|qkv)
            |query_key_value|c_attn|in_proj|(?:q|kv)_a_proj.*"""
        ),
        _Place(5, is_parallel=True),
    ),
    (_compiled(r"(?:attn_)?[qk]_(?:layer)?norm"), _Place(6, is_parallel=True)),
    (_compiled(r"attn|attention|self_?attn|self_?attention|selfattention|self|mha|mixer"), _Place(7)),
    (_compiled(r"o_proj|out_proj|wo|to_out|out_lin|attn_out(?:put)?|attention_output"), _Place(8)),
    (
        _compiled(
            r"""post_attention_layernorm|post_attention_norm|self_attn_layer_norm|sa_layer_norm|ln_?2|norm_?2
            |layer_?norm_?2|layernorm_after|ffn_norm|mlp_norm|pre_feedforward_layernorm"""
        ),
        _Place(9),
    ),
    (
        _compiled(r"cross_?attn|cross_?attention|encoder_?attn|encdecattention|multihead_attn|norm_?3|ln_?3"),
        _Place(10),
    ),
    (
        _compiled(r"gate_proj|up_proj|gate_up_proj|w1|w3|wi(?:_[01])?|ffn_gate|ffn_up|linear_fc1"),
        _Place(11, is_parallel=True),
    ),
    (_compiled(r"intermediate|c_fc|dense_h_to_4h|router|gate"), _Place(12)),
    (_compiled(r"down_proj|w2|ffn_down|dense_4h_to_h|c_proj|linear_fc2"), _Place(15)),
    (
        _compiled(
            r"""norm|ln_?f|(?:layer|batch|group|rms|final|final_layer|output|encoder|decoder|post|post_layer|out
            |sa|post_feedforward_layer|output_layer)_?norm|ln_post|norm_f|conv_norm_out"""
        ),
        _Place(16),
    ),
    (_compiled(r"output|conv_out|pooler|pre_logits"), _Place(17)),
    (
        _compiled(r"(?:.*_)?head(?:_dist)?s?|classifier|cls|score|fc|logits|qa_outputs|output_projection"),
        _Place(18),
    ),
)

#: The place of all other names.
_ELSEWHERE: Final = _Place(13)

#: Names of containers whose modules are side by side, such as the experts of a layer.
_PARALLEL: Final = re.compile(r"(?:local_)?experts?", re.IGNORECASE)

#: What comes after others of the same number: `conv1`, `bn1`, `layer1`.
_LATER: Final = (
    re.compile(r"(?:bn|ln|.*norm)_?\d*", re.IGNORECASE),
    re.compile(r"(?:layer|stage|block)s?_?\d*", re.IGNORECASE),
)

#: The number at the end of a name, or before the end of it: `conv1`, `3`, `layer_2`.
_NUMBER: Final = re.compile(r"(?P<stem>.*?)[_-]?(?P<number>\d{1,9})\Z")


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
        if placed and _PARALLEL.fullmatch(container):
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
            found = self.known[part] = _place(part), _order_within(part)
        return found


def _place(part: str) -> _Place:
    if len(part) <= _LONGEST:
        for pattern, place in _PLACES:
            if pattern.fullmatch(part):
                return place
    return _ELSEWHERE


def _order_within(part: str) -> _Key:
    """The order within a place: by number, then norms and then layers after others, then by name."""
    found = _NUMBER.match(part) if len(part) <= _LONGEST else None
    number = int(found["number"]) if found else _NO_NUMBER
    later = enumerate(_LATER, 1) if len(part) <= _LONGEST else ()
    kind = next((at for at, pattern in later if pattern.fullmatch(part)), 0)
    return number, kind, found["stem"] if found else part
