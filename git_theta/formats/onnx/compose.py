"""Merge ONNX models: nodes by their output, tensors and all else by name, and write the result."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.onnx.items import Content, Key, MessageField, ModelItem, TensorField, items_of
from git_theta.formats.onnx.messages import GRAPH, MODEL, TENSOR, MessageType
from git_theta.formats.onnx.metadata import title_of
from git_theta.formats.onnx.scopes import undefined_values
from git_theta.formats.onnx.tensors import place_of
from git_theta.formats.onnx.walk import PASSES, model_reader, tensors_of
from git_theta.formats.protobuf import LENGTH, WireReader, tag, varint
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge

#: Names that a message lists.
_SHOWN = 3

#: The name that users see for the graph's tensors.
_INITIALIZER = title_of(GRAPH, (5, "", 0), MODEL.titles[7])

#: A piece of the new file: bytes, or the size of a tensor's elements.
_Piece = bytes | int

#: A message of a version, by its items; and the reader of the version.
_Message = tuple[WireReader, Mapping[Key, ModelItem]]


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor with a place.

    Attributes:
        spec: Dtype and shape.
        before: The bytes of its description before its elements.
        after: Those after them.
    """

    spec: TensorSpec
    before: bytes
    after: bytes


def compose_onnx(
    base: FileVersion | None, sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec], prefer: Prefer
) -> FileDraft:
    """See `git_theta.formats.base.Composer`."""
    rule = ThreeWay(prefer)
    contents = _merged(
        rule,
        wanted,
        MODEL,
        "",
        _opened(base.skeleton) if base else None,
        [_opened(s.skeleton) for s in sides],
    )
    before = _tensors(base.skeleton) if base else {}
    known = [_tensors(side.skeleton) for side in sides]
    tensors = {name: _described(rule, name, spec, before, known) for name, spec in wanted.items()}
    data = _written([piece for content in contents for piece in _pieces(content, tensors)])
    _check_values(data, sides)
    return FileDraft(data, rule.conflicts)


def _opened(data: memoryview) -> _Message:
    reader = model_reader(data, PASSES)
    return reader, items_of(reader, MODEL, 0, len(data))


def _merged(
    rule: ThreeWay,
    wanted: Container[str],
    kind: MessageType,
    path: str,
    base: _Message | None,
    sides: Sequence[_Message],
) -> list[Content]:
    """The contents of a merged message, in the order of the first side.

    Args:
        rule: Chooses between sides.
        wanted: Names of the tensors that the model will have.
        kind: Type of the message.
        path: The name that users see for it.
        base: The message in the common ancestor; `None` if it isn't there.
        sides: The message on each side.
    """
    merged: list[Content] = []
    for key in merged_order(*(items for _, items in sides)):
        old = base[1].get(key) if base else None
        new = [items.get(key) for _, items in sides]
        tensors = [item.content for item in new if item and isinstance(item.content, TensorField)]
        if kind is GRAPH and any(content.name in wanted for content in tensors):
            merged.append(tensors[0])
            continue
        before, contents = _content(kind, old), [_content(kind, item) for item in new]
        title = title_of(kind, key, path) if kind.titles else path
        inner = next((item.type for item in new if item), None)
        if trivial_merge(before, contents) is None and inner and inner is not TENSOR and all(new):
            messages = [_inside(reader, item) for (reader, _), item in zip(sides, new, strict=True) if item]
            origin = _inside(base[0], old) if base and old else None
            parts = _merged(rule, wanted, inner, title, origin, messages)
            merged.append(MessageField(key[0], tuple(parts)))
            continue
        chosen = contents[rule.choose(title, before, contents)]
        if chosen is not None:
            merged.append(chosen)
    return merged


def _content(kind: MessageType, item: ModelItem | None) -> Content | None:
    """An item's content; that of a graph's own tensors is decided by their names."""
    if item is None or (kind is GRAPH and isinstance(item.content, TensorField)):
        return None
    return item.content


def _inside(reader: WireReader, item: ModelItem) -> _Message:
    return reader, items_of(reader, item.type or TENSOR, item.start, item.end, item.path)


def _tensors(data: memoryview) -> dict[str, _Tensor]:
    """The tensors of a version that have a place, by name."""
    found = {}
    for name, message, start, end in tensors_of(model_reader(data), 0, len(data)):
        place = place_of(message, end)
        if place:
            spec, at = place
            found[name] = _Tensor(spec, bytes(data[start:at]), bytes(data[at + spec.nbytes : end]))
    return found


def _described(
    rule: ThreeWay,
    name: str,
    spec: TensorSpec,
    base: Mapping[str, _Tensor],
    sides: Sequence[Mapping[str, _Tensor]],
) -> _Tensor:
    """The description of a tensor of the new file, from the sides that have it in this dtype and shape.

    Raises:
        ComposeError: No side has.
    """
    found = [side[name] for side in sides if name in side and side[name].spec == spec]
    if not found:
        raise ComposeError(f"no side has a parameter {name!r} of {spec.dtype} {list(spec.shape)}")
    return found[rule.choose(f"{_INITIALIZER}/{name}", base.get(name), found)]


def _pieces(content: Content, tensors: Mapping[str, _Tensor]) -> Iterator[_Piece]:
    """The pieces of a content.

    Raises:
        ComposeError: It has a tensor that isn't wanted.
    """
    if isinstance(content, bytes):
        yield content
        return
    if isinstance(content, TensorField):
        tensor = tensors.get(content.name)
        if tensor is None:
            raise ComposeError(
                f"the merged graph needs the parameter {content.name!r}, which isn't in the merge",
                "take the file of one side",
            )
        inner: list[_Piece] = [tensor.before, tensor.spec.nbytes, tensor.after]
    else:
        inner = [piece for part in content.contents for piece in _pieces(part, tensors)]
    yield tag(content.number, LENGTH) + varint(sum(map(_size, inner)))
    yield from inner


def _size(piece: _Piece) -> int:
    return piece if isinstance(piece, int) else len(piece)


def _written(pieces: Sequence[_Piece]) -> memoryview:
    """A file whose tensors have no values yet."""
    data = blank(sum(map(_size, pieces)))
    position = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            data[position : position + len(piece)] = piece
        position += _size(piece)
    return data


def _check_values(data: memoryview, sides: Sequence[FileVersion]) -> None:
    """Check that everything that a merged graph uses is defined.

    Raises:
        ComposeError: It uses a value that only one side's graph has.
    """
    known = {name for side in sides for name in undefined_values(side.skeleton)}
    lost = [name for name in undefined_values(data) if name not in known]
    if lost:
        listed = ", ".join(map(repr, lost[:_SHOWN])) + (", …" if len(lost) > _SHOWN else "")
        raise ComposeError(
            f"the merged graph uses values before they're defined, or that one side removed: {listed}",
            "take the file of one side",
        )
