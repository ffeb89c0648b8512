"""A network that finds a red square, and a clip in which one walks: what vision is tried on where no real weights are; what `verify` has to find."""

from __future__ import annotations

import os
import random
from pathlib import Path

import av
import numpy as np
from tests.edge.chains import SIGNER

from velatura.detect.region import Scores
from velatura.edge.gateway import Gateway
from velatura.edge.network import Network
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Seeing
from velatura.edge.policy import Camera
from velatura.edge.sources import Source
from velatura.edge.verify import DENIALS, LEAST_PROVEN, Verified
from velatura.media.input_form import InputForm
from velatura.sandbox.confinement import Layer

__all__ = ["denied_everywhere", "gateway", "seeing", "walk"]


def network_bytes(*, poison: float = 0.0) -> bytes:
    """A YuNet by its outputs: a cell of stride 8 is a face where red stands out. poison: added to every score (NaN: an output that is none)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, values: object, kind: type = np.float32) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(values, kind), name)

    weights = np.zeros((1, 3, 24, 24), np.float32)
    weights[0, 2], weights[0, 1] = 1 / 576 / 150, -1 / 576 / 150  # red less green, BGR, over as much as the square: one cell sees most of it
    nodes = [
        helper.make_node("Conv", ["x", "weights", "bias"], ["red"], kernel_shape=[24, 24], strides=[8, 8], pads=[8, 8, 8, 8]),
        helper.make_node("Clip", ["red", "zero", "one"], ["cut"]),
        helper.make_node("Add", ["cut", "poison"], ["score"]),
        helper.make_node("Reshape", ["score", "column"], ["cls_8"]),
        helper.make_node("Identity", ["cls_8"], ["obj_8"]),
        helper.make_node("Mul", ["cls_8", "boxes"], ["nothing"]),
        helper.make_node("Add", ["nothing", "size"], ["bbox_8"]),
    ]
    outputs = ["cls_8", "obj_8", "bbox_8"]
    for stride in (16, 32):
        cells = {"kernel_shape": [stride // 8, stride // 8], "strides": [stride // 8, stride // 8]}
        nodes.append(helper.make_node("AveragePool", ["score"], [f"pooled_{stride}"], **cells))
        nodes.append(helper.make_node("Reshape", [f"pooled_{stride}", "column"], [f"all_{stride}"]))
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4)):
            nodes.append(helper.make_node("Mul", [f"all_{stride}", "none" if width == 1 else "boxes"], [f"{name}_{stride}"]))
            outputs.append(f"{name}_{stride}")
    constants = [
        constant("weights", weights),
        constant("bias", [0.0]),
        constant("zero", 0.0),
        constant("one", 0.95),
        constant("poison", poison),
        constant("column", [1, -1, 1], np.int64),
        constant("none", 0.0),
        constant("boxes", np.zeros((1, 1, 4))),
        constant("size", [[[0.5, 0.5, np.log(9.0), np.log(9.0)]]]),
    ]
    graph = helper.make_graph(
        nodes,
        "reds",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def seeing(folder: Path, *, poison: float = 0.0, **options: object) -> Seeing:
    path = folder / "reds.onnx"
    path.write_bytes(network_bytes(poison=poison))
    scores = Scores(0.3, 0.45, 0.8)
    return Seeing(path, Network("reds", "yunet-n", InputForm("BGR", max_side=320), scores, side=320), **options)  # type: ignore[arg-type]


def walk(path: Path, *, frames: int = 75, size: tuple[int, int] = (320, 240), codec: str = "libx264", back: bool = False, noise: int = 0) -> Path:
    """A red square of 24 pixels that walks from left to right below the middle, and back; 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"g": "25"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), 110, np.uint8)
            if noise:
                picture += np.random.default_rng(index).integers(0, noise, picture.shape, np.uint8)
            share = index / (frames - 1)
            share = 1 - abs(2 * share - 1) if back else share
            x = int(20 + share * (size[0] - 64))
            picture[140:164, x : x + 24] = (230, 60, 60)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def gateway(folder: Path, camera: Camera, source: Source, see: Seeing) -> tuple[Gateway, Outbox]:
    outbox = Outbox(folder / "state" / "outbox.sqlite")
    made = Gateway(
        camera, source, see, SIGNER, outbox, os.urandom(8).hex(), 1_700_000_000, "0", published=lambda: None, entropy=os.urandom, rng=random.Random(0)
    )
    return made, outbox


def denied_everywhere(found: Verified) -> None:
    """What `verify` finds on a machine that has every layer."""
    assert found.leaks == []
    assert found.proven >= 120 > LEAST_PROVEN
    assert {"root", "user"} == {*found.layers, *found.not_run}
    assert ("root" in found.layers) == (os.getuid() == 0)
    for column, held in found.layers.items():
        assert set(held.values()) <= {"kernel", "self"} and held.keys() == {layer.value for layer in Layer}
        assert all(one.inside[column] in DENIALS for one in found.probes)
        assert found.threads[column] == 1
    assert len(found.gateway) == 7 and all(one.did and not one.leak for one in found.gateway)
