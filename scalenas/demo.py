"""The steps of the demos: which commands, in which order, and what each must leave behind."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scalenas.digest import file_digest
from scalenas.errors import UserError
from scalenas.paths import resource
from scalenas.pipeline import Step


def command(tool: str | Path, *args: object) -> tuple[str, ...]:
    """A command that runs a tool with this Python; a bare name is one of this package's tools."""
    path = resource(f'tools/{tool}') if isinstance(tool, str) else tool
    return (sys.executable, str(path), *map(str, args))


def stock_tool(package: str, tool: str) -> Path:
    """A tool that an installed OpenMMLab package brings, such as mmseg's test.py.

    Raises:
        UserError: when the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise UserError(f'{package} is not installed; see docs/install.md')
    return Path(found.origin).parent / '.mim/tools' / tool


@dataclass(frozen=True)
class EarthDemo:
    """Land segmentation of satellite pictures, from the data to two tested networks."""

    work: Path
    data: Path
    quick: bool = False
    CONFIGS: ClassVar[str] = 'configs/scalenas_seg/earth'
    NETS: ClassVar[tuple[str, str]] = ('best', 'small')
    """The best net of the front, and the one half-way down to its cheapest."""

    @property
    def found(self) -> Path:
        """Folder of the evolution's report: another one for each supernet that was trained."""
        return self.work / f'search_{file_digest(self._checkpoint("supernet"))[:8]}'

    @property
    def random(self) -> Path:
        """Folder of the random search's report."""
        return self.found / 'random'

    @property
    def exported(self) -> Path:
        """Folder of the exported networks."""
        return self.work / 'exported'

    @property
    def iters(self) -> int:
        """Iterations of either training."""
        return 20 if self.quick else 1000

    def _config(self, name: str) -> Path:
        return resource(f'{self.CONFIGS}/{name}')

    def _checkpoint(self, name: str) -> Path:
        return self.work / name / f'iter_{self.iters}.pth'

    def _training(self, name: str, needs: tuple[Path, ...], *options: str) -> Step:
        config = self._config(f'{name}_w16_1xb16-1k_earth-96x96.py')
        asked = [*self._data_options('train', 'val', 'calibration'), *options]
        if self.quick:
            asked += [f'train_cfg.max_iters={self.iters}', 'default_hooks.checkpoint.interval=10']
        given = command('train.py', config, '--work-dir', self.work / name, '--cfg-options', *asked)
        made = self._checkpoint(name)
        needs = (config, *self._bases(), *needs)
        return Step(f'train the {name}', given, needs, (made,), ('--resume',))

    def _bases(self) -> list[Path]:
        """All that a config of the demo may inherit, and the data: a change of any counts."""
        folders = (resource('configs/_base_'), resource(self.CONFIGS))
        configs = [path for folder in folders for path in sorted(folder.rglob('*.py'))]
        return [*configs, self.data / 'meta.json']

    def _data_options(self, *loaders: str) -> list[str]:
        return [f'{name}_dataloader.dataset.data_root={self.data}' for name in loaders]

    def _search(self, algorithm: str, out: Path) -> Step:
        config = self._config('search_w16_earth-96x96.py')
        checkpoint = self._checkpoint('supernet')
        options = self._data_options('search', 'calibration')
        if self.quick:
            options += ['search.algorithm.num_initial=4', 'search.algorithm.num_parents=2']
        few = ('--num-evaluations', 6) if self.quick else ()
        given = command(
            'search.py', config, checkpoint, '--work-dir', self.found, '--algorithm', algorithm
        )
        given = (*given, *map(str, few), '--cfg-options', *options)
        title = f'search: {algorithm.replace("_", " ")}'
        needs = (config, *self._bases(), checkpoint)
        return Step(title, given, needs, (out / 'front.json', out / 'all.csv'))

    def train(self) -> list[Step]:
        """Data, teacher, supernet."""
        teacher = self._checkpoint('teacher')
        return [
            Step(
                'get the pictures',
                command('get_demo_data.py', 'earth', '--out', self.data),
                makes=(self.data / 'meta.json',),
            ),
            self._training('teacher', ()),
            self._training('supernet', (teacher,), f'model.init_from.checkpoint={teacher}'),
        ]

    def search(self) -> list[Step]:
        """Random search and evolution; the supernet must be there."""
        return [
            self._search('random', self.random),
            self._search('topology_evolution', self.found),
        ]

    def export(self) -> list[Step]:
        """Two nets of the front: written, proven, and tested with mmsegmentation's own tool."""
        front = json.loads((self.found / 'front.json').read_text(encoding='utf-8'))
        chosen = {'best': len(front) - 1, 'small': (len(front) - 1) // 2}
        config = self._config('search_w16_earth-96x96.py')
        checkpoint = self._checkpoint('supernet')
        steps = []
        for name in self.NETS:
            given = command(
                'export.py', self.found, checkpoint, '--config', config, '--index', chosen[name]
            )
            options = self._data_options('train', 'val', 'test', 'calibration')
            given = (*given, '--name', name, '--out', str(self.exported), '--standalone', '--force')
            net, weights = self.exported / f'{name}.py', self.exported / f'{name}.pth'
            steps.append(
                Step(
                    f'export the {name} net',
                    (*given, '--cfg-options', *options),
                    (config, *self._bases(), self.found / 'front.json', checkpoint),
                    (net, weights),
                )
            )
            folder = self.work / f'test_{name}'
            tested = command(stock_tool('mmseg', 'test.py'), net, weights, '--work-dir', folder)
            out = folder / 'predictions'
            steps.append(
                Step(
                    f"test the {name} net with mmsegmentation's tools/test.py",
                    (*tested, '--out', str(out)),
                    (net, weights),
                    (out,),
                )
            )
        return steps
