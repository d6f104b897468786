"""What no gene touches is computed once for each image, and no score moves by a bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn

from scalenas.errors import EvaluationError
from scalenas.evaluation import SubnetEvaluator, calibrate, calibrated
from scalenas.evaluation.calibrate import regrouped
from scalenas.evaluation.prefix import LIMIT, PrefixCache, prefix_limit
from scalenas.evaluation.supernet import active_norms
from scalenas.models import ChoiceMBConvNet, SuperMBConvNet, SuperScaleHRNet
from scalenas.models.hrnet import AbstractHRNet
from scalenas.space import MBConvSpace, StageChoices
from tests.errors import raises
from tests.models.mbconv_nets import BIG
from tests.models.world import DEMO, lively

from .world import archs


class Model(nn.Module):
    """As much of a task model as calibration asks for; `views` says what its net sees."""

    def __init__(
        self, backbone: nn.Module, views: Callable[[Tensor], list[Tensor]] = lambda x: [x]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.views = views

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        return [y for x in self.views(inputs) for y in self.backbone(x)]


def images(count: int, side: int = 64, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, side, side, generator=rng)


def batches(*inputs: Tensor) -> list[dict[str, Any]]:
    return [{'inputs': x} for x in inputs]


CALIBRATION = batches(images(2, 64, 1), images(1, 96, 2), images(2, 64, 3))
VALIDATION = batches(images(2, 64, 4), images(1, 96, 5))


@contextmanager
def counted() -> Iterator[list[int]]:
    """The number of images of each beginning that is computed inside."""
    seen: list[int] = []
    real = AbstractHRNet._begun

    def begun(net: AbstractHRNet, x: Tensor) -> list[Tensor]:
        seen.append(len(x))
        return real(net, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AbstractHRNet, '_begun', begun)
        yield seen


@torch.no_grad()
def evaluated(
    model: Model,
    arch: Any,
    cache: PrefixCache | None,
    calibration: list[dict[str, Any]] = CALIBRATION,
    validation: list[dict[str, Any]] = VALIDATION,
) -> list[Tensor]:
    """All statistics of a calibration, and all outputs of the validation after it."""
    with calibrated(model, arch, calibration, cache):
        found = [
            buffer.clone()
            for _, norm in active_norms(model, arch)
            for buffer in (norm.running_mean, norm.running_var)
            if buffer is not None
        ]
        with (PrefixCache(model.backbone, 0) if cache is None else cache).validating():  # type: ignore[arg-type]
            for batch in validation:
                found += model(**batch)
    return found


def assert_equal(got: list[Tensor], wanted: list[Tensor]) -> None:
    assert len(got) == len(wanted) > 4
    assert all(map(torch.equal, got, wanted))
    assert all(bool(torch.isfinite(x).all()) for x in got)


def net(**options: Any) -> SuperScaleHRNet:
    torch.manual_seed(0)
    built = SuperScaleHRNet(DEMO, **options)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    return built.eval()


NETS = archs(4, DEMO)
SOME = MBConvSpace(
    [
        StageChoices((8,), (1,), (3,), (1,)),
        StageChoices((12, 16), (1, 2), (3, 5), (3, 6), stride=2),
    ],
    resolution=(24, 32),
    stem=(8,),
    conv_out=(24,),
)


@pytest.mark.parametrize('at_once', [1, 10**9], ids=['meeting', 'together'])
@pytest.mark.parametrize('together', [2 * 64**2, 10**9], ids=['groups', 'one group'])
def test_networks_share_their_beginning_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, at_once: int, together: int
) -> None:
    """With images that meet one by one or lie in one batch, in one group or several."""
    split = partial(regrouped, together=together, at_once=at_once)
    monkeypatch.setattr(calibrate, 'regrouped', split)
    model = Model(net())
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    for n, arch in enumerate([*NETS, NETS[0]]):
        with counted() as plain:
            wanted = evaluated(model, arch, None)
        with counted() as seen:
            assert_equal(evaluated(model, arch, cache), wanted)
        assert sum(plain) == 8
        assert seen == ([] if n else plain)


@pytest.mark.parametrize(
    'options',
    [
        {'norm_cfg': {'type': 'GN', 'num_groups': 4}},
        {'norm_cfg': {'type': 'BN', 'track_running_stats': False}},
        {'frozen_stages': 2, 'norm_eval': True},
    ],
    ids=['without statistics', 'those of the batch', 'frozen'],
)
def test_norms_of_all_kinds(options: dict[str, Any]) -> None:
    model = Model(net(**options))
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    for n, arch in enumerate(NETS[:3]):
        wanted = evaluated(model, arch, None)
        with counted() as seen:
            assert_equal(evaluated(model, arch, cache), wanted)
        assert sum(seen) == (0 if n else 8)


def test_views_of_an_image_are_images_of_their_own() -> None:
    """Flipped, cropped by a moving window, and twice the same."""

    def views(x: Tensor) -> list[Tensor]:
        return [x, x.flip(-1), x[..., :48, :48], x[..., 16:, 16:], x.clone()]

    model = Model(net(), views)
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    for n, arch in enumerate(NETS[:3]):
        wanted = evaluated(model, arch, None)
        with counted() as seen:
            assert_equal(evaluated(model, arch, cache), wanted)
        # The copies are images that are known, but those of a calibration count.
        assert sum(seen) == (0 if n else 5 * 5 + 4 * 3)


def test_an_image_is_normalized_by_those_it_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is in two groups, and one that is the first view of an image and the second."""
    split = partial(regrouped, together=2 * 64**2)
    a, b, c = (images(1, 64, seed) for seed in (1, 2, 3))
    in_groups = Model(net()), batches(a, b, a, c), split
    flipped = Model(net(), lambda x: [x, x.flip(-1)]), batches(a, b, a.flip(-1)), regrouped
    for model, calibration, groups in (in_groups, flipped):
        monkeypatch.setattr(calibrate, 'regrouped', partial(groups, at_once=1))
        cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
        for n, arch in enumerate(NETS[:3]):
            wanted = evaluated(model, arch, None, calibration)
            with counted() as seen:
                assert_equal(evaluated(model, arch, cache, calibration), wanted)
            assert bool(seen) is (n == 0)


def test_images_that_are_not_those_of_before_are_computed() -> None:
    model = Model(net())
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    first, second, third = NETS[:3]
    evaluated(model, first, cache)
    others = batches(images(2, 64, 1), images(1, 96, 2), images(2, 64, 7))
    for arch in (second, third):
        wanted = evaluated(model, arch, None, others)
        with counted() as seen:
            assert_equal(evaluated(model, arch, cache, others), wanted)
        # Other images give other statistics, and with these the validation is computed again.
        assert sum(seen) == (8 if arch is second else 0)


def test_a_change_of_weights_or_of_what_is_kept_is_seen() -> None:
    model = Model(net())
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    image = images(2, 64, 8)
    evaluated(model, NETS[0], cache, validation=batches(image))
    backbone: Any = model.backbone

    def change_weight() -> None:
        backbone.layer1[0].conv2.weight.mul_(1.5)

    def load() -> None:
        state = {k: v * 0.9 for k, v in backbone.state_dict().items() if 'num_' not in k}
        backbone.load_state_dict(state, strict=False)

    def replace() -> None:
        backbone.bn1.bias = nn.Parameter(backbone.bn1.bias + 0.1)

    def change_image() -> None:
        image[0].add_(0.1)

    for change in (change_weight, load, replace, change_image):
        before = evaluated(model, NETS[1], cache, validation=batches(image))
        with torch.no_grad():
            change()
        wanted = evaluated(model, NETS[1], None, validation=batches(image))
        assert not all(map(torch.equal, before, wanted))
        assert_equal(evaluated(model, NETS[1], cache, validation=batches(image)), wanted)


def test_maps_that_somebody_writes_into_are_computed_again() -> None:
    class Writing(SuperScaleHRNet):
        def _begun(self, x: Tensor) -> list[Tensor]:
            return [y.mul_(2) for y in super()._begun(x)]

    backbone = lively(Writing(DEMO)).float()
    assert isinstance(backbone, Writing)
    model = Model(backbone)
    wanted = evaluated(model, NETS[1], None)
    cache = PrefixCache(backbone)
    for _ in range(3):
        assert_equal(evaluated(model, NETS[1], cache), wanted)
        assert cache.bytes <= 2 * 8 * 3 * 4 * 96**2 * 2  # nothing piles up


def test_the_limit_holds_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """Everything, then less and less; the images count where nothing else keeps them."""
    model = Model(net())
    whole = PrefixCache(model.backbone)  # type: ignore[arg-type]
    evaluated(model, NETS[0], whole)
    pixels = 4 * 64**2 + 96**2 + 2 * 64**2 + 96**2
    maps = 4 * (pixels // 16 * 8 + pixels // 64 * 16)  # float32, 8 channels at 1/4, 16 at 1/8
    assert whole.bytes == maps + 4 * 3 * pixels
    held = PrefixCache(model.backbone, is_held=lambda x: True)  # type: ignore[arg-type]
    evaluated(model, NETS[0], held)
    assert held.bytes == maps
    wanted = evaluated(model, NETS[2], None)
    computed = []
    for limit in (maps, maps - 1, maps // 2, 100, 0):
        cache = PrefixCache(model.backbone, limit, is_held=lambda x: True)  # type: ignore[arg-type]
        evaluated(model, NETS[0], cache)
        with counted() as seen:
            assert_equal(evaluated(model, NETS[2], cache), wanted)
        assert cache.bytes <= limit
        computed.append(sum(seen))
    assert computed == [0, 1, 5, 8, 8]


def test_a_failed_candidate_leaves_nothing() -> None:
    broken = [True]

    def views(x: Tensor) -> list[Tensor]:
        if broken[0] and x.shape[-1] == 96:
            raise MemoryError
        return [x]

    model = Model(net(), views)
    cache = PrefixCache(model.backbone)  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        evaluated(model, NETS[0], cache)
    broken[0] = False
    for arch in NETS[:2]:
        assert_equal(evaluated(model, arch, cache), evaluated(model, arch, None))
    broken[0] = True
    with pytest.raises(MemoryError):
        evaluated(model, NETS[2], cache)
    broken[0] = False
    assert_equal(evaluated(model, NETS[2], cache), evaluated(model, NETS[2], None))


@pytest.mark.parametrize('kind', [SuperMBConvNet, ChoiceMBConvNet])
@pytest.mark.parametrize('align', ['left', 'both'])
def test_mbconv_networks_share_what_their_space_leaves_them(kind: Any, align: str) -> None:
    """The stem and a first block of one choice; resolutions are kept apart."""
    assert kind(BIG, resize=True)._num_alike == 0
    few = archs(4, SOME)  # type: ignore[arg-type]
    built = lively(kind(SOME, resize=True, align=align, out_indices=(1, -1))).float()
    assert built._num_alike == 2
    model = Model(built)
    cache = PrefixCache(built)
    together = batches(images(2, 64, 1), images(2, 64, 3))
    for arch in [*few, *few]:
        wanted = evaluated(model, arch, None, together, together)
        assert_equal(evaluated(model, arch, cache, together, together), wanted)
    assert len({arch.resolution for arch in few}) > 1


def test_a_search_gives_the_scores_that_it_gave(root: Path) -> None:
    """Whole evaluators, with and without; images that are not kept in memory are compared."""
    cfg = Config.fromfile(root / 'supernet.py')
    ours = SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    cfg.search.cache_prefix = False
    plain = SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    cfg.search.cache_prefix = '1 GiB'
    read_again = SubnetEvaluator.from_config(cfg, root / 'supernet.pth', memory_limit=1)
    assert (ours._cache.limit, plain._cache.limit, read_again._cache.limit) == (LIMIT, 0, 2**30)
    for n, arch in enumerate(archs(4)):
        wanted = plain(arch)
        for evaluator in (ours, read_again):
            with counted() as seen:
                assert evaluator(arch) == wanted
            assert bool(seen) is (n == 0)
    assert plain._cache.bytes == 0 < ours._cache.bytes < read_again._cache.bytes


def test_the_limit_is_read() -> None:
    for given, wanted in (
        ('2GiB', 2**31),
        ('0.5 MiB', 2**19),
        ('10KiB', 10240),
        (7, 7),
        (0, 0),
        (False, 0),
    ):
        assert prefix_limit({'cache_prefix': given}) == wanted
    assert prefix_limit(None) == prefix_limit({}) == LIMIT
    for wrong in (True, -1, '2GB', 'much', '1.2.3', None, 1.5):
        with raises(EvaluationError, where='search.cache_prefix', got=wrong):
            prefix_limit({'cache_prefix': wrong})
