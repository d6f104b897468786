"""The whole export: what it writes is the sub-net, and stock tools run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import PixelData
from torch import Tensor, nn

from scalenas.arch import from_file
from scalenas.errors import ExportError
from scalenas.evaluation import SubnetEvaluator, calibrated
from scalenas.export import Exported, choose, difference, export_subnet, load_exported, recorded
from scalenas.export.files import names_of, publish, staged
from scalenas.export.subnet import subnet_state
from scalenas.space import SpaceError
from tests.errors import contains, raises
from tests.evaluation.world import CLASSES, SPACE, architecture, archs, config, supernet
from tests.processes import run_tool

REPO = Path(__file__).resolve().parents[2]


def test_the_exported_net_is_the_sub_net(exported: Exported, root: Path) -> None:
    """Proven by the export itself; here once more, from its files, for all of the test images."""
    assert exported.difference.double <= 1e-10
    assert exported.alone == pytest.approx(exported.in_supernet, abs=1e-6)
    evaluate = SubnetEvaluator.from_config(config(root), root / 'supernet.pth', split='test')
    arch = from_file(root / 'out/drawn.yaml')
    assert arch == archs(3)[2]
    assert evaluate(arch) == exported.in_supernet
    static = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    for batch in evaluate.validation:
        with calibrated(evaluate.model, arch, evaluate.calibration), torch.no_grad():
            inside = evaluate.model(**batch, mode='tensor')
        with torch.no_grad():
            torch.testing.assert_close(static(**batch, mode='tensor'), inside, rtol=0, atol=1e-5)


def test_a_net_that_differs_is_seen(cfg: Config, root: Path) -> None:
    evaluate = SubnetEvaluator.from_config(cfg, root / 'supernet.pth', split='test')
    arch = from_file(root / 'drawn.yaml')
    static = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    with calibrated(evaluate.model, arch, evaluate.calibration):
        assert difference(evaluate.model, static, evaluate.validation).equal
        with torch.no_grad():
            static.backbone.layer1[0].conv1.weight[0, 0, 0, 0] += 1e-6
        found = difference(evaluate.model, static, evaluate.validation)
        assert not found.equal
        assert found.double < 1e-3
        with torch.no_grad():
            static.backbone.layer1[0].conv1.weight[0, 0, 0, 0] = float('nan')
        assert not difference(evaluate.model, static, evaluate.validation).equal


def test_a_nan_in_any_output_is_a_difference() -> None:
    class Heads(nn.Module):
        def __init__(self, last: float) -> None:
            super().__init__()
            self.last = nn.Parameter(torch.tensor(last))

        def forward(self, inputs: Tensor, samples: object, mode: str) -> tuple[Tensor, Tensor]:
            return inputs.sum((2, 3)), inputs.mean() * self.last

    batches = [{'inputs': torch.ones(1, 3, 4, 4)}]
    assert difference(Heads(1.0), Heads(1.0), batches).equal
    found = difference(Heads(1.0), Heads(float('nan')), batches)
    assert not found.equal
    assert found.single == float('inf')


def test_nothing_is_written_without_the_proof(
    cfg: Config, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: object) -> dict[str, torch.Tensor]:
        state = subnet_state(*args)
        state['decode_head.conv_seg.bias'] = state['decode_head.conv_seg.bias'] + 1e-6
        return state

    monkeypatch.setattr('scalenas.export.subnet.subnet_state', wrong)
    with raises(ExportError, where='drawn', problem=contains('is not the sub-net')):
        export_subnet(choose(str(root / 'drawn.yaml')), cfg, root / 'supernet.pth', tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_stock_test_tool_gives_the_same_metric(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    tool = Path(mmseg.__file__).parent / '.mim/tools/test.py'
    files = [root / 'out/drawn.py', root / 'out/drawn.pth']
    done = run_tool(tool, *files, '--work-dir', tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(next(tmp_path.glob('*/*.json')).read_text())
    for name, value in exported.in_supernet.items():
        assert found[name] == pytest.approx(round(value, 2), abs=1e-5)


def test_the_config_knows_no_supernet(exported: Exported, root: Path) -> None:
    text = (root / 'out/drawn.py').read_text()
    code = '\n'.join(line for line in text.splitlines() if not line.startswith('#'))
    assert {word for word in code.split("'") if 'scalenas' in word} == {
        'scalenas.models',
        'scalenas.ScaleHRNet',
    }
    for word in ('_base_', 'Super', 'calibration', 'search_', 'Subnet', 'largest'):
        assert word not in code
    cfg = Config.fromfile(root / 'out/drawn.py')
    assert cfg.default_hooks.checkpoint.save_best == 'mIoU'
    assert cfg.optim_wrapper.optimizer.lr == 0.01
    assert cfg.test_dataloader == config(root).test_dataloader
    assert 'mIoU' in text.split('default_scope')[0]


def test_the_exported_config_trains(exported: Exported, root: Path, tmp_path: Path) -> None:
    tool = Path(mmseg.__file__).parent / '.mim/tools/train.py'
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    options += [f'load_from={root / "out/drawn.pth"}']
    done = run_tool(tool, root / 'out/drawn.py', '--work-dir', tmp_path, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.glob('best_mIoU_iter_2.pth'))


def test_weights_are_tensors_and_plain_values(exported: Exported, root: Path) -> None:
    content = torch.load(root / 'out/drawn.pth', weights_only=True)
    assert set(content) == {'meta', 'state_dict'}
    assert content['meta']['scalenas']['arch'] == archs(3)[2].to_dict()
    assert list(content['meta']['dataset_meta']['classes']) == list(CLASSES)
    card = json.loads((root / 'out/drawn.json').read_text())
    assert card['metrics']['test'] == exported.in_supernet
    assert len(card['origin']['checkpoint_sha256']) == 64
    static = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    assert card['cost']['params'] == sum(p.numel() for p in static.parameters())
    size = (root / 'out/drawn.pth').stat().st_size
    assert size < 8 * card['cost']['params'], 'weights of other sub-nets came along'


def test_a_second_export_changes_nothing_and_another_is_refused(
    exported: Exported, cfg: Config, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / 'out', tmp_path / 'out')
    arguments = (choose(str(root / 'drawn.yaml')), cfg, root / 'supernet.pth', tmp_path / 'out')
    before = {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()}
    export_subnet(*arguments, standalone=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()} == before
    other = choose(str(root / 'drawn.yaml')).__class__('drawn', SPACE.smallest(), 'elsewhere')
    with raises(ExportError, where=contains(tmp_path / 'out/drawn.'), hint=contains('--force')):
        export_subnet(other, *arguments[1:])
    assert {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()} == before
    export_subnet(other, *arguments[1:], force=True)
    assert from_file(tmp_path / 'out/drawn.yaml') == SPACE.smallest()


def test_a_conflict_is_found_before_the_evaluation(
    exported: Exported, cfg: Config, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / 'out', tmp_path / 'out')
    monkeypatch.setattr(SubnetEvaluator, 'from_config', None)
    choice = choose(str(root / 'drawn.yaml'))
    weights, out = root / 'supernet.pth', tmp_path / 'out'
    with raises(ExportError, where=out / 'drawn.py', hint=contains('--force')):
        export_subnet(choice, cfg, weights, out, command='another')
    (out / 'drawn.json').unlink()
    with raises(ExportError, where=out / 'drawn.py', hint=contains('--force')):
        export_subnet(choice, cfg, weights, out)
    with pytest.raises(TypeError):  # the evaluation would begin
        export_subnet(choice, cfg, weights, out, name='other')


def files(folder: Path, **contents: str) -> Path:
    """A stage of an export called `mine`: suffix without its dot -> content."""
    folder.mkdir(exist_ok=True)
    for suffix, content in contents.items():
        (folder / f'mine.{suffix}').write_text(content)
    return folder


@pytest.mark.parametrize('moved', range(4))
def test_a_kill_between_two_files_leaves_no_pair_of_two_exports(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new net over an old one, with --force, killed after each number of files."""
    old, new = dict(py='old', pth='old', yaml='old', json='old'), {}
    new = dict.fromkeys(old, 'new')
    out = files(tmp_path / 'out', **old)
    (out / 'mine.onnx').write_text('old')
    left, replace = [moved], os.replace

    def killed(source: Path, target: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr('scalenas.export.files.os.replace', killed)
    with pytest.raises(KeyboardInterrupt):
        publish(files(tmp_path / 'stage', **new), out, True, names_of('mine'))
    there = {path.suffix: path.read_text() for path in out.iterdir()}
    assert '.onnx' not in there, 'it is of the old net'
    assert '.py' not in there, 'a config says that its weights are beside it'
    monkeypatch.undo()
    publish(files(tmp_path / 'again', **new), out, True, names_of('mine'))
    assert {path.suffix[1:]: path.read_text() for path in out.iterdir()} == new


def test_files_of_a_killed_export_go_with_the_next_one(tmp_path: Path) -> None:
    """That of an export which runs stays."""
    code = (
        'import sys, time; from pathlib import Path; from scalenas.staging import staged_folder\n'
        "with staged_folder(Path(sys.argv[1]), 'export'): print(flush=True); time.sleep(600)"
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    env = {**os.environ, 'PYTHONPATH': str(REPO)}
    pair = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for process in pair:
            process.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 2
        pair[0].kill()
        pair[0].wait()
        with staged(tmp_path) as stage:
            assert len(list(tmp_path.iterdir())) == 2
            assert not list(stage.iterdir())
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        for process in pair:
            process.kill()
            process.wait()
            process.stdout.close()


def test_options_that_only_add_files_are_not_recorded() -> None:
    graphs = [
        '--onnx',
        '--deploy',
        '--dynamic',
        'height',
        'width',
        '--onnx-output',
        'task',
        '--normalize=inside',
    ]
    words = ['a.yaml', 'b c.pth', '--standalone', '--name', 'x', *graphs, '--force', '--index', '3']
    assert (
        recorded('tools/export.py', words) == "tools/export.py a.yaml 'b c.pth' --name x --index 3"
    )
    # The card says what int8 keeps.
    assert recorded('tools/export.py', ['a', 'b', '--int8']) == 'tools/export.py a b --int8'


def test_the_readmes_five_lines(exported: Exported, root: Path, tmp_path: Path) -> None:
    """Somebody's own mmseg model takes the backbone with its weights: forward, and a train step."""
    lines = f"""
    custom_imports = dict(imports=['scalenas.models'], allow_failed_imports=False)
    backbone = dict(
        type='scalenas.ScaleHRNet',
        arch='{root / 'out/drawn.yaml'}',
        init_cfg=dict(type='Pretrained', checkpoint='{root / 'out/drawn.pth'}', prefix='backbone.'),
    )"""
    (tmp_path / 'mine.py').write_text('\n'.join(line[4:] for line in lines.splitlines()))
    mine = Config.fromfile(tmp_path / 'mine.py')
    theirs = architecture(mine.backbone)
    theirs['decode_head']['num_classes'] = 9
    with DefaultScope.overwrite_default_scope('mmseg'):
        from mmseg.structures import SegDataSample

        model = MODELS.build(ConfigDict(theirs))
    model.init_weights()
    static = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    for key, value in static.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key], value)
    truth = PixelData(data=torch.zeros(1, 64, 64, dtype=torch.long))
    sample = SegDataSample(
        gt_sem_seg=truth, metainfo={'img_shape': (64, 64), 'ori_shape': (64, 64)}
    )
    data = {'inputs': [torch.zeros(3, 64, 64, dtype=torch.uint8)] * 2, 'data_samples': [sample] * 2}
    before = model.backbone.conv1.weight.clone()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    assert torch.isfinite(model.train().train_step(data, wrapper)['loss'])
    assert not torch.equal(before, model.backbone.conv1.weight)
    assert model.eval().test_step(data)[0].pred_sem_seg.data.shape == (1, 64, 64)


def test_a_wrapped_supernet_is_unwrapped(root: Path) -> None:
    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.architecture = supernet()
            self.teacher = torch.nn.Linear(2, 2)

    wrapped, arch = Wrapper(), archs(3)[2]
    state, plain = subnet_state(wrapped, arch), subnet_state(wrapped.architecture, arch)
    assert set(state) == set(plain)
    assert all(torch.equal(state[key], plain[key]) for key in state)


def test_an_unknown_arch_and_a_missing_size(cfg: Config, root: Path, tmp_path: Path) -> None:
    with pytest.raises(SpaceError):
        export_subnet(choose('scalenas_s1'), cfg, root / 'supernet.pth', tmp_path)
    with raises(ExportError, where='--name', got='a/b'):
        export_subnet(
            choose(str(root / 'drawn.yaml')), cfg, root / 'supernet.pth', tmp_path, name='a/b'
        )
    del cfg._cfg_dict['search']
    with raises(ExportError, where='search.size', hint=contains('--size H W')):
        export_subnet(choose(str(root / 'drawn.yaml')), cfg, root / 'supernet.pth', tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_tool(root: Path, tmp_path: Path) -> None:
    arch = root / 'drawn.yaml'
    options = ['--config', root / 'supernet.py', '--out', tmp_path / 'out', '--name', 'mine']
    done = run_tool('export', arch, root / 'supernet.pth', *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'max difference 0 in float32' in done.stdout
    assert 'mIoU: ' in done.stdout
    assert (tmp_path / 'out/mine.py').is_file()
    before = {path: path.read_bytes() for path in (tmp_path / 'out').iterdir()}
    done = run_tool(
        'export', arch, root / 'supernet.pth', *options, '--standalone', cwd=tmp_path, warm=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    after = {path: path.read_bytes() for path in (tmp_path / 'out').iterdir()}
    assert after.items() > before.items()
    added = {path.name for path in after.keys() - before.keys()}
    assert added == {'mine_backbone.py', 'mine_standalone.py'}
    done = run_tool('export', arch, tmp_path / 'none.pth', *options, cwd=tmp_path, warm=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: ')
    assert 'none.pth: no such file' in done.stderr
    assert 'Traceback' not in done.stderr
