"""Weights that no net can be trusted with are refused; what can be converted is, with a word."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from scalenas.errors import CheckpointError
from scalenas.models.checkpoint import check_values, check_weights, load_checkpoint
from scalenas.models.weights import check_state, first_broken, misfits
from tests.errors import contains, raises


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def one(value: float) -> Callable[[Tensor], Tensor]:
    """One value of a tensor becomes another."""

    def change(tensor: Tensor) -> Tensor:
        tensor.view(-1)[tensor.numel() // 2] = value
        return tensor

    return change


def mangled_quantized(tensor: Tensor) -> Tensor:
    return torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)


BAD: dict[str, tuple[str, Callable[[Tensor], Any]]] = {
    'nan': ('0.weight', one(float('nan'))),
    'nan in a bias': ('2.bias', one(float('nan'))),
    'nan in float16': ('2.weight', lambda t: one(float('nan'))(t.half())),
    'inf': ('0.weight', one(float('inf'))),
    '-inf': ('2.bias', lambda t: one(-float('inf'))(torch.zeros_like(t))),
    'nan mean': ('1.running_mean', one(float('nan'))),
    'inf variance': ('1.running_var', one(float('inf'))),
    'negative variance': ('1.running_var', one(-1e-8)),
    'int8': ('0.weight', lambda t: (t * 100).to(torch.int8)),
    'int64': ('2.bias', lambda t: t.long()),
    'uint8 mean': ('1.running_mean', lambda t: t.to(torch.uint8)),
    'bool': ('0.bias', lambda t: t > 0),
    'complex': ('0.weight', lambda t: t.to(torch.complex64)),
    'float8': ('0.weight', lambda t: t.to(torch.float8_e4m3fn)),
    'sparse': ('0.weight', lambda t: t.to_sparse()),
    'csr': ('2.weight', lambda t: t.view(2, 4).to_sparse_csr()),
    'quantized': ('0.weight', mangled_quantized),
    'meta': ('0.weight', lambda t: t.to('meta')),
    'list': ('0.weight', lambda t: t.tolist()),
    'number': ('0.bias', lambda t: 1.0),
    'text': ('0.bias', lambda t: 'x'),
    'none': ('0.bias', lambda t: None),
    'dict': ('0.bias', lambda t: {'a': t}),
    'array': ('0.bias', lambda t: t.numpy()),
    'bytes': ('0.bias', lambda t: b'abc'),
}


@pytest.mark.parametrize('name', BAD)
@pytest.mark.parametrize('bare', [False, True], ids=['inside', 'bare'])
def test_an_entry_that_cannot_be_trusted_is_refused(tmp_path: Path, name: str, bare: bool) -> None:
    key, change = BAD[name]
    state = {k: v.clone() for k, v in net().state_dict().items()}
    state[key] = change(state[key])
    path = tmp_path / 'net.pth'
    torch.save(state if bare else {'meta': {}, 'state_dict': state}, path)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    assert error.value.where == str(path)
    assert repr(key) in error.value.problem
    assert '\n' not in str(error.value)
    with pytest.raises(CheckpointError):
        check_weights(net().state_dict(), state, path)


@pytest.mark.parametrize('key', [3, ('a', 'b'), None, b'0.weight'])
def test_names_are_text(tmp_path: Path, key: Any) -> None:
    torch.save({'state_dict': {**net().state_dict(), key: torch.ones(1)}}, tmp_path / 'net.pth')
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / 'net.pth')
    assert '1 of 10' in error.value.problem


@pytest.mark.parametrize('content', [{'state_dict': {}}, {'state_dict': {}, 'meta': {'epoch': 1}}])
def test_no_weights_are_no_checkpoint(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / 'net.pth')
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / 'net.pth')
    assert error.value.where == str(tmp_path / 'net.pth')


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_converted_with_a_word(
    dtype: torch.dtype, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    own = net()
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in own.state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'net.pth')
    found = load_checkpoint(tmp_path / 'net.pth')['state_dict']
    with caplog.at_level(logging.WARNING):
        check_weights(own.state_dict(), found, 'x.pth')
    own.load_state_dict(found)
    assert own[0].weight.dtype == torch.float32
    assert torch.equal(own[0].weight, state['0.weight'].float())


def test_a_double_that_is_infinite_in_the_model_is_refused() -> None:
    own = net().state_dict()
    found = {k: v.double() if v.is_floating_point() else v for k, v in own.items()}
    check_weights(own, found, 'x.pth')
    found['0.weight'][0, 0, 0, 0] = 1e300
    with pytest.raises(CheckpointError) as error:
        check_weights(own, found, 'x.pth')
    assert "'0.weight'" in error.value.problem


def test_integers_fit_integers_only() -> None:
    own = net().state_dict()
    narrow = {**own, '1.num_batches_tracked': torch.tensor(3, dtype=torch.int32)}
    check_weights(own, narrow, 'x.pth')
    for value in (torch.tensor(3.0), torch.tensor(True)):
        with pytest.raises(CheckpointError) as error:
            check_weights(own, {**own, '1.num_batches_tracked': value}, 'x.pth')
        assert 'type' in error.value.problem
        with pytest.raises(CheckpointError):
            check_values(own, {'1.num_batches_tracked': value}, 'x.pth')


def test_a_mask_of_minus_infinity_is_part_of_the_net() -> None:
    """As causal attention keeps it in a buffer; a weight or another place may not be infinite."""
    mask = torch.full((3, 3), -torch.inf).triu(1)
    own = {'mask': mask, 'w.weight': torch.ones(3, 3)}
    check_weights(own, {**own}, 'x.pth')
    assert first_broken(own) is None
    with pytest.raises(CheckpointError):
        check_weights(own, {**own, 'mask': mask.T}, 'x.pth')
    with pytest.raises(CheckpointError):
        check_weights(own, {**own, 'w.weight': mask}, 'x.pth')
    with pytest.raises(CheckpointError):
        check_state({'mask': mask.masked_fill(mask == 0, float('nan'))}, 'x.pth')
    with pytest.raises(CheckpointError):
        check_state({'mask': -mask}, 'x.pth')


def test_what_a_module_keeps_for_itself_is_left_alone() -> None:
    own = {'a.weight': torch.ones(2), 'a._extra_state': {'amax': 3}}
    given: dict[str, Any] = {'a.weight': torch.ones(2), 'a._extra_state': None}
    assert misfits(own, given) is None
    check_weights(own, given, 'x.pth')
    with raises(CheckpointError, where='x.pth', problem=contains("'a._extra_state'")):
        check_weights(own, {'a.weight': torch.ones(2)}, 'x.pth')
    with raises(CheckpointError, where='x.pth', problem=contains("'a.weight'")):
        check_weights(own, {**given, 'a.weight': None}, 'x.pth')


def test_ordinary_checkpoints_pass(tmp_path: Path) -> None:
    """Parameters, views, shared storages, empty tensors, integers, booleans and complex numbers."""
    base = torch.randn(4, 4)
    state = {
        'a.weight': nn.Parameter(base),
        'b.weight': base.t(),
        'c.weight': base[1:3, ::2],
        'd.weight': torch.ones(1).expand(5),
        'e.bias': torch.zeros(0),
        'index': torch.arange(4, dtype=torch.int16),
        'seen': torch.tensor([True]),
        'filter': torch.ones(2, dtype=torch.complex64),
        'f.running_var': torch.zeros(3),
        'h.weight': torch.tensor([3.4e38, -3.4e38]),
    }
    torch.save({'state_dict': state, 'meta': None}, tmp_path / 'net.pth')
    found = load_checkpoint(tmp_path / 'net.pth')['state_dict']
    assert all(torch.equal(found[key], value) for key, value in state.items())
