"""scaled: a float32 value that is its base times one number, as after weight decay alone."""

import numpy as np

from git_theta.errors import CorruptError
from git_theta.updates.base import Base, UnsuitableError, single_input
from git_theta.updates.payload import typed_header, unpack_typed


class Scaled:
    """Every element of the base times one number."""

    name = "scaled"

    def estimate(self, sample):
        fits = sample.spec.dtype == "F32" and factor_of(sample.value, sample.base) is not None
        return 100 / sample.spec.nbytes if fits else None

    def encode(self, value, spec, base):
        before = b"".join(map(bytes, base.chunks(1 << 20)))
        factor = factor_of(value, before) if spec.dtype == "F32" else None
        if factor is None:
            raise UnsuitableError
        yield typed_header(self.name, spec, factor=factor)

    def decode(self, payload, inputs, nbytes):
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        factor = header.get("factor")
        if spec.dtype != "F32" or not isinstance(factor, float) or len(body):
            raise CorruptError("the payload isn't one factor for float32 values")
        for chunk in Base(spec, single_input(inputs, self.name)).chunks(1 << 20):
            yield (np.frombuffer(chunk, "<f4") * np.float32(factor)).data.cast("B")


def factor_of(value, base):
    """The float32 number by which the base is multiplied to give the value's exact bits, or `None`."""
    with np.errstate(all="ignore"):
        after, before = np.frombuffer(value, "<f4"), np.frombuffer(base, "<f4")
        factor = np.float32(np.vdot(after.astype("f8"), before) / np.vdot(before.astype("f8"), before))
        # A NaN may have other bits on other machines.
        exact = np.isfinite(after).all() and (before * factor).tobytes() == after.tobytes()
    return float(factor) if exact else None
