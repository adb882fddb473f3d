"""The node tests of the package onnx (its licence: Apache-2.0): inputs, attributes and expected outputs of the ops that mica has.

CASE/x0, x1, ...  inputs, also those that the model holds as initialisers; an input left out is absent
CASE/y0, ...      the outputs that the test expects, as ONNX's authors computed them (most in float32)
Metadata, one JSON: made_by; nodes: for each case the op's name and its attributes as the node has them; skipped: for each test of these ops that is
not in the file, why. What mica cannot do with those in the file, tests/onnx_test.cpp says.
Tests of one node only: the "expanded" forms, in which ONNX spells an op out in other ops, say nothing more.
"""
import glob
import json
import pathlib

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

# Not HardSigmoid: mica's is PyTorch's, of slope 1/6; the tests have others.
OPS = set("""Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Compress Concat Conv Cos CumSum Div Dropout Elu Equal Exp Expand EyeLike Flatten
Floor Gather GatherElements Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSwish Identity IsNaN LayerNormalization LeakyRelu Less
LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mul Neg NegativeLogLikelihoodLoss Not OneHot Or Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Relu Reshape Round Sigmoid Sign Sin Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign
Split Sqrt Squeeze Sub Sum Swish Tanh TopK Transpose Trilu Unsqueeze Where Xor""".split())
DTYPES = {"float64", "float32", "float16", "int64", "int32", "uint8", "bool"}
LARGEST = 40_000  # bytes of a test


def generated():
    """name, node, {input name: value}, [expected]: the tests that the package makes."""
    for case in collect_testcases(""):
        if len(case.model.graph.node) == 1 and "_expanded" not in case.name:
            inputs, expected = case.data_sets[0]
            graph = case.model.graph
            yield case.name, graph.node[0], dict(zip([i.name for i in graph.input], inputs)), expected


def converted():
    """The same of the tests that the package ships as files, written once by PyTorch's exporter."""
    root = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-converted"

    def read(path):
        proto = onnx.TensorProto()
        proto.ParseFromString(pathlib.Path(path).read_bytes())
        return numpy_helper.to_array(proto)

    for folder in sorted(root.iterdir()):
        graph = onnx.load(folder / "model.onnx").graph
        if len(graph.node) == 1:
            values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
            given = [i.name for i in graph.input if i.name not in values]
            values |= {name: read(folder / "test_data_set_0" / f"input_{i}.pb") for i, name in enumerate(given)}
            count = len(glob.glob(str(folder / "test_data_set_0" / "output_*.pb")))
            yield folder.name, graph.node[0], values, [read(folder / "test_data_set_0" / f"output_{i}.pb") for i in range(count)]


def array(value):
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    return np.array(value, order="C") if isinstance(value, (np.ndarray, np.generic)) else None


def attribute(value):
    if isinstance(value, bytes):
        return value.decode()
    return [attribute(v) for v in value] if isinstance(value, (list, tuple)) else value


def skip(arrays):
    """Why mica's file cannot hold these values, or None."""
    if any(a is None for a in arrays):
        return "sequences and optional values"
    if odd := sorted({str(a.dtype) for a in arrays} - DTYPES):
        return f"dtype {', '.join(odd)}"
    if max(a.ndim for a in arrays) > 6:
        return "more than 6 dimensions"
    if sum(a.nbytes for a in arrays) > LARGEST:
        return f"more than {LARGEST} bytes"
    return None


def make():
    tensors, nodes, skipped = {}, {}, {}
    for prefix, source in (("", generated), ("converted/", converted)):
        for name, node, values, expected in source():
            name = prefix + name.removeprefix("test_")
            if node.op_type not in OPS:
                continue
            named = {f"x{i}": array(values[key]) for i, key in enumerate(node.input) if key} | {f"y{i}": array(y) for i, y in enumerate(expected)}
            if reason := skip(list(named.values())):
                skipped[name] = reason
                continue
            tensors |= {f"{name}/{key}": value for key, value in named.items()}
            attributes = {a.name: attribute(onnx.helper.get_attribute_value(a)) for a in node.attribute}
            nodes[name] = {"op": node.op_type, "attributes": attributes}
    made_by = f"tools/make_golden.py from the node tests of the package onnx {onnx.__version__}, Apache-2.0, Copyright (c) ONNX Project Contributors"
    return tensors, {"tests": json.dumps({"made_by": made_by, "nodes": nodes, "skipped": skipped})}  # one entry: safetensors writes several in any order
