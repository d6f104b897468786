"""How an alternating search converges: the networks of each stage, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scalenas.search import Iteration

from .figure import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, canvas, nothing_to_draw

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)


def draw_iterations(path: str | Path, history: Sequence[Iteration], metric: str = '') -> None:
    """Mean and standard deviation of what the networks of each stage scored, and the fitness.

    Source: ScaleNet (Xie et al. 2022), figure 6.

    Raises:
        DrawError: when there is no iteration.
    """
    if not history:
        raise nothing_to_draw(path, 'iterations')
    steps = [iteration.index for iteration in history]
    with canvas(path, 7.0, 4.2) as figure:
        axes = figure.subplots()
        for j in range(len(history[0].mean)):
            colour = COLOURS[j % len(COLOURS)]
            # Side by side, so that bars of equal height do not hide each other.
            places = [step + 0.06 * (j - (len(history[0].mean) - 1) / 2) for step in steps]
            axes.errorbar(
                places,
                [iteration.mean[j] for iteration in history],
                yerr=[iteration.std[j] for iteration in history],
                color=colour,
                marker='o',
                capsize=3,
                label=f'stage {j + 1}: mean and std',
            )
        fitness = [iteration.fitness for iteration in history]
        axes.plot(steps, fitness, color=BLACK, linestyle='--', marker='D', label='best family')
        axes.set_xticks(steps)
        axes.set_xlabel('iteration (0: random base networks)')
        axes.set_ylabel(metric or 'score')
        axes.legend()
