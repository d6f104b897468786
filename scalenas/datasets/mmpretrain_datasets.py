"""Classification data as mmpretrain data sets; imported by the registry, needs mmpretrain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmpretrain.datasets import CustomDataset, ImageNet
from mmpretrain.datasets.custom import get_samples

from scalenas.datasets.subsets import PARTS, check_spread, hold_out, read_classes, spread_evenly
from scalenas.errors import UserError, foreign
from scalenas.registry import DATASETS


def _read(dataset: ImageNet, read: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What `read` gives; images that are not there, or not in their folders, are one line."""
    folder, name = str(dataset.img_prefix), type(dataset).__name__
    if '://' not in folder and not Path(folder).is_dir():
        raise UserError(
            'no such folder',
            where=f'{name}: {folder}',
            allowed='ImageNet (ILSVRC 2012), its images in folders of their classes, or a list '
            'of them in meta/ beside it',
        )
    try:
        return read()
    except (AssertionError, RuntimeError) as error:
        raise UserError(foreign(error), where=f'{name}: {folder}') from error


@DATASETS.register_module()
class SpreadImageNet(ImageNet):
    """ImageNet as mmpretrain reads it, or `spread` images of it, evenly over all classes.

    Raises UserError in one line where it is not.
    """

    def __init__(self, spread: int | None = None, **kwargs: Any) -> None:
        check_spread(spread, type(self).__name__)
        self._spread = spread
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Paths and labels, as mmpretrain describes them."""
        return spread_evenly(_read(self, super().load_data_list), self._spread)


@DATASETS.register_module()
class ImageNetPart(ImageNet):
    """ImageNet as mmpretrain reads it, in parts: without, or only, a mini validation set.

    part: 'held_out' for `per_class` images of every class, drawn by `seed`; 'rest' for all
    others; None for both. class_list: a file with one class folder a line, to keep only these,
    with labels in that order; it needs the images in folders of their classes. spread: keep that
    many images of all, evenly over the classes.

    Raises UserError in one line for a part, a list or a number that makes no data set, and where
    ImageNet is not.
    """

    def __init__(
        self,
        part: str | None = None,
        per_class: int = 50,
        seed: int = 0,
        class_list: str | None = None,
        spread: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_spread(spread, type(self).__name__)
        if part not in (None, *PARTS):
            raise UserError(where='ImageNetPart.part', got=part, allowed=PARTS)
        self._part, self._per_class, self._seed, self._spread = part, per_class, seed, spread
        self._names = read_classes(class_list) if class_list else None
        if self._names is not None:
            kwargs['metainfo'] = {'classes': self._names}
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Paths and labels, as mmpretrain describes them."""
        rows = _read(self, super().load_data_list if self._names is None else self._listed)
        if self._part is not None:
            names = [row['img_path'] for row in rows]
            labels = [row['gt_label'] for row in rows]
            held = hold_out(names, labels, self._per_class, self._seed)
            wanted = self._part == 'held_out'
            rows = [row for index, row in enumerate(rows) if (index in held) == wanted]
        return spread_evenly(rows, self._spread)

    def _listed(self) -> list[dict[str, Any]]:
        folder, names = Path(self.img_prefix), self._names or ()
        for name in names:
            if not (folder / name).is_dir():
                raise UserError(
                    'names a class without a folder',
                    where='ImageNetPart.class_list',
                    got=name,
                    allowed=f'folders of {folder}',
                    hint='images must lie in folders of their classes, those of val too',
                )
        labels = {name: label for label, name in enumerate(names)}
        samples, _ = get_samples(str(folder), labels, is_valid_file=self.is_valid_file)
        return [{'img_path': str(folder / file), 'gt_label': label} for file, label in samples]


@DATASETS.register_module()
class SpreadCustomDataset(CustomDataset):
    """Folders of classes as mmpretrain reads them, or `spread` images of them, over all classes.

    hint: what to do when the folder is missing, such as the command that makes the data.

    Raises UserError when the folder is missing.
    """

    def __init__(
        self,
        spread: int | None = None,
        hint: str = 'look at data_root and data_prefix',
        **kwargs: Any,
    ) -> None:
        check_spread(spread, type(self).__name__)
        self._spread, self._hint = spread, hint
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Paths and labels, as mmpretrain describes them."""
        folder = Path(self.img_prefix)
        if not folder.is_dir():
            raise UserError('no such folder', where=folder, hint=self._hint)
        return spread_evenly(super().load_data_list(), self._spread)
