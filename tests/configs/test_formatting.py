"""Configs as users get them written: formatted by yapf, which the rest of the tests leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import unformatted
from ..processes import FORMAT_CODE
from .shipped import read

SOME = (
    'scalenas_cls/digits/search_scalenet_digits-28x28',
    'scalenas_det/coco/supernet_w32_faster_rcnn_8xb2-1x_coco',
    'scalenas_pose/people/search_w16_people-128x96',
    'scalenas_seg/earth/search_w16_earth-96x96',
)


@pytest.mark.parametrize('name', SOME)
def test_formatted_text_is_the_same_config(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = read(f'configs/{name}.py')
    raw = cfg.pretty_text
    assert raw == unformatted(raw)[0]
    monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', FORMAT_CODE)
    text = cfg.pretty_text
    assert text != raw
    assert 'model = dict(' in text.splitlines()  # unformatted: 'model=dict('
    found: dict[str, Any] = {}
    exec(text, found)
    del found['__builtins__']
    assert found == cfg.to_dict()
