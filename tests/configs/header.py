"""What the head of a config tells to add to its command, taken at its word."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import DefaultScope

from scalenas.registry import MODELS

REPO = Path(__file__).parents[2]


def options_after(config: Path, mark: str) -> list[str]:
    """The KEY=VALUE words of the first `--cfg-options` behind `mark` in a config's head."""
    head = re.match(r'(#.*\n)+', config.read_text())[0]  # type: ignore[index]
    text = ' '.join(line.lstrip('# ').rstrip('\\') for line in head.splitlines())
    words = shlex.split(text[text.index(mark) :].partition('--cfg-options')[2].replace("'", ''))
    found = []
    for word in words:
        if '=' not in word:
            break
        found.append(word)
    assert found, f'{config}: no options behind {mark!r}'
    return found


def with_options(config: Path, words: list[str]) -> Config:
    """The config as tools/train.py sees it with them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(parser.parse_args(['--cfg-options', *words]).cfg_options)
    return cfg


def check_line_of_the_teacher(config: Path) -> None:
    """The weights that a teacher's head tells to load are there under their names and shapes."""
    cfg = with_options(config, options_after(config, 'starts from ImageNet'))
    init = cfg.model.architecture.backbone.init_cfg
    assert init.type == 'Pretrained'
    folder, file = Path(init.checkpoint).parts[-2:]
    source = Config.fromfile(REPO / f'configs/scalenas_cls/imagenet/{folder}.py')
    assert file == f'iter_{source.train_cfg.max_iters}.pth'
    shapes = []
    for one in (source, cfg):
        with torch.device('meta'), DefaultScope.overwrite_default_scope(one.default_scope):
            model = MODELS.build({**one.model, 'init_cfg': None})
        state = {
            key.removeprefix(init.prefix): value.shape
            for key, value in model.state_dict().items()
            if key.startswith(init.prefix)
        }
        shapes.append(state)
    assert shapes[0] == shapes[1]
    assert shapes[0]
