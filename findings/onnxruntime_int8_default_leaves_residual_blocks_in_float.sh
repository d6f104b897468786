#!/usr/bin/env bash
# onnxruntime 1.31.1 on an x86-64 processor.
# One might expect: after quantize_static with its defaults, the convolutions of a residual block run in int8, for each
# has a QuantizeLinear and a DequantizeLinear around it.
# Seen: activations are signed by default, and on x86-64 a feature map that block and skip both read stays signed, which no
# kernel takes there: the convolution that makes it, the one that reads it and the sum run in float32, with conversions around
# them. Nothing is logged, and the written file does not show it; the optimized graph does. With unsigned activations all three
# convolutions and the sum run in int8.
# output:
#   default: Conv 2, QLinearConv 1, Add 1
#   unsigned: QLinearConv 3, QLinearAdd 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import collections
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

folder, rng = sys.argv[1], np.random.default_rng(0)


def conv(given, weight, out):
    return helper.make_node('Conv', [given, weight], [out], pads=[1, 1, 1, 1])


def relu(given, out):
    return helper.make_node('Relu', [given], [out])


shapes = {'w1': (8, 3, 3, 3), 'w2': (8, 8, 3, 3), 'w3': (8, 8, 3, 3)}
weights = [
    numpy_helper.from_array(rng.normal(scale=0.2, size=shape).astype('float32'), name)
    for name, shape in shapes.items()
]
stem = [conv('image', 'w1', 'a'), relu('a', 'x')]
block = [conv('x', 'w2', 'b'), relu('b', 'c'), conv('c', 'w3', 'd')]
skip = [helper.make_node('Add', ['x', 'd'], ['e']), relu('e', 'out')]
graph = helper.make_graph(
    [*stem, *block, *skip],
    'block',
    [helper.make_tensor_value_info('image', TensorProto.FLOAT, (1, 3, 16, 16))],
    [helper.make_tensor_value_info('out', TensorProto.FLOAT, (1, 8, 16, 16))],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
onnx.checker.check_model(model)
onnx.save(model, f'{folder}/float.onnx')


class Images(CalibrationDataReader):
    def __init__(self):
        self.left = iter([rng.normal(size=(1, 3, 16, 16)).astype('float32') for _ in range(8)])

    def get_next(self):
        image = next(self.left, None)
        return None if image is None else {'image': image}


expected = {
    'default': {'Conv': 2, 'QLinearConv': 1, 'Add': 1},
    'unsigned': {'QLinearConv': 3, 'QLinearAdd': 1},
}
for name, options in (('default', {}), ('unsigned', {'activation_type': QuantType.QUInt8})):
    quantize_static(f'{folder}/float.onnx', f'{folder}/int8.onnx', Images(), **options)
    session = onnxruntime.SessionOptions()
    session.log_severity_level = 3
    session.optimized_model_filepath = f'{folder}/run.onnx'
    onnxruntime.InferenceSession(f'{folder}/int8.onnx', session, ['CPUExecutionProvider'])
    found = collections.Counter(node.op_type for node in onnx.load(f'{folder}/run.onnx').graph.node)
    seen = {op: found[op] for op in ('Conv', 'QLinearConv', 'Add', 'QLinearAdd') if found[op]}
    print(f'{name}: ' + ', '.join(f'{op} {count}' for op, count in seen.items()))
    assert seen == expected[name]
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder" 2>/dev/null
