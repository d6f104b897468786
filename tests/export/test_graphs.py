"""Graphs of an export: files, what the card says of int8, overwriting, and bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from scalenas.arch import dump
from scalenas.deploy.openvino_runtime import compiled_model
from scalenas.deploy.task_graph import GraphForm
from scalenas.errors import ExportError
from scalenas.evaluation import SubnetEvaluator
from scalenas.export import Choice, Exported, Graphs, choose, export_subnet, load_exported
from scalenas.export.files import names_of, publish
from tests.errors import contains, raises
from tests.evaluation.world import CLASSES, SPACE, config
from tests.processes import run_tool

FORM = GraphForm('task', ('batch', 'height', 'width'), 'inside')
EVERY = Graphs(onnx=True, openvino=True, int8=True, form=FORM)
FILES = ('out.onnx', 'out_int8.onnx', 'out.xml', 'out.bin')


def smallest(root: Path) -> Choice:
    """An arch of 28 convolutions."""
    (root / 'smallest.yaml').write_text(dump(SPACE.smallest()))
    return choose(str(root / 'smallest.yaml'))


def export(root: Path, out: Path, graphs: Graphs, force: bool = False) -> Exported:
    weights = root / 'supernet.pth'
    choice = smallest(root)
    return export_subnet(choice, config(root), weights, out, 'out', graphs=graphs, force=force)


@pytest.fixture(scope='module')
def done(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every graph: finished logits, all sizes free, mean and std inside."""
    pytest.importorskip('openvino')
    out = tmp_path_factory.mktemp('graphs')
    files = {path.name for path in export(root, out, EVERY).files}
    assert {*FILES} < files
    return out


@pytest.fixture(scope='module')
def pictures() -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 65, 97), generator=rng).float()


@pytest.fixture(scope='module')
def wanted(done: Path, pictures: Tensor) -> np.ndarray:
    """Logits of the exported model, at the size of the pictures."""
    model = load_exported(done / 'out.py', done / 'out.pth')
    pre = model.data_preprocessor
    with torch.no_grad():
        sizes = [{'img_shape': (65, 97)}] * 2
        logits: np.ndarray = model.encode_decode((pictures - pre.mean) / pre.std, sizes).numpy()
    return logits


def test_onnxruntime_and_openvino_agree_with_torch(
    done: Path, pictures: Tensor, wanted: np.ndarray
) -> None:
    session = onnxruntime.InferenceSession(str(done / 'out.onnx'))
    (found,) = session.run(['logits'], {'image': pictures.numpy()})
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
    found = compiled_model(done / 'out.xml')(pictures.numpy())[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
    assert 'compress' not in (done / 'out.xml').read_text(), 'weights are float32'


def test_int8_is_smaller_and_its_metric_is_in_the_card(done: Path) -> None:
    card = json.loads((done / 'out.json').read_text())
    assert card['int8']['calibration_images'] == 11
    assert card['int8']['metrics'].keys() == card['metrics']['exported'].keys()
    assert card['int8']['metrics'] == pytest.approx(card['metrics']['exported'], abs=3.0)
    assert card['int8']['metrics'] != card['metrics']['exported']
    assert (done / 'out_int8.onnx').stat().st_size < 0.6 * (done / 'out.onnx').stat().st_size
    model = onnx.load(done / 'out_int8.onnx')
    weights = {initializer.name: initializer for initializer in model.graph.initializer}
    scales = [node.input[1] for node in model.graph.node if node.op_type == 'DequantizeLinear']
    per_channel = [name for name in scales if weights[name].dims and weights[name].dims[0] > 1]
    convs = sum(node.op_type == 'Conv' for node in model.graph.node)
    assert len(per_channel) >= convs > 10, 'a scale for each output channel'
    zeros = [node.input[2] for node in model.graph.node if node.op_type == 'QuantizeLinear']
    assert {weights[name].data_type for name in zeros} == {onnx.TensorProto.UINT8}
    assert [output.name for output in model.graph.output] == ['logits']
    assert json.loads({p.key: p.value for p in model.metadata_props}['classes']) == list(CLASSES)


def test_the_metric_of_int8_is_that_of_its_own_logits(done: Path, root: Path) -> None:
    """By hand: the file's logits on the test pictures, their classes, mean IoU."""
    evaluate = SubnetEvaluator.from_config(config(root), root / 'supernet.pth', split='test')
    files = (done / 'out_int8.onnx', done / 'out.onnx')
    small, whole = (onnxruntime.InferenceSession(str(path)) for path in files)
    pre = evaluate.model.data_preprocessor
    seen, truth = [], []
    for batch in evaluate.validation:
        images = (batch['inputs'] * pre.std + pre.mean).numpy()
        for image, sample in zip(images, batch['data_samples'], strict=True):
            (logits,), (exact,) = (
                each.run(None, {'image': image[None]}) for each in (small, whole)
            )
            assert 1e-4 < np.abs(logits - exact).max() / np.abs(exact).max() < 0.2
            seen.append(logits.argmax(1))
            truth.append(sample.gt_sem_seg.data.numpy())
    a, b = np.concatenate(seen), np.concatenate(truth)
    ious = [((a == k) & (b == k)).sum() / ((a == k) | (b == k)).sum() for k in range(4)]
    card = json.loads((done / 'out.json').read_text())
    assert card['int8']['metrics']['mIoU'] == pytest.approx(100 * np.mean(ious), abs=1e-4)


def test_the_same_export_writes_equal_files_and_another_is_refused(
    done: Path, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    shutil.copytree(done, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    export(root, out, EVERY)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    with raises(ExportError, where=contains(out), hint=contains('--force')):
        export(root, out, Graphs(onnx=True))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    export(root, out, Graphs(onnx=True), force=True)
    there = {path.name for path in out.iterdir()}
    assert there == before.keys() - {'out_int8.onnx', 'out.xml', 'out.bin'}, 'of the old export'
    assert 'int8' not in json.loads((out / 'out.json').read_text())


@pytest.mark.parametrize('moved', range(3))
def test_a_kill_leaves_no_xml_beside_other_weights(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(name: str, content: str) -> Path:
        (tmp_path / name).mkdir()
        for suffix in ('.xml', '.bin', '.onnx'):
            (tmp_path / name / f'mine{suffix}').write_text(content)
        return tmp_path / name

    out, left, replace = folder('out', 'old'), [moved], os.replace

    def killed(source: Path, target: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr('scalenas.export.files.os.replace', killed)
    with pytest.raises(KeyboardInterrupt):
        publish(folder('stage', 'new'), out, True, names_of('mine'))
    assert not (out / 'mine.xml').exists()
    monkeypatch.undo()
    publish(folder('again', 'new'), out, True, names_of('mine'))
    assert {path.read_text() for path in out.iterdir()} == {'new'}
    assert len(list(out.iterdir())) == 3


def test_images_that_a_graph_of_fixed_size_does_not_take(root: Path, tmp_path: Path) -> None:
    choice = smallest(root)
    with raises(ExportError, where='--int8', got=(64, 64), hint=contains('--dynamic')):
        export_subnet(
            choice,
            config(root),
            root / 'supernet.pth',
            tmp_path,
            size=(64, 96),
            graphs=Graphs(int8=True),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_conflict_of_options_is_found_before_the_work(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SubnetEvaluator, 'measure', None)
    form = GraphForm('boxes')
    with raises(ExportError, where='--onnx-output', got='boxes', allowed=('raw', 'task', 'labels')):
        export(root, tmp_path, Graphs(openvino=True, form=form))
    hidden = {'onnx': 'here', 'onnxruntime': 'here'}
    monkeypatch.setattr('scalenas.deploy.graph.find_spec', hidden.get)
    with raises(ExportError, where='--openvino', hint='pip install openvino'):
        export(root, tmp_path, Graphs(openvino=True))


def test_the_tool(root: Path, tmp_path: Path) -> None:
    smallest(root)
    words = [root / 'smallest.yaml', root / 'supernet.pth', '--config', root / 'supernet.py']
    words += ['--out', tmp_path / 'out', '--name', 'mine']
    graph = ['--onnx', '--dynamic', 'height', 'width', '--onnx-output', 'labels']
    done = run_tool('export', *words, *graph, cwd=tmp_path, warm=True)
    assert done.returncode == 0, done.stderr[-2000:]
    session = onnxruntime.InferenceSession(str(tmp_path / 'out/mine.onnx'))
    (found,) = session.run(['labels'], {'image': np.zeros((1, 3, 33, 80), np.float32)})
    assert found.shape == (1, 33, 80)
    done = run_tool('export', *words, '--normalize', 'inside', cwd=tmp_path, warm=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: --dynamic, --onnx-output')
    assert 'Traceback' not in done.stderr


def test_no_calibration_data(root: Path, tmp_path: Path) -> None:
    cfg: Config = config(root)
    del cfg._cfg_dict['calibration_dataloader']
    with raises(where='calibration_dataloader', problem='is missing'):
        export_subnet(
            smallest(root),
            cfg,
            root / 'supernet.pth',
            tmp_path,
            graphs=Graphs(int8=True),
        )


def test_the_lines_of_the_page(
    done: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of docs/deployment.md, one after another, on an export with every graph."""
    page = Path(__file__).parents[2] / 'docs/deployment.md'
    blocks = re.findall(r'```python\n(.*?)```', page.read_text(encoding='utf-8'), re.S)
    monkeypatch.chdir(tmp_path)
    for path in done.iterdir():
        (tmp_path / 'exported').mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / 'exported' / path.name.replace('out', 'mine'))
    shutil.copy(root / 'img/test/000.png', 'image.png')
    model = load_exported(done / 'out.py', done / 'out.pth')
    given: dict[str, Any] = {'model': model, 'net': model.backbone}
    for block in blocks:
        exec(block, given)
    with torch.no_grad():
        image = torch.from_numpy(given['normalized'])
        expected = model.encode_decode(image, [{'img_shape': (64, 64)}]).numpy()
        maps = model.backbone(given['images'])
    np.testing.assert_allclose(given['logits'], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(given['same'], expected, rtol=1e-3, atol=1e-3)
    assert np.abs(given['coarse'] - expected).max() < 0.2 * np.abs(expected).max()
    for one, other in zip(given['maps'], maps, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-3, atol=1e-4)
    assert set(given['names']) <= set(CLASSES)
    assert given['before'].keys() == given['after'].keys() == {'aAcc', 'mIoU', 'mAcc'}
