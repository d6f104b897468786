"""torch.compile for supernets: the units that sub-nets are made of, and not the sub-nets.

A compiled supernet would be traced anew for each sub-net, until torch's limit of graphs for a piece
of code is reached and everything after runs as if nothing were compiled. Units (blocks, conversions
between branches, the beginning that all networks share) are few, however many networks are made of
them. Units that compute the same share a graph, for weights are its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from scalenas.errors import ConfigError, TrainingError
from scalenas.models import Supernet

WHERE = 'model.compile_units'
OPTIONS = ('backend', 'mode', 'options', 'dynamic')
"""Those of torch.compile that may be given."""

Compiled = Callable[..., Any]


class UnitCompiler:
    """Runs the units of a supernet compiled while `running`, and only then.

    Modules, names of weights, and all forwards outside stay what they are. A unit whose output or
    inner maps a hook looks at runs as usual: compiled code does not call hooks that came later.
    Copies of a module, and pickled ones, are not compiled.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = {'dynamic': False, **options}
        self._forget()

    @classmethod
    def from_config(cls, given: object, supernet: Supernet[Any]) -> UnitCompiler | None:
        """Of `model.compile_units`: True, False, or options of torch.compile.

        Raises:
            ConfigError: for another value, for a supernet without units, and for one that computes
                its blocks again backwards.
        """
        if given is False:
            return None
        if given is not True and not isinstance(given, Mapping):
            raise ConfigError(where=WHERE, got=given, allowed='True, False, or dict(backend=...)')
        options = {} if given is True else dict(given)
        for key in options:
            if key not in OPTIONS:
                raise ConfigError(where=WHERE, got=key, allowed=OPTIONS)
        units = list(supernet.units())
        if not units:
            raise ConfigError(
                f'the units of a {type(supernet).__name__} are cut anew for every network, so '
                'nothing of it can be compiled once',
                where=WHERE,
                got=given,
                hint='leave it out',
            )
        if any(getattr(unit, 'with_cp', False) for unit in units):
            raise ConfigError(
                'excludes with_cp=True of the backbone', where=WHERE, got=given, hint='drop one'
            )
        return cls(options)

    def __getstate__(self) -> dict[str, Any]:
        # Compiled code stays in its process.
        return {'options': self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.options = state['options']
        self._forget()

    def _forget(self) -> None:
        self.is_on = False
        self._functions: dict[Hashable, Compiled] = {}
        self._rest: tuple[nn.Module, ...] | None = None

    @property
    def num_kinds(self) -> int:
        """How many different units have run, each in one graph per size of its maps."""
        return len(self._functions)

    @contextmanager
    def running(self, supernet: Supernet[Any]) -> Iterator[None]:
        """Inside, units of `supernet` run compiled.

        Raises:
            TrainingError: when this machine has no compiler.
        """
        if self._rest is None:
            self._start(supernet)
        self.is_on = True
        try:
            with supernet.remembering(self._begin):
                yield
        finally:
            self.is_on = False

    def _start(self, supernet: Supernet[Any]) -> None:
        if self.options.get('backend', 'inductor') == 'inductor':
            _check_compiler(next(supernet.parameters()).device)
        units = list(supernet.units())
        for unit in units:
            # What nn.Module.compile sets, which compiles the code that all modules share.
            unit._compiled_call_impl = _Unit(self, unit)
        inside = {id(part) for unit in units for part in unit.modules()}
        self._rest = tuple(
            part for part in supernet.modules() if part is not supernet and id(part) not in inside
        )
        print_log(f'{WHERE}: units are compiled as they first run, which takes minutes', 'current')

    def function(self, kind: Hashable, run: Callable[..., Any]) -> Compiled:
        """The compiled `run` of all units of a kind."""
        if kind not in self._functions:
            assert isinstance(run, FunctionType)
            # Graphs are kept, and limited, by code object: each kind has its own.
            code = run.__code__.replace(co_name=f'unit_{len(self._functions)}')
            own = FunctionType(code, run.__globals__, closure=run.__closure__)
            self._functions[kind] = torch.compile(own, **self.options)
        return self._functions[kind]

    def _begin(
        self, compute: Callable[[Tensor], Any], x: Tensor, depends: tuple[Hashable, ...]
    ) -> Any:
        """The beginning of the forward: see `Supernet.once`."""
        assert self._rest is not None
        if not isinstance(compute, MethodType) or _are_watched(self._rest):
            return compute(x)
        run = compute.__func__
        return self.function((run, depends), run)(compute.__self__, x)


class _Unit:
    """What a unit does when it is called."""

    def __init__(self, compiler: UnitCompiler, module: nn.Module) -> None:
        self.compiler, self.module = compiler, module
        self.parts = tuple(module.modules())
        weights = module.state_dict(keep_vars=True).items()
        shapes = tuple((name, tuple(weight.shape)) for name, weight in weights)
        self.kind = (type(module), shapes, *(tuple(getattr(p, 'stride', ())) for p in self.parts))

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not self.compiler.is_on or 'forward' in vars(self.module) or _are_watched(self.parts):
            return self.module._call_impl(*args, **options)
        return self.compiler.function(self.kind, _run)(self.module, *args, **options)


def _run(module: nn.Module, *args: Any, **options: Any) -> Any:
    return type(module).forward(module, *args, **options)


def _are_watched(modules: tuple[nn.Module, ...]) -> bool:
    return any(
        m._forward_hooks or m._forward_pre_hooks or m._backward_hooks or m._backward_pre_hooks
        for m in modules
    )


def _check_compiler(device: torch.device) -> None:
    if device.type != 'cpu':
        return
    from torch._inductor import cpp_builder, exc

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        raise TrainingError(
            'torch compiles for a CPU with a C++ compiler, and there is none',
            where=WHERE,
            hint='install g++ (or name one in the environment variable CXX), or leave it out',
        ) from None
