"""Two processes under DDP train as one with the summed batch: mmengine's wrapper, and ours.

Batch norms run on their stored statistics here (`norm_eval`): each rank normalizes its own half
otherwise, and SyncBN, which would not, needs GPUs.
"""

import copy
import functools
import os
import sys

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope

import scalenas.training  # noqa: F401
from scalenas.registry import MODELS
from scalenas.training import SuperNetDDP

from ..processes import start_beside
from .conftest import SEGMENTOR, batch, new_hub

STEPS = 4
BIGNAS = dict(
    tap='decode_head.conv_seg', teacher='inplace', loss='kl', temperature=1.0, labels='largest'
)
AUXILIARY = dict(
    type='FCNHead',
    in_channels=16,
    in_index=1,
    channels=8,
    num_convs=1,
    concat_input=False,
    dropout_ratio=-1,
    num_classes=4,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)
CASES = {
    'grouped-skip': (dict(type='grouped', seed=3), 'skip', None, True),
    'grouped-decay': (dict(type='grouped', seed=3), 'decay', None, False),
    'released-skip-view': (dict(type='grouped', released=True), 'skip', None, True),
    'sandwich-inplace': (
        dict(type='sandwich', num_random=1),
        'skip',
        dict(tap='decode_head.conv_seg', teacher='inplace'),
        False,
    ),
    'sandwich-bignas': (dict(type='sandwich', num_random=2), 'skip', BIGNAS, False),
    'sandwich-bignas-each': (dict(type='sandwich', num_random=2), 'skip', BIGNAS, True),
    'sandwich-bignas-each-decay': (dict(type='sandwich', num_random=1), 'decay', BIGNAS, False),
    # Children that see no labels do not run an auxiliary head.
    'auxiliary-each-decay': (dict(type='sandwich', num_random=1), 'decay', BIGNAS, False),
    'grouped-skip-frozen': (
        dict(type='grouped', seed=3),
        'skip',
        dict(tap='decode_head.conv_seg', teacher=dict(type='frozen')),
        True,
    ),
}


def build(case, teacher):
    sampler, inactive, kd, _ = copy.deepcopy(CASES[case])
    if case.endswith('frozen'):
        kd['teacher']['checkpoint'] = str(teacher)
    segmentor = copy.deepcopy(SEGMENTOR)
    segmentor['backbone']['norm_eval'] = True
    if case.startswith('auxiliary'):
        segmentor['auxiliary_head'] = AUXILIARY
    torch.manual_seed(0)
    cfg = dict(
        type='scalenas.SuperNet',
        architecture=segmentor,
        sampler=sampler,
        inactive=inactive,
        distillation=kd,
        backward='each' if '-each' in case else 'summed',
    )
    import mmseg.models  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(ConfigDict(cfg))
        model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(9.0)  # keeps sums of many unnormalized maps small
    return model.double().train()


def train(model, data_of):
    core = getattr(model, 'module', model)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    wrapper = OptimWrapper(sgd)
    hub = new_hub()
    for i in range(STEPS):
        hub.update_info('iter', i)
        model.train_step(data_of(i), wrapper)
    momentum = {
        name: sgd.state[p]['momentum_buffer'] if p in sgd.state else None
        for name, p in core.named_parameters()
    }
    return dict(weights=dict(core.state_dict()), momentum=momentum)


def half_of(i, rank):
    data = batch(4, seed=i)
    return {key: value[2 * rank : 2 * rank + 2] for key, value in data.items()}


def work(rank, folder, cases):
    os.environ.update(RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    for case in cases:
        wrapper = SuperNetDDP if '-each' in case else MMDistributedDataParallel
        ddp = wrapper(
            build(case, f'{folder}/teacher.pth'),
            broadcast_buffers=False,
            find_unused_parameters=CASES[case][3],
            gradient_as_bucket_view=case.endswith('view'),
        )
        found = train(ddp, functools.partial(half_of, rank=rank))
        torch.save(found, f'{folder}/{case}-{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ddp')
    # Weights of its own: the frozen teacher's.
    start = build('grouped-skip', None)
    state = {
        k: v + 0.01 * torch.randn_like(v) if v.dim() == 4 else v
        for k, v in start.float().state_dict().items()
    }
    meta = {'scalenas': {'space': start.backbone.space.to_dict()}}
    torch.save({'state_dict': state, 'meta': meta}, folder / 'teacher.pth')
    start_beside(work, str(folder), tuple(CASES))
    return folder


@pytest.mark.skipif(sys.platform == 'win32', reason='gloo over a file')
def test_both_forms_of_a_sandwich_train_alike_in_two_processes(two_processes):
    """One summed forward, and one backward for each sub-net: the same weights after all steps."""
    summed, each = (
        torch.load(two_processes / f'sandwich-bignas{form}-0.pth', weights_only=True)['weights']
        for form in ('', '-each')
    )
    assert summed.keys() == each.keys()
    for name, value in summed.items():
        torch.testing.assert_close(each[name], value, rtol=1e-10, atol=1e-10)


@pytest.mark.skipif(sys.platform == 'win32', reason='gloo over a file')
@pytest.mark.parametrize('case', CASES)
def test_two_processes_train_as_one_with_the_summed_batch(two_processes, case):
    def result_of(rank):
        return torch.load(two_processes / f'{case}-{rank}.pth', weights_only=True)

    teacher = two_processes / 'teacher.pth'
    one = train(build(case, teacher), lambda i: batch(4, seed=i))
    first, second = result_of(0), result_of(1)
    for name, value in one['weights'].items():
        assert value.isfinite().all()
        assert torch.equal(first['weights'][name], second['weights'][name]), name
        torch.testing.assert_close(first['weights'][name], value, rtol=1e-10, atol=1e-10)
    start = build(case, teacher).state_dict()
    assert any(not torch.equal(value, start[name]) for name, value in one['weights'].items())
    for name, value in one['momentum'].items():
        # `skip`: a weight that no rank used has no momentum at all, under DDP as without.
        there = first['momentum'][name]
        assert (value is None) == (there is None), name
        if value is not None:
            torch.testing.assert_close(there, value, rtol=1e-10, atol=1e-10)
    untouched = sum(value is None for value in one['momentum'].values())
    assert (untouched > 0) == case.startswith(('grouped-skip', 'released'))
