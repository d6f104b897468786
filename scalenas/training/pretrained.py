"""Files that parts of a model start from, looked at before a run."""

from __future__ import annotations

from torch import nn

from scalenas.models.start_file import check_foreign_start, check_start


def check_pretrained(model: nn.Module) -> None:
    """Pass when every local file that a part of `model` starts from can be used.

    Raises:
        CheckpointError: for a damaged file, and for one of a part of this package that is missing
            or unsafe, or of which no weight fits.
    """
    for name, module in model.named_modules():
        ours = type(module).__module__.split('.')[0] == 'scalenas'
        place = '.'.join(filter(None, ('model', name, 'init_cfg')))
        (check_start if ours else check_foreign_start)(module, place)
