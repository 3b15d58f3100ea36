"""Networks as ONNX, for programs without torch, and how much they differ from torch's own."""

import json
import os
import warnings

# Read when onnxruntime is loaded; it would put a number for this machine and events to send into
# ~/.cache/Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnx
import onnxruntime
import torch
from torch import Tensor
from torch.export import Dim

from spaces.autoencoder import IMAGE_SIZE
from spaces.errors import StudyError
from studies.data.images import CLASS_NAMES
from studies.networks.plain import Autoencoder, Classifier, scale_pixels

OPSET = 20
"""ONNX's version of its operators; what torch's exporter writes without converting."""

INPUT = "images"
"""float32 (N, 1, 28, 28) in [−1, 1], for any N."""

TOLERANCE = 1e-4
"""Difference from torch at most, as a share of the largest output where that is above 1."""

BATCHES = (1, 99)
"""Images that the check feeds at a time: the batch is free."""


def output_name(network: Autoencoder | Classifier) -> str:
    """What the network puts out."""
    return "logits" if isinstance(network, Classifier) else "reconstructions"


def to_onnx(network: Autoencoder | Classifier) -> bytes:
    """The network in evaluation mode as an ONNX file's content, its weights within."""
    example = torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE)
    with warnings.catch_warnings():
        # The exporter warns of its own parts; a user can do nothing about them.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            external_data=False,
            input_names=[INPUT],
            output_names=[output_name(network)],
            dynamic_shapes={"images": {0: Dim("N")}},
        )
    assert program is not None
    model = program.model_proto
    _forget_its_making(model)
    facts = {"pixels": "value / 127.5 - 1, value from 0 (black) to 255 (white)"}
    if isinstance(network, Classifier):
        facts["classes"] = json.dumps(CLASS_NAMES)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def largest_difference(content: bytes, network: Autoencoder | Classifier, pixels: Tensor) -> float:
    """How far onnxruntime's outputs are from torch's at most.

    Args:
        content: what :func:`to_onnx` gave.
        network: in evaluation mode.
        pixels: uint8 (100, 28, 28), real images.

    Raises:
        StudyError: further than ``TOLERANCE``.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; warnings are about this machine's devices
    session = onnxruntime.InferenceSession(
        content, sess_options=options, providers=["CPUExecutionProvider"]
    )
    largest = scale = 0.0
    for batch in torch.split(scale_pixels(pixels), list(BATCHES)):
        (found,) = session.run(None, {INPUT: batch.numpy()})
        with torch.inference_mode():
            wanted = network(batch)
        largest = max(largest, float((torch.from_numpy(found) - wanted).abs().max()))
        scale = max(scale, float(wanted.abs().max()))
    if not largest <= TOLERANCE * max(1.0, scale):
        raise StudyError(
            f"the ONNX model's outputs differ from PyTorch's by {largest:.1e}, more than "
            f"{TOLERANCE:g}; nothing was exported"
        )
    return largest


def _forget_its_making(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes on each node, which tell paths of this machine."""
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("metadata_props")
    model.ClearField("metadata_props")
