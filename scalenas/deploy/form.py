"""The deployed form of whatever a user has: a backbone, or a task model around one."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas.models.folding import deployed_by, deployed_net, example
from scalenas.tasks import task_of_model


def deployed(
    model: nn.Module, images: Tensor | None = None, channels_last: bool = True
) -> nn.Module:
    """A copy of `model` for inference alone, in eval mode; the given one stays as it is.

    Of a task model backbone, neck and heads: `predict`, `loss` and `tools/test.py` take it as they
    take the plain one. Its networks may be ours or those that the OpenMMLab packages built. What
    does not run for predictions, such as auxiliary heads, stays as it is.

    Args:
        images: (N, C, H, W), preprocessed, to read the network by; default: random ones.
        channels_last: memory format of the weights, and so of the feature maps.

    Raises:
        UserError: for a supernet, or when the copy computes something else; from its `train()`.
    """
    if not isinstance(model, BaseModel):
        return deployed_net(model, images, channels_last)
    inputs = example(model) if images is None else images
    task = task_of_model(model)

    def run(module: Any) -> Any:
        return task.raw_outputs(module, inputs)

    return deployed_by(model, run, channels_last, rearrange=task.rearrange)
