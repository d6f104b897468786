"""Segmentation data as mmsegmentation data sets; imported by the registry, needs mmseg."""

from pathlib import Path
from typing import Any

from mmseg.datasets import BaseSegDataset, CityscapesDataset

from scalenas.datasets.subsets import check_spread, spread_evenly
from scalenas.errors import UserError
from scalenas.registry import DATASETS


@DATASETS.register_module()
class SpreadSegDataset(BaseSegDataset):
    """Images and label maps in folders as mmseg reads them, or `spread` images of them.

    spread: keep that many images, evenly spaced over the sorted list (a fixed sample for
    batch-norm calibration); cities: keep the images in these sub-folders only; hint: what to do
    when a folder is missing, such as the command that makes the data.

    Raises UserError when a folder is missing or holds no image.
    """

    def __init__(
        self,
        spread: int | None = None,
        cities: tuple[str, ...] | None = None,
        hint: str = 'look at data_root and data_prefix',
        **kwargs: Any,
    ) -> None:
        check_spread(spread, type(self).__name__)
        self._spread, self._cities, self._hint = spread, cities, hint
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """The sorted images with the paths of their labels, as mmseg describes them."""
        folder = Path(self.data_prefix['img_path'])
        wanted = [folder] if self._cities is None else [folder / city for city in self._cities]
        for needed in (*wanted, Path(self.data_prefix['seg_map_path'])):
            if not needed.is_dir():
                raise UserError('no such folder', where=needed, hint=self._hint)
        samples = super().load_data_list()
        if self._cities is not None:
            samples = [item for item in samples if Path(item['img_path']).parent in wanted]
        if not samples:
            raise UserError(f'holds no *{self.img_suffix}', where=folder, hint=self._hint)
        return spread_evenly(samples, self._spread)


@DATASETS.register_module()
class CityscapesCities(SpreadSegDataset):
    """Cityscapes as mmseg reads it, of the named cities only."""

    METAINFO = CityscapesDataset.METAINFO
    HINT = (
        'get Cityscapes from www.cityscapes-dataset.com and convert its labels with '
        "mmsegmentation's tools/dataset_converters/cityscapes.py, or set data_root"
    )

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelTrainIds.png',
        hint: str = HINT,
        **kwargs: Any,
    ) -> None:
        kwargs.update(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix)
        super().__init__(hint=hint, **kwargs)
