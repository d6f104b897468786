"""Task models as ONNX graphs: outputs, free sizes, metadata, and a graph in place of layers."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import mmcv
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scalenas.deploy.graph import apart, flat, onnx_graph
from scalenas.deploy.stand_in import standing_in
from scalenas.deploy.task_graph import TOLERANCE, GraphForm, TaskGraph, task_graph
from scalenas.errors import ExportError
from scalenas.tasks import task_of_model
from tests.errors import contains, raises

from .models import MEAN, STD, TASKS, segmentation
from .nets import NETS

FREE = ('batch', 'height', 'width')
SIZE = (64, 96)


@cache
def model_of(task: str) -> Any:
    """Built once: no test changes it."""
    return TASKS[task]()


def run(graph: bytes, image: Tensor, names: Any = None) -> list[Tensor]:
    session = onnxruntime.InferenceSession(graph, providers=['CPUExecutionProvider'])
    return [torch.from_numpy(part) for part in session.run(names, {'image': image.numpy()})]


def images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def kinds(graph: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)


def shapes(graph: bytes) -> dict[str, list[object]]:
    model = onnx.load_from_string(graph)
    ends = (*model.graph.input, *model.graph.output)
    return {
        end.name: [dim.dim_param or dim.dim_value for dim in end.type.tensor_type.shape.dim]
        for end in ends
    }


@torch.no_grad()
def raw_of(task: str, image: Tensor) -> list[Tensor]:
    """In float64, as the task package itself computes it."""
    model = model_of(task)
    model.double()
    try:
        if task == 'two_stage':
            return flat(model.neck(model.backbone(image.double())))
        return flat(model(image.double(), None, mode='tensor'))
    finally:
        model.float()


@pytest.mark.parametrize('task', TASKS)
def test_raw_outputs_of_a_fixed_size(task: str) -> None:
    """All of a one-stage detector, and the neck's maps of a two-stage one; no size is computed."""
    found = task_graph(model_of(task), SIZE, GraphForm())
    names = {'one_stage': 8, 'two_stage': 5}.get(task, 1)
    word = 'map' if task == 'two_stage' else 'raw'
    assert found.outputs == (tuple(f'{word}{i}' for i in range(names)) if names > 1 else ('raw',))
    image = images(1, 3, *SIZE)
    assert max(apart(run(found.graph, image), raw_of(task, image))) <= 1e-5
    computed = kinds(found.graph)
    assert computed['Conv'] >= 10
    assert not computed.keys() & {'Shape', 'Gather', 'Slice', 'Unsqueeze', 'BatchNormalization'}
    assert not computed.keys() & {'Identity', 'Constant', 'Cast', 'Dropout'}


@pytest.mark.parametrize('task', TASKS)
def test_free_sizes(task: str) -> None:
    found = task_graph(model_of(task), SIZE, GraphForm(free=FREE))
    assert shapes(found.graph)['image'] == ['batch', 3, 'height', 'width']
    assert all(shapes(found.graph)[name][0] == 'batch' for name in found.outputs)
    for shape in ((1, 3, *SIZE), (3, 3, 128, 64), (2, 3, 65, 97)):
        if task != 'two_stage' or shape[2] % 32 == 0:  # HRFPN takes no others
            image = images(*shape)
            assert max(apart(run(found.graph, image), raw_of(task, image))) <= 1e-5


def test_only_the_height_is_free() -> None:
    found = task_graph(model_of('segmentation'), SIZE, GraphForm(free=('height',)))
    assert shapes(found.graph) == {'image': [1, 3, 'height', 96], 'raw': [1, 4, 'raw_2', 24]}


def test_a_finished_segmentation() -> None:
    """As mmseg predicts it: logits at the size of the image, and the largest one's class."""
    model, image = model_of('segmentation'), images(1, 3, 65, 97)
    with torch.no_grad():
        sizes = [{'img_shape': (65, 97)}]
        wanted = model.encode_decode(image, sizes)
    graphs = {
        kind: task_graph(model, (65, 97), GraphForm(kind, FREE)) for kind in ('task', 'labels')
    }
    (logits,) = run(graphs['task'].graph, image)
    assert graphs['task'].outputs == ('logits',)
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-4)
    (labels,) = run(graphs['labels'].graph, image)
    assert (labels.shape, labels.dtype) == ((1, 65, 97), torch.int64)
    assert (labels == wanted.argmax(1)).float().mean() > 0.999
    assert len(labels.unique()) > 1


def test_finished_poses_and_classes() -> None:
    image = images(2, 3, *SIZE)
    found = task_graph(model_of('pose'), SIZE, GraphForm('task', FREE))
    assert found.outputs == ('heatmaps',)
    assert max(apart(run(found.graph, image), raw_of('pose', image))) <= 1e-5
    found = task_graph(model_of('classification'), SIZE, GraphForm('task', FREE))
    assert found.outputs == ('scores',)
    (raw,) = raw_of('classification', image)
    assert max(apart(run(found.graph, image), [raw.softmax(1)])) <= 1e-5


@pytest.mark.parametrize(('task', 'order'), [('segmentation', 'RGB'), ('classification', 'BGR')])
def test_pictures_as_they_are_read(task: str, order: str) -> None:
    """Mean and std inside: of the file's pixels the graph makes what the whole model makes."""
    model = model_of(task)
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)  # BGR, as mmcv reads
    data = {'inputs': [torch.from_numpy(picture).permute(2, 0, 1)]}
    with torch.no_grad():
        expected = flat(model(**model.data_preprocessor(data, False), mode='tensor'))
    found = task_graph(model, SIZE, GraphForm(normalize='inside'), about={'classes': ['a', 'b']})
    entries = {
        entry.key: json.loads(entry.value)
        for entry in onnx.load_from_string(found.graph).metadata_props
    }
    assert entries['channel_order'] == order
    given = mmcv.bgr2rgb(picture) if order == 'RGB' else picture
    image = torch.from_numpy(given).permute(2, 0, 1)[None].float()
    assert max(apart(run(found.graph, image), expected)) <= 1e-4
    assert entries['mean'] == pytest.approx(MEAN)
    assert entries['std'] == pytest.approx(STD)
    assert entries['normalize'] == 'inside'
    assert (entries['size'], entries['free'], entries['output']) == ([64, 96], [], 'raw')
    assert entries['classes'] == ['a', 'b']


def test_the_same_graph_has_the_same_bytes() -> None:
    pair = [task_graph(segmentation(), SIZE, GraphForm('task', FREE)).graph for _ in range(2)]
    assert pair[0] == pair[1]


def test_a_graph_that_computes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(*args: Any) -> bytes:
        model = onnx.load_from_string(onnx_graph(*args))
        weight = next(i for i in model.graph.initializer if len(i.dims) == 4)
        weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * 1.01).tobytes()
        return model.SerializeToString()

    monkeypatch.setattr('scalenas.deploy.task_graph.onnx_graph', spoiled)
    with raises(ExportError, where='--onnx: raw', allowed='at most 0.0001'):
        task_graph(model_of('segmentation'), SIZE, GraphForm())


def test_a_size_that_a_model_wrote_into_its_graph() -> None:
    """Tracing keeps the number, and the comparison at another size sees it."""

    class Fixed(nn.Module):
        def forward(self, inputs: Tensor, samples: object, mode: str) -> Tensor:
            side = int(inputs.shape[2])
            return F.avg_pool2d(inputs, 2) / side

    task_graph(Fixed(), SIZE, GraphForm())
    with raises(ExportError, where='--onnx: raw', problem=contains('(1, 3, 97, 96)')):
        task_graph(Fixed(), SIZE, GraphForm(free=('height',)))


def test_a_size_that_a_model_does_not_take() -> None:
    """HRFPN joins maps that fit together for multiples of the largest stride alone."""
    with raises(where='--size', problem=contains('33x47', 'RuntimeError')):
        task_graph(model_of('two_stage'), (33, 47), GraphForm())


def test_labels_may_differ_where_two_classes_are_tied() -> None:
    """One pixel of a large image says nothing; many are another graph."""
    labels = torch.arange(128 * 256).reshape(1, 128, 256) % 19
    one, many = labels.clone(), labels.clone()
    one[0, 0, 0] = 18
    many[0, :2] += 1
    assert apart([labels, one], [labels, labels]) == [0.0, 0.1 / labels.numel()]
    assert apart([many], [labels])[0] > TOLERANCE > apart([one], [labels])[0]
    with raises(ExportError, problem='shapes of outputs'):
        apart([labels[0]], [labels])


@pytest.mark.parametrize(
    ('form', 'where', 'got'),
    [
        (GraphForm('logits'), '--onnx-output', 'logits'),
        (GraphForm(free=('depth',)), '--dynamic', 'depth'),
        (GraphForm(normalize='outside'), '--normalize', 'outside'),
    ],
)
def test_a_form_that_there_is_not(form: GraphForm, where: str, got: str) -> None:
    with raises(ExportError, where=where, got=got):
        form.check(model_of('segmentation'))
    GraphForm('labels').check(model_of('segmentation'))
    with raises(ExportError, where='--onnx-output', got='labels', allowed=('raw', 'task')):
        GraphForm('labels').check(model_of('pose'))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('scalenas.deploy.graph.find_spec', lambda name: None)
    with raises(ExportError, where='--int8', hint='pip install onnx onnxruntime'):
        GraphForm().check(nn.ReLU(), '--int8')


def test_maps_are_named_in_their_order() -> None:
    net = NETS['hrnet']
    found = shapes(onnx_graph(net.module, net.images()))
    assert list(found) == ['image', 'map0', 'map1', 'map2', 'map3']
    assert [found[f'map{i}'][1] for i in range(4)] == [8, 16, 32, 64]


def calls(found: TaskGraph) -> Any:
    return lambda image: run(found.graph, image, list(found.raw))


@pytest.mark.parametrize('task', TASKS)
def test_a_graph_in_place_of_the_layers(task: str) -> None:
    """Predictions are those of the model: in a graph of another model's weights they are not."""
    model = model_of(task)
    found = task_graph(model, SIZE, GraphForm('task'), with_raw=True)
    batch = samples(task, model)
    with torch.no_grad():
        wanted = predicted(model, batch)
        with standing_in(model, calls(found), batch['inputs']):
            got = predicted(model, batch)
        again = predicted(model, batch)
        with standing_in(model, lambda x: [0 * y for y in calls(found)(x)], batch['inputs']):
            nothing = predicted(model, batch)
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)
    assert torch.equal(again, wanted)
    other = nothing.shape != wanted.shape
    assert other or not torch.allclose(nothing, wanted, rtol=1e-2, atol=1e-2)


def samples(task: str, model: Any) -> dict[str, Any]:
    """Two normalized images with empty samples of the package."""
    about = {'img_shape': SIZE, 'ori_shape': SIZE, 'scale_factor': (1.0, 1.0), 'pad_shape': SIZE}
    about |= {'batch_input_shape': SIZE}
    if task == 'segmentation':
        from mmseg.structures import SegDataSample as Sample
    elif task == 'classification':
        from mmpretrain.structures import DataSample as Sample
    elif task == 'pose':
        from mmengine.structures import InstanceData
        from mmpose.structures import PoseDataSample as Sample

        about |= {'input_center': np.array([48, 32]), 'input_scale': np.array([96, 64])}
        about |= {'input_size': (96, 64)}
    else:
        from mmdet.structures import DetDataSample as Sample
    found = [Sample(metainfo=about) for _ in range(2)]
    if task == 'pose':
        for sample in found:
            box = {'bboxes': np.array([[0, 0, 96, 64]]), 'bbox_scores': np.ones(1)}
            sample.gt_instances = InstanceData(**box)
    return {'inputs': images(2, 3, *SIZE), 'data_samples': found}


def predicted(model: Any, batch: dict[str, Any]) -> Tensor:
    """All numbers that a model predicts."""
    fresh = [sample.new() for sample in batch['data_samples']]
    numbers: list[Tensor] = []
    for sample in model(batch['inputs'], fresh, mode='predict'):
        if 'seg_logits' in sample:
            numbers.append(sample.seg_logits.data)
        elif 'pred_score' in sample:
            numbers.append(sample.pred_score)
        elif 'keypoints' in sample.pred_instances:
            numbers.append(torch.as_tensor(sample.pred_instances.keypoint_scores))
        else:
            numbers.append(sample.pred_instances.scores)
    return torch.cat([number.flatten().double() for number in numbers])


def test_layers_that_cannot_be_taken_apart() -> None:
    class Whole(nn.Module):
        def forward(self, inputs: Tensor, samples: object, mode: str) -> Tensor:
            return inputs

    with raises(ExportError, where='--int8', got='Whole'), standing_in(Whole(), list, images(1)):
        pass
    assert task_of_model(Whole()).graph_head(Whole()) == ''
