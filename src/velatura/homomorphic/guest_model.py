"""Reads somebody's model in a cell: its bytes in, a graph's bytes out. Protobuf, the ONNX checker and zip are the foreign parsers here.

b"T" + `.pt2` file                                                                                  -> `graph_form.dump_graph`
b"O" + lengths (`SIZES`) + name of the file of weights beside it + ONNX file + that file's bytes    -> the same
"""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np

from velatura.errors import BadInput
from velatura.homomorphic.graph_form import dump_graph
from velatura.homomorphic.guest_answers import answering, done
from velatura.homomorphic.outside_weights import Outside
from velatura.homomorphic.torch_program import trace_pt2
from velatura.homomorphic.trace import trace_onnx
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["SIZES", "ModelGuest"]

SIZES = struct.Struct("<HQ")


class ModelGuest:
    """A `sandbox.Guest`."""

    def warm(self) -> None:
        """Read a small model and a file that is none: after the lock nothing can be imported."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        from velatura.homomorphic import aten, onnx_operators

        assert aten and onnx_operators, "imported here, as nothing can be later"
        "".encode("cp437")  # zip's names
        entry, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in ("x", "y"))
        weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
        nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Sigmoid", ["c"], ["y"])]
        model = helper.make_model(helper.make_graph(nodes, "warm", [entry], [result], [weights]))
        dump_graph(trace_onnx(model.SerializeToString()))
        for reader in (trace_onnx, trace_pt2):
            with suppress(BadInput):
                reader(b"none")
        assert onnx.checker, "its checker is used"

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        answering(inbox, outbox, _answer)


def _answer(kind: bytes, rest: memoryview) -> bytes:
    if kind == b"T":
        return done(dump_graph(trace_pt2(bytes(rest))))
    if kind != b"O":
        raise BadInput("he.model", "a request that is no model", hint="export the model again")
    named, sized = SIZES.unpack_from(rest)
    body = rest[SIZES.size :]
    outside = Outside(str(body[:named], "utf-8", "surrogateescape"), body[named + sized :])
    return done(dump_graph(trace_onnx(bytes(body[named : named + sized]), outside)))
