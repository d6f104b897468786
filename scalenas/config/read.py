"""Reading configs and KEY=VALUE of a command line; a mistake in one is a line, not a traceback."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.config import DictAction as Base

import scalenas.registry  # noqa: F401 (tells mmengine where `scalenas::` and `mmseg::` are)
from scalenas.errors import ConfigError, UserError, did_you_mean, foreign, short

from .variables import check_option


class DictAction(Base):
    """mmengine's action; what it cannot read is an error of the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Adds the settings to the namespace."""
        for text in [values] if isinstance(values, str) else values or ():
            name, sign, _ = str(text).partition('=')
            if not sign or not name:
                raise argparse.ArgumentError(self, f'expected KEY=VALUE, got {text!r}')
            if text.count('(') != text.count(')') or text.count('[') != text.count(']'):
                raise argparse.ArgumentError(self, f'brackets do not match in {text!r}')
        try:
            super().__call__(parser, namespace, values, option_string)
        except RecursionError:
            raise argparse.ArgumentError(self, 'brackets are nested too deep') from None
        except Exception as error:
            raise argparse.ArgumentError(self, f'cannot be read: {foreign(error)}') from None


SUFFIXES = ('.py', '.yml', '.yaml', '.json')
LARGEST = 1_000_000
"""Entries of a YAML config with all its aliases written out."""

OF_PACKAGE = re.compile(r'\w*::\w*/')
"""What mmengine takes for a config of an installed package; for others it names its own code."""


def read_config(
    path: str, options: Mapping[str, Any] | None = None, needs: Sequence[str] = ()
) -> Config:
    """The config at `path`, with `options` (dotted names) merged in; it has all that `needs` names.

    Raises:
        ConfigError: for a missing file, a suffix that is none, a broken file, an option that
            nothing would read or that cannot be set, a variable that is needed and missing.
    """
    _check_file(path)
    cfg = _parsed(path)
    for name, value in (options or {}).items():
        check_option(name, cfg)
        try:
            cfg.merge_from_dict({name: value})
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            ValueError,
            AssertionError,
        ) as error:
            # mmengine's go on, after what is wrong, with what else one may do.
            why = str(error.args[0] if error.args else type(error).__name__)[:150]
            raise ConfigError(
                f'cannot be set in {path}: {why}', where=f'--cfg-options: {name}', got=value
            ) from None
    for name in needs:
        if cfg.get(name) is None:
            raise ConfigError(
                'is missing, and a config must describe a whole run',
                where=f'{path}: {name}',
                hint=did_you_mean(name, [key for key in cfg if key != name]),
            )
    if 'model' in needs and not (isinstance(cfg.model, dict) and 'type' in cfg.model):
        raise ConfigError(
            where=f'{path}: model', got=_plain(cfg.model), allowed="dict(type='...', ...)"
        )
    return cfg


def _check_file(path: str) -> None:
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise ConfigError('unknown kind of config', where=path, got=file.suffix, allowed=SUFFIXES)
    try:
        if file.is_dir():
            raise ConfigError('is a folder', where=path, hint='name the config in it')
        if file.is_file():
            return
        names = [p.name for p in file.parent.glob('*.py')] if file.parent.is_dir() else []
    except OSError as error:
        raise ConfigError(f'cannot be read: {error.strerror}', where=short(path)) from None
    raise ConfigError('no such config', where=path, hint=did_you_mean(file.name, names))


def _parsed(path: str) -> Config:
    _check_bases(Path(path), ())
    if path.endswith(('.yml', '.yaml')):
        _check_aliases(path)
    try:
        return Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f'a base config is missing: {error}', where=path) from None
    except SyntaxError as error:
        raise ConfigError(f'not python: {error}', where=path) from None
    except UserError:
        raise
    except SystemExit as error:
        raise ConfigError(
            f'ends the program (SystemExit: {error.code}) instead of describing a run', where=path
        ) from None
    except Exception as error:
        # A config is a program, and may fail as any program does.
        raise ConfigError(f'cannot be read: {foreign(error)}', where=path) from error


def _check_bases(path: Path, above: tuple[Path, ...]) -> None:
    """Pass unless a config is a base of itself: mmengine would read it a thousand times."""
    path = path.resolve()
    if path in above:
        ring = ' -> '.join(p.name for p in (*above[above.index(path) :], path))
        raise ConfigError(f'is a base of itself: {ring}', where=above[0])
    try:
        names = Config._get_base_files(str(path))
    except Exception:  # whatever is wrong with the file is told when it is read
        return
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str) and '::' in name and not OF_PACKAGE.match(name):
            raise ConfigError(
                'no config of a package',
                where=f'{path}: _base_',
                got=name,
                allowed='PACKAGE::FOLDER/CONFIG.py, as in scalenas::_base_/default_runtime_seg.py',
            )
        if isinstance(name, str) and '::' not in name:
            base = path.parent / name
            if base.is_file():
                _check_bases(base, (*above, path))


def _check_aliases(path: str) -> None:
    """Pass unless aliases of aliases make a YAML file of a few lines larger than the memory."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = LARGEST  # of a node that holds itself
            parts: Sequence[yaml.Node] = ()
            if isinstance(node, yaml.SequenceNode):
                parts = node.value
            elif isinstance(node, yaml.MappingNode):
                parts = [part for pair in node.value for part in pair]
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    try:
        root = yaml.compose(Path(path).read_text(encoding='utf-8'), Loader=yaml.SafeLoader)
        entries = 0 if root is None else size(root)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):  # told when it is read
        return
    if entries >= LARGEST:
        raise ConfigError(
            f'has {LARGEST:,} entries or more when its aliases are written out', where=path
        )


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, 'to_dict') else value
