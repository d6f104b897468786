"""TensorRT on a GPU, from the ONNX graph. Not run by any test: none of our machines has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scalenas.errors import UserError

from .graph import onnx_graph
from .runtime import Images, Maps, Runtime, Session, register_runtime


@dataclass(frozen=True)
class TensorRTSession(Session):
    """An engine's context; torch holds the memory of what goes in and comes out."""

    engine: Any
    context: Any

    def _run(self, images: Images) -> Maps:
        given = torch.from_numpy(images).to(self.device)
        self.context.set_tensor_address('image', given.data_ptr())
        maps = []
        for i in range(1, self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(i)
            maps.append(torch.empty(tuple(self.engine.get_tensor_shape(name)), device=self.device))
            self.context.set_tensor_address(name, maps[-1].data_ptr())
        stream = torch.cuda.current_stream(self.device)
        self.context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        return [each.cpu().numpy() for each in maps]


@register_runtime
class TensorRTRuntime(Runtime):
    """TensorRT; fp32 without TF32, or fp16 where it is faster."""

    name: ClassVar[str] = 'tensorrt'
    packages: ClassVar[tuple[str, ...]] = ('tensorrt', 'onnx', 'onnxruntime')
    precisions: ClassVar[tuple[str, ...]] = ('fp32', 'fp16')
    devices: ClassVar[tuple[str, ...]] = ('cuda',)

    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session:
        import tensorrt

        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        builder = tensorrt.Builder(logger)
        network = builder.create_network(0)
        parser = tensorrt.OnnxParser(network, logger)
        if not parser.parse(onnx_graph(net, images, where=f'runtime {self.name}')):
            problem = f'does not take this network: {parser.get_error(0).desc()}'
            raise UserError(problem, where=f'runtime {self.name}')
        config = builder.create_builder_config()
        config.clear_flag(tensorrt.BuilderFlag.TF32)
        if precision == 'fp16':
            config.set_flag(tensorrt.BuilderFlag.FP16)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise UserError('cannot build an engine of this network', where=f'runtime {self.name}')
        engine = tensorrt.Runtime(logger).deserialize_cuda_engine(plan)
        about = (f'{self.name} {self.version()}', precision, device, threads)
        return TensorRTSession(
            *about, tuple(images.shape), engine, engine.create_execution_context()
        )
