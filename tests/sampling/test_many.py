"""Very many networks at once cost what the one counter says, and are drawn as the samplers draw."""

from __future__ import annotations

import random
import statistics
import time

import numpy as np
import pytest

from scalenas.arch import ClassificationHead
from scalenas.complexity import Counter
from scalenas.sampling import HierarchicalSampler, SamplerError
from scalenas.sampling.mbconv_many import draw_many, many_macs, row_of
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    bignas_space,
    scalenet_scaled_space,
    scalenet_space,
)
from tests.errors import contains, raises

SCALED = scalenet_scaled_space()
HEAD = ClassificationHead(1000)
SPACES: dict[str, AbstractSpace] = {
    'scalenet': scalenet_space(),
    'scaled': SCALED,
    'half': scalenet_scaled_space(half=True),
    'merged': SCALED.merged(),
    'bignas': bignas_space(),
}


@pytest.mark.parametrize('name', SPACES)
@pytest.mark.parametrize('head', [None, HEAD])
@pytest.mark.longer
def test_macs_are_those_of_the_counter(name: str, head: ClassificationHead | None) -> None:
    space, counter = SPACES[name], Counter(head=head)
    draws = draw_many(space, 150, seed=1)
    macs = many_macs(space, draws, head)
    for i in range(150):
        assert counter(space.decode(row_of(draws, i)))['macs'] == macs[i]
    assert len(set(macs.tolist())) > 140


@pytest.mark.longer
def test_they_are_distributed_as_the_sampler_draws() -> None:
    sampler, counter = HierarchicalSampler(SCALED, eta='released'), Counter()
    drawn = [counter(sampler.archs(i)[0])['macs'] for i in range(1500)]
    weights = {'scale.stage': sampler.eta}
    many = many_macs(SCALED, draw_many(SCALED, 20_000, 0, weights))
    error = statistics.stdev(drawn) / len(drawn) ** 0.5
    assert abs(statistics.fmean(drawn) - many.mean()) < 4 * error
    for share in (0.1, 0.5, 0.9):
        below = (np.array(drawn) < np.quantile(many, share)).mean()
        assert abs(below - share) < 4 * (share * (1 - share) / len(drawn)) ** 0.5


def test_draws_are_private_and_seeded() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one, same, other = (many_macs(SCALED, draw_many(SCALED, 50, seed)) for seed in (1, 1, 2))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert (one == same).all()
    assert (one != other).any()
    random.seed(0)


@pytest.mark.longer
def test_750_000_paths_take_seconds_of_one_core() -> None:
    """A tenth of figure 3's, of both samplings: under a tenth of a minute."""
    start = time.process_time()
    for space in (SCALED, SCALED.merged()):
        many_macs(space, draw_many(space, 75_000, 0), HEAD)
    assert time.process_time() - start < 6


def test_other_spaces_are_refused() -> None:
    with raises(SamplerError, where='space', got='HRSpace', allowed=contains('MBConv')):
        many_macs(HRSpace(), {})
