"""The format of `torch.export.save` (`.pt2`): a zip archive of raw tensors, and of tables that name them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.members import InnerFile, locate_members
from git_theta.formats.pytorch.locate_views import Found, locate_views
from git_theta.formats.pytorch.views import Storage, View
from git_theta.formats.pytorch.zip_records import is_big_endian, record_checksums
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.formats.unique_names import unique_name
from git_theta.formats.zip_reader import STORED, Member, directory_bytes, read_member, zip_members
from git_theta.model.tensor import ITEM_SIZE, MAX_DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from git_theta.formats.pytorch.pt2_payloads import Payload

#: Bytes of a directory to look for tables in.
_MAX_DIRECTORY = 1 << 26

#: The end of the name of a table, before its extension.
_SIGN = b"_weights_config.json"
_TABLE = re.compile(r"(data/(?:weights|constants)/)([^/]+)_(?:weights|constants)_config\.json")
_INPUTS = re.compile(r"data/sample_inputs/.+\.pt")

_FORMATS = (PyTorchZip(),)


class ExportedProgram:
    """Archives of exported programs, of one model or of several; code and graphs stay in the layout."""

    name = "pytorch-pt2"

    def matches(self, data: memoryview) -> bool:
        """A zip archive with a table of weights."""
        return _SIGN in directory_bytes(data, _MAX_DIRECTORY)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors of the tables, and those of the sample inputs."""
        found = zip_members(data)
        folder = found[0].name.partition("/")[0]
        members = {member.name.removeprefix(f"{folder}/"): member for member in found}
        views: list[Found] = []
        files: list[InnerFile] = []
        used: set[str] = set()
        for name, payload, member in (*_payloads(data, members), *_sample_inputs(members)):
            if member.method != STORED:
                raise FormatError(f"{name[:80]} is compressed")
            used.add(member.name)
            if payload is None or payload.view is None:
                files.append(InnerFile(name, member.offset, member.offset + member.size))
            else:
                views.append((name, _view(payload.view, member), (member.offset, member.size)))
        plain = locate_views(views, len(data), is_big_endian(data, members))
        inner = locate_members(data, files, _FORMATS)
        counts: dict[str, int] = {}
        tensors = (*plain, *inner.tensors)
        unique = tuple(replace(tensor, name=unique_name(tensor.name, counts)) for tensor in tensors)
        checksums = record_checksums(found, used, members.get(".data/serialization_id"))
        return Located(unique, (*inner.checksums, *checksums))


def _payloads(data: memoryview, members: Mapping[str, Member]) -> Iterator[tuple[str, Payload, Member]]:
    """Names, tensors and members of all tables; the name of the model comes first if there are several."""
    from git_theta.formats.pytorch.pt2_payloads import MAX_TABLE, read_payloads

    tables = [match for name in members if (match := _TABLE.fullmatch(name))]
    several = len({model for _, model in map(re.Match.groups, tables)}) > 1
    for table in tables:
        folder, model = table.groups()
        for payload in read_payloads(read_member(data, members[table[0]], MAX_TABLE)):
            member = members.get(folder + payload.member)
            if member is None:
                raise FormatError(f"{payload.member[:80]} is missing")
            yield (f"{model}/{payload.name}" if several else payload.name), payload, member


def _sample_inputs(members: Mapping[str, Member]) -> Iterator[tuple[str, None, Member]]:
    return ((name, None, member) for name, member in members.items() if _INPUTS.fullmatch(name))


def _view(view: tuple[str, int, tuple[int, ...], tuple[int, ...]], member: Member) -> View:
    dtype, offset, shape, strides = view
    storage = Storage(member.name, dtype, member.size // ITEM_SIZE[dtype])
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise FormatError("a tensor's shape and strides don't fit")
    return View(storage, dtype, offset, shape, strides)
