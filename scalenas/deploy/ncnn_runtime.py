"""ncnn on the CPU, converted from torch by pnnx, its own converter."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from scalenas.errors import UserError, foreign

from .runtime import Images, Maps, Runtime, Session, register_runtime


@dataclass(frozen=True)
class NcnnSession(Session):
    """A net of ncnn. It knows no batches: images run one after another."""

    net: Any
    outputs: int

    def _run(self, images: Images) -> Maps:
        import ncnn

        rows = []
        for image in images:
            with self.net.create_extractor() as extractor:
                extractor.input('in0', ncnn.Mat(image).clone())
                found = [extractor.extract(f'out{i}') for i in range(self.outputs)]
                rows.append([np.array(mat, np.float32) for _, mat in found])
        return [np.stack(maps) for maps in zip(*rows, strict=True)]


@register_runtime
class NcnnRuntime(Runtime):
    """ncnn; weights and maps of fp32 are fp32, which by default they are not in memory."""

    name: ClassVar[str] = 'ncnn'
    packages: ClassVar[tuple[str, ...]] = ('ncnn', 'pnnx')

    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session:
        import ncnn

        with tempfile.TemporaryDirectory() as folder:
            outputs = self._convert(net, images[:1], Path(folder))
            loaded = ncnn.Net()
            loaded.opt.num_threads = threads
            for option in ('fp16_packed', 'fp16_storage', 'fp16_arithmetic', 'bf16_storage'):
                setattr(loaded.opt, f'use_{option}', False)
            self._check(Path(folder, 'net.ncnn.param').read_text(encoding='utf-8'))
            for step in ('param', 'model'):
                file = Path(folder, f'net.ncnn.{"bin" if step == "model" else step}')
                if getattr(loaded, f'load_{step}')(str(file)):
                    raise UserError(f'cannot load its {step}', where=f'runtime {self.name}')
        about = (f'{self.name} {self.version()}', precision, device, threads)
        return NcnnSession(*about, tuple(images.shape), loaded, outputs)

    def _convert(self, net: nn.Module, image: Tensor, folder: Path) -> int:
        """Writes net.ncnn.param and .bin; how many maps the net gives."""
        import pnnx

        with torch.no_grad():
            maps = net(image)
            try:
                torch.jit.trace(net, image, check_trace=False).save(str(folder / 'net.pt'))
            except RuntimeError as error:
                raise UserError(
                    f'torch cannot trace it: {foreign(error)}', where=f'runtime {self.name}'
                ) from None
        shape = ','.join(map(str, image.shape))
        # Its function of Python does not look whether the converter succeeds.
        command = [pnnx.EXEC_PATH, 'net.pt', f'inputshape=[{shape}]f32', 'fp16=0', 'optlevel=2']
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode or not (folder / 'net.ncnn.bin').is_file():
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise UserError(
                f'pnnx does not take this network (exit code {done.returncode}): {"".join(last)}',
                where=f'runtime {self.name}',
            )
        return 1 if isinstance(maps, Tensor) else len(maps)

    def _check(self, param: str) -> None:
        """Pass when each layer is one of ncnn: pnnx leaves what it cannot convert as it was."""
        kinds = [line.split()[0] for line in param.splitlines()[2:] if line.split()]
        foreigners = sorted({kind for kind in kinds if not re.fullmatch(r'[A-Z]\w*', kind)})
        if foreigners:
            raise UserError(
                'has no such operators', where=f'runtime {self.name}', got=', '.join(foreigners)
            )
