"""Files of an exported net, as tools/export.py leaves them: its arch and its weights."""

import random
from pathlib import Path

from scalenas.arch import dump
from scalenas.models import ScaleHRNet
from scalenas.models.checkpoint import save_plain
from scalenas.space import HRSpace


def write_exported(folder: Path, width: int) -> ScaleHRNet:
    """`mine.yaml` and `mine.pth` of a small net with random weights, which is returned."""
    arch = HRSpace(width, (1, 1, 1), (1, 2), 16, 1, 8).sample(random.Random(0))
    net = ScaleHRNet(arch)
    folder.mkdir()
    (folder / 'mine.yaml').write_text(dump(arch))
    weights = {f'backbone.{key}': value for key, value in net.state_dict().items()}
    save_plain(folder / 'mine.pth', weights)
    return net
