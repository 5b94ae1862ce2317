"""The messages of ONNX that may have tensors inside, at any depth, and what gives them their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from re import Pattern
from typing import NamedTuple

#: Stands in a label for the number of a message among its siblings.
INDEX = "#"


@dataclass(frozen=True, slots=True, eq=False)
class MessageType:
    """A type of message.

    Attributes:
        names: Numbers of the fields with texts: the first one that isn't empty is the message's name.
        joined: Whether the name is all of these texts instead, joined by dots.
        parts: Number of a field → the messages in it. Graphs have nodes that have graphs.
        skipped: Matches fields in a row that nobody needs.
        entries: Numbers of the fields with messages that have no tensors inside, but a name as their field 1.
        titles: Names of fields by number, where users see them.
    """

    names: tuple[int, ...] = ()
    joined: bool = False
    parts: dict[int, MessagePart] = field(default_factory=dict)
    skipped: Pattern[bytes] | None = None
    entries: frozenset[int] = frozenset()
    titles: Mapping[int, str] = field(default_factory=dict)


class MessagePart(NamedTuple):
    """Messages in a field of another message.

    Attributes:
        type: Their type.
        label: What they add to the name of the whole, in which `INDEX` stands for a number; `None` if that's
            their own name.
    """

    type: MessageType
    label: str | None = None


TENSOR = MessageType(names=(8,))
SPARSE = MessageType(parts={1: MessagePart(TENSOR, "values"), 2: MessagePart(TENSOR, "indices")})

# The numbers and integers of a tree ensemble are millions of fields: `3d` and four bytes, `40` and a varint.
ATTRIBUTE = MessageType((1,), skipped=re.compile(rb"(?s:(?:=.{4})++|(?:@[\x80-\xff]{0,9}+[\x00-\x7f])++)"))

NODE = MessageType((2, 3, 4), parts={5: MessagePart(ATTRIBUTE)}, entries=frozenset((9,)))

#: A node whose only attribute is its output.
CONSTANT = MessageType(NODE.names, parts={5: MessagePart(ATTRIBUTE, "")}, entries=NODE.entries)

GRAPH = MessageType(
    parts={1: MessagePart(NODE), 5: MessagePart(TENSOR), 15: MessagePart(SPARSE)},
    entries=frozenset((11, 12, 13, 14, 16)),
    titles={
        1: "node",
        2: "name",
        5: "initializer",
        10: "doc_string",
        11: "input",
        12: "output",
        13: "value_info",
        14: "quantization_annotation",
        15: "sparse_initializer",
        16: "metadata_props",
    },
)
ATTRIBUTE.parts.update({5: MessagePart(TENSOR, ""), 6: MessagePart(GRAPH, ""), 22: MessagePart(SPARSE, "")})
ATTRIBUTE.parts.update(
    {10: MessagePart(TENSOR, INDEX), 11: MessagePart(GRAPH, INDEX), 23: MessagePart(SPARSE, INDEX)}
)

FUNCTION = MessageType(
    (10, 1, 13),
    joined=True,
    parts={7: MessagePart(NODE), 11: MessagePart(ATTRIBUTE)},
    entries=frozenset((9, 12, 14)),
)
TRAINING = MessageType(parts={1: MessagePart(GRAPH, "initialization"), 2: MessagePart(GRAPH, "algorithm")})
MODEL = MessageType(
    parts={
        7: MessagePart(GRAPH, ""),
        20: MessagePart(TRAINING, f"training_info/{INDEX}"),
        25: MessagePart(FUNCTION),
    },
    entries=frozenset((8, 14, 26)),
    titles={
        1: "ir_version",
        2: "producer_name",
        3: "producer_version",
        4: "domain",
        5: "model_version",
        6: "doc_string",
        7: "graph",
        8: "opset_import",
        14: "metadata_props",
        20: "training_info",
        25: "functions",
        26: "configuration",
    },
)
