"""torch itself as a runtime: eager, eager with channels last, compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scalenas.errors import UserError

from .runtime import Images, Maps, Runtime, Session, register_runtime

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}


@dataclass(frozen=True)
class TorchSession(Session):
    """A torch module, or what was compiled of one; inputs are copied to its device."""

    net: Callable[[Tensor], Any]
    dtype: torch.dtype
    memory_format: torch.memory_format = torch.contiguous_format

    @torch.inference_mode()
    def _run(self, images: Images) -> Maps:
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with without_tf32():
                return self._maps(images)
        finally:
            torch.set_num_threads(before)

    def _maps(self, images: Images) -> Maps:
        given = torch.from_numpy(images).to(
            self.device, self.dtype, memory_format=self.memory_format
        )
        maps = self.net(given)
        maps = (maps,) if isinstance(maps, Tensor) else maps
        # Waits for a GPU; a net may give its input, or the same memory at each call.
        return [each.float().cpu().contiguous().numpy().copy() for each in maps]


@contextmanager
def without_tf32() -> Iterator[None]:
    """Convolutions of fp32 are fp32 on a GPU, too, where cuDNN takes TF32 by default."""
    flags: Any = torch.backends.cudnn
    before, flags.allow_tf32 = flags.allow_tf32, False
    try:
        yield
    finally:
        flags.allow_tf32 = before


def packed_weights(device: str) -> AbstractContextManager[Any]:
    """Weights are constants of what is compiled in it, packed for the kernels of a CPU.

    Without it they are packed anew for each image. As an option of `torch.compile` that has no
    effect in torch 2.13: weights are arguments by the time that it is read.
    """
    from torch._inductor import config  # which takes a while to import

    return config.patch(freezing=True) if device == 'cpu' else nullcontext()


@register_runtime
class TorchRuntime(Runtime):
    """torch, eager: the network as it is; in bf16 its weights and maps are bf16, too."""

    name: ClassVar[str] = 'torch'
    packages: ClassVar[tuple[str, ...]] = ('torch',)
    precisions: ClassVar[tuple[str, ...]] = ('fp32', 'bf16')
    devices: ClassVar[tuple[str, ...]] = ('cpu', 'cuda')
    memory_format: ClassVar[torch.memory_format] = torch.contiguous_format

    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session:
        form, dtype = self.memory_format, DTYPES[precision]
        copied: Any = copy.deepcopy(net).eval()  # the stubs know no memory format
        copied = copied.to(device, dtype, memory_format=form)
        given = images.to(device, dtype, memory_format=form)
        return TorchSession(
            f'{self.name} {self.version()}',
            precision,
            device,
            threads,
            tuple(images.shape),
            self._prepared(copied, given),
            dtype,
            form,
        )

    def _prepared(self, net: nn.Module, images: Tensor) -> Callable[[Tensor], Any]:
        return net


@register_runtime
class ChannelsLastRuntime(TorchRuntime):
    """torch, eager, with weights and maps in memory as (N, H, W, C)."""

    name: ClassVar[str] = 'torch_channels_last'
    memory_format: ClassVar[torch.memory_format] = torch.channels_last


@register_runtime
class CompiledRuntime(TorchRuntime):
    """torch, compiled by inductor as one graph, for one size; needs a C++ compiler on a CPU."""

    name: ClassVar[str] = 'torch_compiled'
    mode: ClassVar[str | None] = None

    def _prepared(self, net: nn.Module, images: Tensor) -> Callable[[Tensor], Any]:
        try:
            with torch.no_grad():
                # A program of its own: of one class of modules torch compiles eight at most.
                program = torch.export.export(net, (images,)).module()
            # As one graph or not at all: an eager rest would be measured as if it were compiled.
            compiled = torch.compile(program, fullgraph=True, dynamic=False, mode=self.mode)
            # TF32 is what a CUDA graph keeps.
            with torch.inference_mode(), without_tf32(), packed_weights(images.device.type):
                compiled(images)
        except Exception as error:
            reason = str(error).strip().partition('\n')[0]  # without advice for torch's developers
            raise UserError(
                f'torch.compile does not take this network: {reason or type(error).__name__}',
                where=f'runtime {self.name}',
            ) from None
        return compiled


@register_runtime
class CudaGraphRuntime(CompiledRuntime):
    """torch, compiled and replayed as a CUDA graph, without a launch from Python per kernel."""

    name: ClassVar[str] = 'torch_cuda_graph'
    devices: ClassVar[tuple[str, ...]] = ('cuda',)
    mode: ClassVar[str | None] = 'reduce-overhead'
