"""A step of a single-stage model, and the gradients that it gives."""

import copy

import torch
from mmengine.optim import OptimWrapper

from .conftest import SEGMENTOR


class LabelReachedAChildError(AssertionError):
    """Samples raise it when a network reads their labels that may not."""


def segmentor(**head):
    found = copy.deepcopy(SEGMENTOR)
    found['decode_head'].update(head)
    return found


def losses_of(model, data):
    return model(**model.data_preprocessor(data, True), mode='loss')


def grads_of(model, data, wrapper=OptimWrapper, **options):
    """Gradients that one step gives to an optimizer that changes nothing."""
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    kept = {}
    sgd.register_step_pre_hook(
        lambda *_: kept.update({n: p.grad for n, p in model.named_parameters()})
    )
    logs = model.train_step(data, wrapper(optimizer=sgd, **options))
    return kept, logs
