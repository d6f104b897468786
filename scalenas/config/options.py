"""KEY=VALUE on a command line, as in all tools of the ecosystem."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction as Base

from scalenas.errors import foreign


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
