"""The demo data as mmsegmentation data sets; imported by the registry, needs mmseg."""

from pathlib import Path
from typing import Any, ClassVar

from mmseg.datasets import BaseSegDataset, CityscapesDataset

from scalenas.datasets import earth, scenes
from scalenas.datasets.layouts import DemoDataError
from scalenas.datasets.spread import check_spread, spread_evenly
from scalenas.registry import DATASETS


class AbstractFolderDataset(BaseSegDataset):
    """Pictures in folders; a missing folder is reported with the way to get it.

    spread: keep that many pictures, evenly spaced over the sorted list (a fixed sample for
    batch-norm calibration); cities: keep the pictures in these sub-folders only.

    Raises DemoDataError when a folder is missing or holds no picture.
    """

    HOW_TO_GET = ''

    def __init__(
        self, spread: int | None = None, cities: tuple[str, ...] | None = None, **kwargs: Any
    ) -> None:
        check_spread(spread, type(self).__name__)
        self._spread, self._cities = spread, cities
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """The sorted pictures with the paths of their labels, as mmseg describes them."""
        folder = Path(self.data_prefix['img_path'])
        wanted = [folder] if self._cities is None else [folder / city for city in self._cities]
        for needed in (*wanted, Path(self.data_prefix['seg_map_path'])):
            if not needed.is_dir():
                raise DemoDataError(f'{needed} is missing; {self.HOW_TO_GET}')
        found = super().load_data_list()
        if self._cities is not None:
            found = [item for item in found if Path(item['img_path']).parent in wanted]
        if not found:
            raise DemoDataError(f'{folder} holds no *{self.img_suffix}; {self.HOW_TO_GET}')
        return spread_evenly(found, self._spread)


@DATASETS.register_module()
class EarthDataset(AbstractFolderDataset):
    """Seven kinds of surface on satellite tiles, as tools/get_demo_data.py writes them."""

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': earth.CLASSES,
        'palette': [list(c) for c in earth.PALETTE],
    }
    HOW_TO_GET = 'make the data with: python tools/get_demo_data.py earth'

    def __init__(self, img_suffix: str = '.png', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class SceneDataset(AbstractFolderDataset):
    """Procedural scenes of look-alike shapes, as tools/get_demo_data.py writes them."""

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': scenes.CLASSES,
        'palette': [list(c) for c in scenes.PALETTE],
    }
    HOW_TO_GET = 'make the data with: python tools/get_demo_data.py scenes'

    def __init__(self, img_suffix: str = '.png', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)


@DATASETS.register_module()
class CityscapesCities(AbstractFolderDataset):
    """Cityscapes as mmseg reads it, of the named cities only."""

    METAINFO = CityscapesDataset.METAINFO
    HOW_TO_GET = (
        'get Cityscapes from www.cityscapes-dataset.com and convert its labels with '
        "mmsegmentation's tools/dataset_converters/cityscapes.py, or set data_root"
    )

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelTrainIds.png',
        **kwargs: Any,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)
