"""Human poses on real video: a person walks over a beam, filmed by four cameras.

The labels are pseudo-labels: a pose estimator (OpenPose, BODY_25) made them, no human. It is 1.7
seconds of one person from four sides, with a bystander who hardly moves in two of them: enough to
see a pose network learn, not enough to compare good ones.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from projects.demo_data.coco import Box, CocoSplit, about
from projects.demo_data.layouts import DemoDataError
from projects.demo_data.wheels import Wheel

WHEEL = Wheel(
    'pose2sim',
    '0.7.0',
    'pose2sim-0.7.0-py3-none-any.whl',
    '12d42cdaf321ccf7a4d0f635f6e8042234d1e5a34bc2337929673dcbd327b64f',
)
SOURCES = (
    'videos: demo session of Pose2Sim (Pagnon et al. 2022; BSD-3-Clause), in pose2sim 0.7.0',
    'labels: pseudo-labelled by OpenPose, not by hand; same package and licence',
)
URL = 'https://github.com/perfanalytics/pose2sim'
TRIAL = 'Pose2Sim/S00_Demo_Session/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial'
CAMERAS = (1, 2, 3, 4)
WIDTH = 1080
"""Two of the videos are 1088 wide, the rest of the last macro-block black."""

KEYPOINTS = (
    *('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder'),
    *('right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip'),
    *('right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle'),
)
SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
"""COCO's, of keypoints numbered from 1."""
CATEGORY = {
    'id': 1,
    'name': 'person',
    'supercategory': 'person',
    'keypoints': KEYPOINTS,
    'skeleton': SKELETON,
}
BOX_TO_AREA = 0.53
"""Area of a person as a share of the box where there is no mask, as COCO's keypoint evaluation
(xtcocotools, `use_area=False`) takes it."""


@dataclass(frozen=True)
class PeopleRecipe:
    """How frames are reduced and dealt to the splits.

    scale: of the images; quality: of the JPEG files; confident: a keypoint counts above this
    confidence; points: fewer keypoints are no person; margin: of a box about the keypoints, as a
    share of its longer side. Frames (first, last) at 60 a second: `train`, `search` and `test` of
    the default protocol, in which all cameras are in all splits; `train_seen` and `search_seen`
    of the one in which camera `unseen` is tested alone, on all its frames.
    """

    scale: float = 1 / 3
    quality: int = 95
    confident: float = 0.1
    points: int = 8
    margin: float = 0.1
    train: tuple[int, int] = (0, 47)
    search: tuple[int, int] = (52, 61)
    test: tuple[int, int] = (72, 99)
    train_seen: tuple[int, int] = (0, 83)
    search_seen: tuple[int, int] = (90, 99)
    unseen: int = 4

    def protocols(self) -> dict[str, tuple[tuple[int, ...], tuple[int, int]]]:
        """Split -> its cameras and its first and last frame."""
        seen = tuple(camera for camera in CAMERAS if camera != self.unseen)
        cam = f'cam{self.unseen}'
        return {
            'train': (CAMERAS, self.train),
            'search': (CAMERAS, self.search),
            'test': (CAMERAS, self.test),
            f'train_{cam}': (seen, self.train_seen),
            f'search_{cam}': (seen, self.search_seen),
            f'test_{cam}': ((self.unseen,), (0, 10**6)),
        }


@dataclass(frozen=True, eq=False)
class Person:
    """Keypoints (17, 3): x, y in pixels and confidence, all 0 if not seen; box about the body."""

    keypoints: NDArray[np.float64]
    box: Box

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return self.box[3] - self.box[1]


def read_frames(wheel: Path, camera: int, scale: float) -> Iterator[NDArray[np.uint8]]:
    """Images (H, W, 3), BGR, of one camera in order.

    Raises DemoDataError when this OpenCV cannot decode the video.
    """
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'video.mp4'
        path.write_bytes(archive.read(f'{TRIAL}/videos/cam{camera:02d}.mp4'))
        video = cv2.VideoCapture(str(path))
        try:
            read, frame = video.read()
            if not read:
                raise DemoDataError(
                    f'OpenCV {cv2.__version__} cannot decode the video',
                    where=f'camera {camera}',
                    hint='install opencv-python with FFmpeg, as in requirements/',
                )
            while read:
                cut = frame[:, :WIDTH]
                size = round(cut.shape[1] * scale), round(cut.shape[0] * scale)
                yield np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
                read, frame = video.read()
        finally:
            video.release()


def read_people(wheel: Path, camera: int, recipe: PeopleRecipe) -> list[list[Person]]:
    """The people of every frame, the tallest, who is the subject, first."""
    start = f'{TRIAL}/pose/cam{camera:02d}_json/cam{camera:02d}.'
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith(start) and n.endswith('.json'))
        frames = [json.loads(archive.read(name))['people'] for name in names]
    return [
        sorted(
            (p for given in people if (p := _person(given, recipe)) is not None),
            key=lambda person: -person.height,
        )
        for people in frames
    ]


def _person(given: dict[str, Any], recipe: PeopleRecipe) -> Person | None:
    """None where too few keypoints were found."""
    points = np.array(given['pose_keypoints_2d'], float).reshape(-1, 3)
    points[:, :2] *= recipe.scale
    seen = points[:, 2] > recipe.confident
    coco = points[: len(KEYPOINTS)]  # BODY_25 begins with the points of COCO, in their order
    if int(seen[: len(KEYPOINTS)].sum()) < recipe.points:
        return None
    points[~seen] = 0
    # The other points are of the feet: they belong to the body, and so into the box.
    low, high = points[seen, :2].min(axis=0), points[seen, :2].max(axis=0)
    margin = recipe.margin * float((high - low).max())
    low, high = low - margin, high + margin
    return Person(coco, (float(low[0]), float(low[1]), float(high[0]), float(high[1])))


def annotate(split: CocoSplit, image: int, person: Person, size: Any, crowd: bool) -> None:
    """Add a person to a split: COCO's 51 numbers, the box cut at the border."""
    height, width = size
    x0, y0, x1, y1 = person.box
    box = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    flat: list[float] = []
    for x, y, confidence in person.keypoints:
        flat += [round(float(x), 2), round(float(y), 2), 2] if confidence else [0, 0, 0]
    area = BOX_TO_AREA * (box[2] - box[0]) * (box[3] - box[1])
    count = sum(v > 0 for v in flat[2::3])
    split.add(image, box, area, crowd, keypoints=flat, num_keypoints=count)


def write_people(root: Path, wheel: Path, recipe: PeopleRecipe) -> dict[str, CocoSplit]:
    """Write all frames, and give back the splits of both protocols.

    In what is scored, the bystander is marked as COCO's crowd, which counts neither for nor
    against a network: she stands as still as the wall, and would flatter every score.
    """
    info = about('A walk over a beam, seen by four cameras.', SOURCES, 'BSD-3-Clause', URL)
    splits = {name: CocoSplit(CATEGORY, info) for name in recipe.protocols()}
    (root / 'images').mkdir(parents=True, exist_ok=True)
    for camera in CAMERAS:
        people = read_people(wheel, camera, recipe)
        for frame, image in enumerate(read_frames(wheel, camera, recipe.scale)):
            name, size = f'cam{camera}_{frame:04d}.jpg', image.shape[:2]
            options = [cv2.IMWRITE_JPEG_QUALITY, recipe.quality]
            if not cv2.imwrite(str(root / 'images' / name), image, options):
                raise OSError(f'{name} could not be written')
            for split, (cameras, (first, last)) in recipe.protocols().items():
                if camera in cameras and first <= frame <= last:
                    number = splits[split].add_image(name, (size[0], size[1]))
                    for rank, person in enumerate(people[frame]):
                        crowd = rank > 0 and not split.startswith('train')
                        annotate(splits[split], number, person, size, crowd)
    return splits
