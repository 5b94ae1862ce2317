"""Models of OpenVINO as XML, whose constants are in a data file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

#: Name, OpenVINO's type, shape, offset, and size of a constant.
Described = tuple[str, str, tuple[int, ...], int, int]

_HEAD = '<?xml version="1.0"?>\n<net name="model" version="11">\n<layers>\n'
_INPUT = '<layer id="0" name="x" type="Parameter"><data shape="?,3" element_type="f32" /></layer>\n'


def openvino_xml(constants: Iterable[Described]) -> bytes:
    """A model of an input and of constants, without edges."""
    layers = _INPUT
    for number, (name, kind, shape, offset, size) in enumerate(constants, 1):
        sizes = ", ".join(map(str, shape))
        layers += f'<layer id="{number}" name="{escape(name)}" type="Const" version="opset1">'
        layers += f'<data element_type="{kind}" shape="{sizes}" offset="{offset}" size="{size}" />'
        layers += '<output><port id="0" precision="FP32"><dim>3</dim></port></output></layer>\n'
    return f"{_HEAD}{layers}</layers><edges /><rt_info /></net>\n".encode()
