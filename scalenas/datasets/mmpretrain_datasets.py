"""Classification data as mmpretrain data sets; imported by the registry, needs mmpretrain."""

from pathlib import Path
from typing import Any, ClassVar

from mmpretrain.datasets import CustomDataset, ImageNet

from scalenas.datasets import digits
from scalenas.datasets.layouts import DemoDataError
from scalenas.datasets.spread import check_spread, spread_evenly
from scalenas.registry import DATASETS


@DATASETS.register_module()
class SpreadImageNet(ImageNet):
    """ImageNet as mmpretrain reads it, or `spread` pictures of it, evenly over all classes."""

    def __init__(self, spread: int | None = None, **kwargs: Any) -> None:
        check_spread(spread, type(self).__name__)
        self._spread = spread
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Paths and labels, as mmpretrain describes them."""
        return spread_evenly(super().load_data_list(), self._spread)


@DATASETS.register_module()
class DigitsDataset(CustomDataset):
    """Ten handwritten digits, as tools/get_demo_data.py writes them.

    spread: keep that many pictures, evenly over all classes.

    Raises DemoDataError when the folder is missing.
    """

    METAINFO: ClassVar[dict[str, Any]] = {'classes': digits.CLASSES}

    def __init__(self, spread: int | None = None, **kwargs: Any) -> None:
        check_spread(spread, type(self).__name__)
        self._spread = spread
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Paths and labels, as mmpretrain describes them."""
        folder = Path(self.img_prefix)
        if not folder.is_dir():
            raise DemoDataError(
                f'{folder} is missing; make the data with: python tools/get_demo_data.py digits'
            )
        return spread_evenly(super().load_data_list(), self._spread)
