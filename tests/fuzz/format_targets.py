"""Readers of checkpoint files: taken apart and put together, shown, merged."""

from __future__ import annotations

import io
import json
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pickle import dumps
from random import Random

import numpy as np

from git_theta import formats
from git_theta.formats.base import ComposeError
from git_theta.formats.compose import compose_file
from git_theta.formats.coreml import DTYPES as COREML_DTYPES
from git_theta.formats.gguf.dtypes import NUMBERS
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.onnx.data_file import OnnxData
from git_theta.formats.onnx.dtypes import DTYPES as ONNX_DTYPES
from git_theta.formats.openvino.plugin import OpenVino
from git_theta.formats.pytorch.dcp_metadata import read_dcp_metadata
from git_theta.formats.scalars import scalars
from git_theta.formats.split import OPAQUE, Split, check_located, split
from git_theta.formats.tensorflow.plugin import TensorFlowBundle
from git_theta.formats.tflite.model import DTYPES as TFLITE_DTYPES
from git_theta.model.checksum import KINDS
from git_theta.model.layout import parse_layout
from git_theta.model.tensor import BLOCKS, ITEM_SIZE, TensorSpec
from tests.fuzz.mutations import mutated
from tests.fuzz.target import Target
from tests.helpers import dcp, executorch_files, flatbuffer_files, onnx_files, pickled
from tests.helpers.bundle_files import NUMBERS as NUMBERS_OF_BUNDLES
from tests.helpers.bundle_files import BundleTensor, beside, bundle
from tests.helpers.composing import array, content, opened
from tests.helpers.coreml_files import weight_bin
from tests.helpers.flax_files import flax_bytes
from tests.helpers.gguf_files import gguf_bytes
from tests.helpers.hdf5_files import kept
from tests.helpers.keras_files import keras_bytes
from tests.helpers.onnx_files import attribute, external, field, graph, model, node
from tests.helpers.openvino_files import Described, openvino_xml
from tests.helpers.pt2 import entry, pt2_bytes
from tests.helpers.tarred import tarred

_JSON = (b'"dtype"', b'"shape"', b"[[[[", b"{", b'"F32"', b"[]", b"null", b"1e5", b"-", b'"\\ud800"')
_GGUF = (
    b"GGUF",
    bytes(8),
    b"\xff" * 8,
    struct.pack("<Q", 1 << 62),
    struct.pack("<I", 9),
    struct.pack("<I", 8),
)
_VARINT = b"\x08" + b"\xff" * 9 + b"\x7f"
_ONNX = (b"\x0a\x01", b"\x2a\x03", _VARINT, b"\xff" * 9, b"\x4a\x04", b"\x08\0", b"\x3a")
_HDF5 = (
    b"TREE",
    b"SNOD",
    b"OHDR",
    b"FHDB",
    bytes(8),
    b"\xff" * 8,
    struct.pack("<Q", 96),
    b"\x10\0\x10\0",
    b"\3\1",
)
_TFLITE = (
    bytes(4),
    b"\xff" * 4,
    struct.pack("<I", 4),
    struct.pack("<I", 1 << 31),
    struct.pack("<Q", 1 << 40),
)
_COREML = (
    struct.pack("<I", 0xDEADBEEF),
    bytes(8),
    b"\xff" * 8,
    struct.pack("<Q", 1 << 62),
    struct.pack("<Q", 128),
)
_FLAX = (
    b"\x93\x91\x01\xa5uint8\xc4\x01a",
    b"\xc7\x05\x01",
    b"\xdf\xff\xff\xff\xff",
    b"\xc9",
    b"\x81\xa1a",
    b"\xc0",
)
_PICKLE = (b"q\0", b"h\0", b"(", b"t", b"R", b"b", b"Q", b"\x85", b"e", b"u", b"ctorch\nFloatStorage\n", b"2")
_NUMPY = (b"'descr'", b"'fortran_order'", b"True", b"'shape'", b"(", b"(1,)", b"-1", b"}", b"'<f8'", b"PK")

_NUMPY_DTYPES = ("<f4", ">f4", "<f2", "|b1", "|i1", "<c8", "<U3", "<M8[s]", "f4,i2", ">i8")

#: Values that headers shouldn't have.
_ODD: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1 << 40,
    1 << 70,
    "F4",
    "F32",
    "",
    [],
    [0],
    [0, 0],
    {},
    [1 << 62] * 3,
)

_WORDS = ("weight", "layer.0", "a/b", "__metadata__", "", "x" * 300, "\u202e", "0", "größe")


def name(random: Random) -> str:
    """A name of a parameter."""
    return random.choice(_WORDS) + str(random.randrange(30))


def spec(random: Random) -> TensorSpec:
    """A small dtype and shape."""
    sizes = tuple(random.randrange(4) for _ in range(random.randrange(4)))
    return TensorSpec(random.choice(sorted(ITEM_SIZE)), sizes)


def safetensors(random: Random) -> bytes:
    """A safetensors file."""
    header: dict[str, object] = {}
    body = b""
    for _ in range(random.randrange(5)):
        each = spec(random)
        end = len(body) + each.nbytes
        header[name(random)] = {
            "dtype": each.dtype,
            "shape": list(each.shape),
            "data_offsets": [len(body), end],
        }
        body += random.randbytes(each.nbytes)
    if random.random() < 0.5:
        header["__metadata__"] = {name(random): name(random)}
    if random.random() < 0.5:
        _spoil(header, random)
    text = json.dumps(header).encode() + b" " * random.randrange(9)
    if random.random() < 0.3:
        text = mutated(text, random, _JSON)
    return struct.pack("<Q", len(text)) + text + body


def gguf(random: Random) -> bytes:
    """A GGUF file."""
    tensors: dict[str, tuple[str, tuple[int, ...], bytes]] = {}
    for _ in range(random.randrange(5)):
        dtype = random.choice(sorted(NUMBERS))
        width = BLOCKS.get(dtype, (1, 1))[0] * random.randrange(3)
        each = TensorSpec(dtype, (*(random.randrange(4) for _ in range(random.randrange(3))), width))
        tensors[name(random)] = (dtype, each.shape, random.randbytes(each.nbytes))
    metadata: dict[str, object] = {"general.architecture": "llama", "split.no": 1, "x.y": 0.5, "flag": True}
    metadata |= {"tokens": ["a", "bc", "ü"] * random.randrange(4), "types": [1] * random.randrange(4)}
    chosen = {key: value for key, value in metadata.items() if random.random() < 0.6}
    alignment = random.choice((None, None, None, 8, 64, 0, 3, 1 << 30))
    return gguf_bytes(tensors, chosen, random.choice((3, 3, 2)), random.random() < 0.3, alignment)


def onnx(random: Random) -> bytes:
    """An ONNX model."""
    more = field(25, field(1, "f") + field(7, _onnx_node(random, 2))) if random.random() < 0.2 else b""
    data = model(_onnx_graph(random, 0), {name(random): name(random)}, more=more)
    return mutated(data, random, _ONNX) if random.random() < 0.3 else data


def onnx_with_data(random: Random) -> bytes:
    """An ONNX model whose tensors are in another file."""
    tensors = []
    for _ in range(random.randrange(4)):
        sizes = [random.randrange(1, 4) for _ in range(random.randrange(3))]
        length = 4 * int(np.prod(sizes, dtype=int))
        place = {"location": "m.data", "offset": random.randrange(0, 200, 20), "length": length}
        tensors.append(external(name(random), sizes, **place))
    return model(graph([], tensors))


def _onnx_graph(random: Random, depth: int) -> bytes:
    tensors = [_onnx_tensor(random) for _ in range(random.randrange(4))]
    sparse = field(15, field(1, _onnx_tensor(random)) + field(2, _onnx_tensor(random)))
    nodes = [_onnx_node(random, depth) for _ in range(random.randrange(4))]
    return graph(nodes, tensors, "x", "y", sparse if random.random() < 0.2 else b"")


def _onnx_node(random: Random, depth: int) -> bytes:
    kind = random.randrange(5 if depth < 3 else 4)
    if kind == 4:
        held = attribute(name(random), g=_onnx_graph(random, depth + 1))
    elif kind == 3:
        held = attribute("value", t=_onnx_tensor(random))
    else:
        held = attribute(name(random), **random.choice(({"f": 0.5}, {"i": -1}, {"s": "text"})))
    operator = "Constant" if kind == 3 else "If"
    return node(operator, f"x y{random.randrange(9)}", f"y{random.randrange(99)}", held)


def _onnx_tensor(random: Random) -> bytes:
    dtype = random.choice(sorted(ONNX_DTYPES.values()))
    sizes = [random.randrange(4) for _ in range(random.randrange(3))] + [BLOCKS.get(dtype, (1, 1))[0]]
    data = random.randbytes(TensorSpec(dtype, tuple(sizes)).nbytes)
    if random.random() < 0.1:
        return external(name(random), sizes, location="m.data", offset=random.randrange(99), length=len(data))
    return onnx_files.tensor(name(random), dtype, sizes, data, random.choice((9, 9, 9, 4, 5, 7, 10)))


def flax(random: Random) -> bytes:
    """A checkpoint of Flax's."""
    tree = {name(random): _flax_tree(random, 0) for _ in range(random.randrange(1, 4))}
    data = flax_bytes(tree, random.choice((8, 1 << 30)))
    return mutated(data, random, _FLAX) if random.random() < 0.3 else data


def _flax_tree(random: Random, depth: int) -> object:
    kind = random.randrange(6 if depth < 4 else 4)
    if kind < 2:
        sizes = [random.randrange(4) for _ in range(random.randrange(3))]
        dtype = np.dtype(random.choice(("f4", "f2", "i8", "?", "U3", "c8")))
        count = int(np.prod(sizes, dtype=int))
        return np.frombuffer(bytes(count * dtype.itemsize), dtype).reshape(sizes)
    if kind == 2:
        return np.float32(random.random())
    if kind == 3:
        return random.choice((None, True, -5, 1 << 40, 0.5, "text", b"bytes", 1 + 2j))
    if kind == 4:
        return [_flax_tree(random, depth + 1) for _ in range(random.randrange(3))]
    return {name(random): _flax_tree(random, depth + 1) for _ in range(random.randrange(4))}


def tflite(random: Random) -> bytes:
    """A TensorFlow Lite model."""
    contents, tensors = [b""], []
    for _ in range(random.randrange(4)):
        dtype = random.choice(sorted(TFLITE_DTYPES.values()))
        sizes = (random.randrange(4), BLOCKS.get(dtype, (1, 1))[0])
        contents.append(random.randbytes(TensorSpec(dtype, sizes).nbytes))
        scale = [0.5] * random.choice((0, 0, 2, 20))
        number = len(contents) - random.choice((1, 1, 1, 2))
        tensors.append(flatbuffer_files.tensor(name(random), dtype, sizes, number, scale, [1] * len(scale)))
    if random.random() < 0.3:
        data = flatbuffer_files.tflite_beyond(tensors, contents[1:], random.choice((0, 0, 0, 3)))
    else:
        graphs = [{0: tensors, 4: name(random)}] * random.choice((0, 0, 1))
        data = flatbuffer_files.tflite(tensors, contents, graphs)
    return mutated(data, random, _TFLITE) if random.random() < 0.4 else data


def coreml(random: Random) -> bytes:
    """A file of Core ML's weights."""
    weights: list[tuple[str | int, bytes]] = []
    for _ in range(random.randrange(1, 5)):
        kind = random.choice((*COREML_DTYPES.values(), 9, 12, 99))
        weights.append((kind, random.randbytes(random.randrange(0, 200, 4))))
    data = weight_bin(weights, random.choice((0, 0, 4)))
    return mutated(data, random, _COREML) if random.random() < 0.4 else data


def _spoil(header: dict[str, object], random: Random) -> None:
    """Put an odd value somewhere into a header."""
    entry = header.get(random.choice([*header, "new"]), header)
    if isinstance(entry, dict):
        entry[random.choice([*entry, "new"])] = random.choice(_ODD)


def _node(random: Random, storages: Mapping[str, int], depth: int = 0) -> bytes:
    kind = random.randrange(5 if depth > 3 else 8)
    if kind == 0:
        return pickled.number(random.randrange(-(1 << 40), 1 << 40))
    if kind == 1:
        return pickled.text(name(random))
    if kind == 2 or not storages:
        return random.choice((b"N", b"\x88", b"]", b"}", b")", b"G" + struct.pack(">d", random.random())))
    if kind < 5:
        key, count = random.choice(list(storages.items()))
        held = pickled.storage(key, count)
        rows = random.randrange(1, 4)
        shape, strides = ((rows, count // rows), None) if random.random() < 0.7 else ((count // 2,), (2,))
        found = pickled.tensor(held, shape, strides)
        return pickled.call("torch._utils", "_rebuild_parameter", found) if random.random() < 0.2 else found
    if kind == 5:
        return pickled.group(*(_node(random, storages, depth + 1) for _ in range(random.randrange(4))))
    if kind == 6:
        call = pickled.call("collections", "OrderedDict")
        state = pickled.mapping({name(random): _node(random, storages, depth + 1)})
        return call + state + b"b"
    return pickled.mapping(
        {name(random): _node(random, storages, depth + 1) for _ in range(random.randrange(5))}
    )


def _storages(random: Random) -> dict[str, int]:
    return {str(key): random.randrange(1, 30) for key in range(random.randrange(4))}


def pytorch(random: Random) -> bytes:
    """A file by PyTorch; few are quite right, as not each storage has a tensor."""
    storages = _storages(random)
    tree = pickled.whole(_node(random, storages))
    if random.random() < 0.5:
        tree = mutated(tree, random, _PICKLE)
    records = {"data.pkl": tree, "byteorder": b"little"}
    records |= {f"data/{key}": random.randbytes(4 * count) for key, count in storages.items()}
    if random.random() < 0.5:
        records |= {"version": b"3\n", ".data/serialization_id": b"1" * 40}
    return pickled.archive(records, random.choice((0, 0, 0, 8)))


def pytorch_dcp(random: Random) -> bytes:
    """A data file of a distributed checkpoint."""
    return b"".join(pytorch(random) for _ in range(random.randrange(1, 4)))


def dcp_metadata(random: Random) -> bytes:
    """The description of a distributed checkpoint."""
    chunks: list[dcp.Chunk] = []
    for at in range(random.randrange(5)):
        origin = None if random.random() < 0.2 else (random.randrange(9),) * random.randrange(3)
        chunks.append((name(random), origin, "a.distcp", at, 9))
    return dcp.metadata(chunks)


def pytorch_legacy(random: Random) -> bytes:
    """A file by PyTorch before 1.6."""
    storages = _storages(random)
    tree = _node(random, storages)
    used = {key: count for key, count in storages.items() if pickled.storage(key, count) in tree}
    if random.random() < 0.5:
        tree = mutated(tree, random, _PICKLE)
    return pickled.legacy(tree, {key: (count, random.randbytes(4 * count)) for key, count in used.items()})


def npy(random: Random) -> bytes:
    """An array in NumPy's format; few are of dtypes that aren't tensors'."""
    sizes = tuple(random.randrange(4) for _ in range(random.randrange(4)))
    dtype = random.choice(("<f4", ">f4", "<f2", "|b1", "|i1", "<V2", ">i8", "<c8", "<U3", "<M8[s]", "f4,i2"))
    count = int(np.prod(sizes, dtype=int))
    array = np.frombuffer(random.randbytes(count * np.dtype(dtype).itemsize), dtype).reshape(sizes)
    file = io.BytesIO()
    np.lib.format.write_array(
        file, array if random.random() < 0.5 else array.T, random.choice((None, (1, 0), (2, 0), (3, 0)))
    )
    return mutated(file.getvalue(), random, _NUMPY) if random.random() < 0.3 else file.getvalue()


def _arrays(random: Random, depth: int = 0) -> object:
    """A tree of arrays and plain values."""
    kind = random.randrange(4 if depth > 2 else 7)
    if kind < 2:
        sizes = tuple(random.randrange(4) for _ in range(random.randrange(4)))
        dtype = np.dtype(
            random.choice(("<f4", ">f4", "<f2", "|b1", "|i1", "<c8", "<U3", "<M8[s]", "f4,i2", ">i8"))
        )
        count = int(np.prod(sizes, dtype=int))
        array = np.frombuffer(random.randbytes(count * dtype.itemsize), dtype).reshape(sizes)
        return array if random.random() < 0.5 else array.copy().T
    if kind == 2:
        return random.choice((None, True, 1.5, 1 << 70, "x" * 300, b"abc", np.float64(0.5), np.int8(98)))
    if kind == 3:
        return np.array([None, {}], dtype=object)
    if kind == 4:
        return tuple(_arrays(random, depth + 1) for _ in range(random.randrange(4)))
    return {name(random): _arrays(random, depth + 1) for _ in range(random.randrange(4))}


def pickle(random: Random) -> bytes:
    """Pickles of arrays, by Python or by joblib."""
    if random.random() < 0.2:
        strides = random.choice((None, None, (1, 2), (1,)))
        torch = pickled.plain_tensor(random.randbytes(24), random.choice(((2, 3), (6,), (7,))), strides)
        return (
            mutated(pickled.whole(torch), random, _PICKLE) if random.random() < 0.3 else pickled.whole(torch)
        )
    if random.random() < 0.5:
        return b"".join(
            dumps(_arrays(random), random.choice((2, 3, 4, 5))) for _ in range(random.choice((1, 1, 2)))
        )
    arrays = [random.randbytes(4 * random.randrange(5)) for _ in range(random.randrange(4))]
    values = b"".join(
        pickled.joblib_array((len(each) // 4,), pickled.dtype("f4"))
        + (b"\x03" + b"\xff" * 3 if random.random() < 0.95 else b"")
        + each
        for each in arrays
    )
    objects = pickled.joblib_array((1,), pickled.dtype("O8", 63)) + dumps(_arrays(random), 4)
    return pickled.whole(b"(" + values + (objects if random.random() < 0.5 else b"") + b"l")


def npz(random: Random) -> bytes:
    """A zip archive of arrays, and of other members."""
    file = io.BytesIO()
    names = dict.fromkeys(name(random) for _ in range(random.randrange(5)))
    with zipfile.ZipFile(file, "w") as archive:
        for each in names:
            form = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            other = random.random() < 0.2
            method = form if other or random.random() < 0.1 else zipfile.ZIP_STORED
            archive.writestr(each if other else f"{each}.npy", npy(random), method)
    return file.getvalue()


def hdf5(random: Random) -> bytes:
    """An HDF5 file that is kept, some of whose addresses and sizes are others of its own."""
    data = bytearray(kept(random.choice(("earliest.h5", "latest.h5", "dense.h5"))))
    words = [
        at for at in range(0, len(data) - 8, 8) if 0 < int.from_bytes(data[at : at + 8], "little") < 1 << 16
    ]
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        to, source = random.choice(words), random.choice(words)
        data[to : to + 8] = data[source : source + 8]
    return bytes(data)


def keras(random: Random) -> bytes:
    """An archive of Keras's, whose weights are any HDF5 file."""
    weights = hdf5(random) if random.random() < 0.7 else None
    if weights and random.random() < 0.3:
        weights = mutated(weights, random, _HDF5)
    config = {name(random): random.choice(_ODD) for _ in range(random.randrange(3))}
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return keras_bytes(config, {"date_saved": random.random()}, weights, method)


def pt2(random: Random) -> bytes:
    """An archive of an exported program."""
    sizes = [random.choice((24, 24, 4, 0)) for _ in range(3)]
    members = {f"data/weights/weight_{key}": random.randbytes(size) for key, size in enumerate(sizes)}
    table = {}
    for _ in range(random.randrange(4)):
        rows, dtype = random.randrange(1, 4), random.choice((7, 7, 7, 13, 99))
        line = entry(f"weight_{random.randrange(3)}", (rows, 6 // rows), (6 // rows, 1), dtype)
        if random.random() < 0.1:
            line[random.choice((*line, "new"))] = random.choice(_ODD)
        table[name(random)] = line
    return pt2_bytes({("weights", "m"): table}, members, random.choice((0, 0, 0, 8)))


def executorch(random: Random) -> bytes:
    """A program of ExecuTorch's, or a data file."""
    segments = [random.randbytes(random.choice((0, 24, 24, 40))) for _ in range(random.randrange(1, 4))]
    if random.random() < 0.3:
        layouts = [None, executorch_files.layout((2, 3)), executorch_files.layout((3, 2), (1, 0), 7)]
        entries = {name(random): (random.randrange(len(segments)), random.choice(layouts)) for _ in range(3)}
        return executorch_files.flat_tensor_bytes(entries, segments)
    values = [
        executorch_files.tensor(
            random.randrange(3), random.choice(((2, 3), (), (4,))), mutable=random.random() < 0.2
        )
        for _ in range(random.randrange(5))
    ]
    named = {name(random): random.randrange(len(segments)) for _ in range(random.randrange(3))}
    return executorch_files.program_bytes(values, segments, [0, 0, 8], [0, 4], named, [0])


def skops(random: Random) -> bytes:
    """An archive of skops."""
    files = [f"{number}.npy" for number in range(random.randrange(1, 4))]
    nodes = [{"__loader__": "NdArrayNode", "file": random.choice((*files, "x"))} for _ in range(4)]
    content = random.choice(
        (nodes, dict(zip(_WORDS, nodes, strict=False)), {"__loader__": "", "content": nodes})
    )
    schema = {"content": content, "attrs": random.choice((*_ODD, nodes[0]))}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for file in files:
            archive.writestr(file, npy(random))
        archive.writestr("schema.json", json.dumps(schema))
    return made.getvalue()


def _members(random: Random) -> dict[str, bytes]:
    makers = (pytorch, pytorch_legacy, safetensors, npy, npz, pickle, gguf, lambda _random: b"other")
    return {name(random): random.choice(makers)(random) for _ in range(random.randrange(1, 5))}


def tar(random: Random) -> bytes:
    """A tar archive of files of any format."""
    return tarred(_members(random), random.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)))


def zipped(random: Random) -> bytes:
    """A zip archive of files of any format."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for each, data in _members(random).items():
            archive.writestr(each, data, random.choice((zipfile.ZIP_STORED,) * 3 + (zipfile.ZIP_DEFLATED,)))
    return file.getvalue()


def tensorflow(random: Random) -> bytes:
    """The size of an index, the index, and a data file of TensorFlow's."""
    tensors = {}
    for _ in range(random.randrange(6)):
        dtype = random.choice(sorted(filter(None, NUMBERS_OF_BUNDLES)))
        shape = tuple(random.randrange(4) for _ in range(random.randrange(3)))
        tensors[name(random)] = BundleTensor.of(dtype, *shape)
    index, (data,) = bundle(tensors, 1, random.random() < 0.3, random.randrange(1, 4))
    if random.random() < 0.7:
        index = mutated(index, random, (b"\x08\1", b"\x12", b"\xff\xff", b"\0", bytes(4)))
    return struct.pack("<H", len(index)) + index + data


def openvino(random: Random) -> bytes:
    """The size of a model in XML, the XML, and a data file of OpenVINO's."""
    described: list[Described] = []
    size = 0
    for _ in range(random.randrange(6)):
        kind, each = random.choice((("f32", "F32"), ("u4", "U4"), ("i64", "I64"), ("nf4", "U8"))), 0
        shape = tuple(random.randrange(4) for _ in range(random.randrange(3)))
        each = math.prod(shape) * ITEM_SIZE.get(kind[1], 1)
        offset = random.choice((size, size, size, size, 0, 1))
        described.append((name(random), kind[0], shape, offset, each))
        size = max(size, offset + each)
    xml = openvino_xml(described)
    if random.random() < 0.6:
        xml = mutated(
            xml, random, (b'offset="', b"<layer", b"</layers>", b"<!DOCTYPE a [", b"&a;", b'shape="9,9"')
        )
    return struct.pack("<H", len(xml)) + xml + random.randbytes(size)


def take_apart_beside(data: bytes) -> None:
    """Take a data file apart as a file beside it describes it: TensorFlow's index, or a model in XML."""
    (size,) = struct.unpack("<H", data[:2].ljust(2, b"\0"))
    told, file = data[2 : 2 + size], data[2 + size :]
    is_xml = told[:1] == b"<"
    plugin = OpenVino() if is_xml else TensorFlowBundle()
    neighbours = beside(
        *(("m.bin", {"m.xml": told}) if is_xml else ("m.data-00000-of-00001", {"m.index": told}))
    )
    _check_whole(file, split(memoryview(file), formats.registry(), None, neighbours))
    plugin.locate_beside(memoryview(file), neighbours)


def take_apart(data: bytes) -> None:
    """Take a file apart, put it together again, and list its scalars; its bytes must be the same."""
    found = split(memoryview(data), formats.registry())
    _check_whole(data, found)
    scalars(found.format, lambda: memoryview(data))
    # `split` takes any exception of a plugin for a damaged file.
    for plugin in formats.registry():
        if plugin.matches(memoryview(data)):
            plugin.locate(memoryview(data))


def _check_whole(data: bytes, found: Split) -> None:
    assert parse_layout(found.layout.to_bytes()) == found.layout
    again = bytearray(found.layout.size)
    for literal in found.layout.literals:
        again[literal.offset : literal.offset + len(literal.data)] = literal.data
    for tensor in found.tensors:
        if tensor.spec.count:
            target = array(tensor, again)
            target[...] = np.frombuffer(content(tensor, data), target.dtype).reshape(target.shape)
    for checksum in found.layout.checksums:
        value = KINDS[checksum.kind](checksum.ranges, lambda at, size: zlib.crc32(again[at : at + size]))
        again[checksum.offset : checksum.offset + len(value)] = value
    assert bytes(again) == data


def describe_data(data: bytes) -> None:
    """Take a file apart that a model of ONNX beside it describes."""
    beside = Neighbours("m.data", lambda: ["m.onnx"], {"m.onnx": data}.get)
    file = memoryview(bytes(200))
    located = OnnxData().locate_beside(file, beside)
    check_located(located, len(file))
    assert split(file, [OnnxData()], None, beside).told


def merge(data: bytes) -> None:
    """Merge a file with two versions of it that have more or fewer parameters."""
    ours = opened(data)
    if ours.format == OPAQUE:
        return
    wanted = {key: value[0] for key, value in ours.values.items()}
    for taken in (wanted, dict(list(wanted.items())[:1])):
        try:
            compose_file(ours.format, ours.version, [ours.version, ours.version], taken)
        except ComposeError as error:
            # Any exception of a plugin becomes this one.
            raise (error.__cause__ or error) from None


FORMAT_TARGETS = (
    Target("safetensors", safetensors, take_apart, _JSON, share=0.3),
    Target("pytorch", pytorch, take_apart, _PICKLE, share=0.3),
    Target("pytorch-dcp", pytorch_dcp, take_apart, _PICKLE, share=0.3),
    Target("dcp-metadata", dcp_metadata, read_dcp_metadata, _PICKLE),
    Target("pytorch-pt2", pt2, take_apart, _JSON, share=0.3),
    Target("pytorch-legacy", pytorch_legacy, take_apart, _PICKLE, share=0.3),
    Target("npy", npy, take_apart, _NUMPY, share=0.3),
    Target("skops", skops, take_apart, _JSON, share=0.3),
    Target("npz", npz, take_apart, _NUMPY, share=0.3),
    Target("pickle", pickle, take_apart, _PICKLE, share=0.4),
    Target("executorch", executorch, take_apart, _TFLITE, share=0.3),
    Target("tar", tar, take_apart, (b"ustar", b"0" * 11), share=0.3),
    Target("zip", zipped, take_apart, (b"PK\x03\x04", b"PK\x05\x06"), share=0.3),
    Target("gguf", gguf, take_apart, _GGUF, share=0.3),
    Target("onnx", onnx, take_apart, _ONNX, share=0.3),
    Target("hdf5", hdf5, take_apart, _HDF5, share=0.6),
    Target("onnx-data", onnx_with_data, describe_data, _ONNX, share=0.4),
    Target("coreml", coreml, take_apart, _COREML, share=0.4),
    Target("tflite", tflite, take_apart, _TFLITE, share=0.3),
    Target("flax", flax, take_apart, _FLAX, share=0.3),
    Target("tensorflow", tensorflow, take_apart_beside, share=0.1),
    Target("openvino", openvino, take_apart_beside, share=0.1),
    Target("keras", keras, take_apart, _HDF5, share=0.2),
    Target("merge-hdf5", hdf5, merge, _HDF5, share=0.3),
    Target("merge-keras", keras, merge, _HDF5, share=0.1),
    Target("merge-gguf", gguf, merge, _GGUF, share=0.3),
    Target("merge-flax", flax, merge, _FLAX, share=0.3),
    Target("merge-onnx", onnx, merge, _ONNX, share=0.3),
    Target("merge-safetensors", safetensors, merge, _JSON, share=0.3),
    Target("merge-pytorch", pytorch, merge, _PICKLE, share=0.3),
    Target("merge-pytorch-legacy", pytorch_legacy, merge, _PICKLE, share=0.3),
    Target("merge-npy", npy, merge, _NUMPY, share=0.3),
    Target("merge-npz", npz, merge, _NUMPY, share=0.3),
)
