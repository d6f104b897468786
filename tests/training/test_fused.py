"""Fused optimizers on a CPU: the updates of the loop, and nothing where there is none."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from scalenas.config import check_values
from scalenas.errors import ConfigError
from scalenas.training.fused import has_fused, make_ready, use_fused
from tests.errors import raises

from .conftest import batch


class ScaledWrapper(OptimWrapper):
    """As mmengine's AmpOptimWrapper, which asks for a GPU: losses scaled, gradients scaled back."""

    def __init__(self, **options):
        super().__init__(**options)
        self.scaler = torch.amp.GradScaler('cpu', init_scale=64.0)

    def scale_loss(self, loss):
        return self.scaler.scale(super().scale_loss(loss))

    def step(self, **kwargs):
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer)
        self.scaler.update()


def trained(supernet, iteration, wrapper, kind, options, fused, inactive):
    """Weights before and after steps of several sub-nets, and what the optimizer kept."""
    model = supernet(dict(type='uniform', seed=2), inactive=inactive).double()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = kind(model.parameters(), lr=0.05, **options, **({'fused': True} if fused else {}))
    wrapped = wrapper(optimizer=optimizer, clip_grad=dict(max_norm=5.0))
    make_ready(wrapped)
    for i in range(3):
        iteration(i)
        model.train_step(batch(size=32), wrapped)
    kept = {
        name: {key: value.clone() for key, value in optimizer.state.get(weight, {}).items()}
        for name, weight in model.named_parameters()
    }
    return before, dict(model.named_parameters()), kept


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        (torch.optim.SGD, dict(momentum=0.9, weight_decay=0.01, nesterov=True)),
        (torch.optim.AdamW, dict(weight_decay=0.01)),
    ],
)
@pytest.mark.parametrize(
    ('wrapper', 'inactive'),
    [(OptimWrapper, 'skip'), (OptimWrapper, 'decay'), (ScaledWrapper, 'skip')],
    ids=['skip', 'decay', 'with a scaler'],
)
def test_updates_are_those_of_the_loop(wrapper, inactive, kind, options, supernet, iteration):
    """Of weights that each step uses, that later steps use first, and that none does."""
    (before, ours, kept), (_, wanted, wanted_kept) = (
        trained(supernet, iteration, wrapper, kind, options, fused, inactive)
        for fused in (True, False)
    )
    unused = {name for name, state in wanted_kept.items() if not state}
    assert bool(unused) is (inactive == 'skip')
    for name, value in wanted.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-9, atol=1e-12)
        if name in unused:
            assert torch.equal(ours[name], before[name])
            assert all(not value.any() for value in kept[name].values())
            continue
        for key, state in wanted_kept[name].items():
            torch.testing.assert_close(
                kept[name][key].double(), state.double(), rtol=1e-7, atol=1e-14
            )


def test_torch_still_needs_the_momentum_from_the_start():
    """If this fails, `make_ready` has less to do."""
    first, second = (torch.ones(2, requires_grad=True) for _ in range(2))
    sgd = torch.optim.SGD([first, second], lr=0.1, momentum=0.9, fused=True)
    first.grad = torch.ones(2)
    sgd.step()
    second.grad = torch.ones(2)
    with pytest.raises(TypeError):
        sgd.step()


def test_a_config_asks_for_it():
    """Where there is one; what the config says itself stays."""

    def made(kind, asks=True, **options):
        optimizer = dict(type=kind, lr=0.1, **options)
        cfg = Config(dict(optim_wrapper=dict(optimizer=optimizer), fused_optimizer=asks))
        use_fused(cfg)
        return cfg.optim_wrapper.optimizer

    assert made('SGD')['fused'] is made('AdamW')['fused'] is True
    assert 'fused' not in made('SGD', asks=False)
    assert 'fused' not in made('RMSprop')
    assert 'fused' not in made('SGD', foreach=True)
    assert 'fused' not in made('SGD', dampening=0.1)
    assert made('SGD', fused=False)['fused'] is False
    assert [has_fused(kind, 'cpu') for kind in ('SGD', 'RMSprop', 'nobodys')] == [1, 0, 0]
    use_fused(Config(dict(fused_optimizer=True)))
    with raises(ConfigError, got='yes', names=('fused_optimizer',)):
        check_values(Config(dict(fused_optimizer='yes')))


def test_the_demos_ask_for_it():
    cfg = Config.fromfile('configs/_base_/schedules/minutes_cosine.py')
    assert cfg.fused_optimizer is True
