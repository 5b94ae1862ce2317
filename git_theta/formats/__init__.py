"""Checkpoint formats: each finds the tensors inside a file's bytes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from git_theta.registry import Registry

if TYPE_CHECKING:
    from git_theta.formats.base import Format


@cache
def registry() -> Registry[Format]:
    """All formats, in the order in which they are tried on a file."""
    from git_theta.formats.base import Format

    return Registry(
        "format",
        "git_theta.formats",
        Format,
        {
            "tensorflow": "git_theta.formats.tensorflow.plugin:TensorFlowBundle",
            "openvino": "git_theta.formats.openvino.plugin:OpenVino",
            "pytorch-dcp": "git_theta.formats.pytorch.dcp:DistributedCheckpoint",
            "pytorch": "git_theta.formats.pytorch.zipped:PyTorchZip",
            "pytorch-pt2": "git_theta.formats.pytorch.pt2:ExportedProgram",
            "pytorch-legacy": "git_theta.formats.pytorch.legacy:PyTorchLegacy",
            "safetensors": "git_theta.formats.safetensors.plugin:Safetensors",
            "npy": "git_theta.formats.numpy.npy:Npy",
            "keras": "git_theta.formats.keras.plugin:Keras",
            "skops": "git_theta.formats.numpy.skops:Skops",
            "npz": "git_theta.formats.numpy.npz:Npz",
            "pickle": "git_theta.formats.pickle.plugin:Pickle",
            "pickle-compressed": "git_theta.formats.pickle.compressed:CompressedPickle",
            "gguf": "git_theta.formats.gguf.plugin:Gguf",
            "onnx": "git_theta.formats.onnx.plugin:Onnx",
            "hdf5": "git_theta.formats.hdf5.plugin:Hdf5",
            "zip": "git_theta.formats.archive.zip:Zip",
            "tar": "git_theta.formats.archive.tar:Tar",
            "flax": "git_theta.formats.flax.plugin:Flax",
            "executorch": "git_theta.formats.executorch.plugin:ExecuTorchProgram",
            "executorch-data": "git_theta.formats.executorch.plugin:ExecuTorchData",
            "tflite": "git_theta.formats.tflite.plugin:TfLite",
            "coreml": "git_theta.formats.coreml:CoreMl",
            "onnx-data": "git_theta.formats.onnx.data_file:OnnxData",
        },
    )
