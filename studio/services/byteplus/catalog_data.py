"""The provider's models: what each accepts and makes. Facts only, no rules and no prices.

Units: pixels, seconds, requests a minute. Sources are the sections of the ModelArk facts: A ids, B images, C1 videos,
F limits. Shut-down, whitelist-only and no-access models are absent. A model here without a price (pricing.py) is known
but not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

Pixels = tuple[int, int]
PixelTable = Mapping[str, Mapping[str, Pixels]]  # size keyword or resolution -> ratio -> (width, height)

ADAPTIVE = "adaptive"
AUTO_DURATION = -1
SEED_RANGE = (-1, 2_147_483_647)  # the narrower of the two documented ranges (C1)
MAX_COUNT = 15  # images asked for at once; also the provider's group limit (B)
MAX_PROMPT_CHARS = 10_000  # ours: the provider recommends at most 600 (image) or 1,000 (video) words
IMAGE_RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16", "21:9")
VIDEO_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Rate limits of one main account and model (F). `None` where the provider states none."""

    rpm_enterprise: int | None = None
    rpm_individual: int | None = None
    concurrency_enterprise: int | None = None
    concurrency_individual: int | None = None
    ipm: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageModel:
    """One image model (B). `group_max` bounds references plus outputs of one series; 0 where there is no group mode."""

    id: str
    name: str
    tagline: str
    pixels: PixelTable
    default_size: str
    min_pixels: int
    max_pixels: int
    group_max: int
    max_references: int
    stream: bool
    output_formats: tuple[str, ...]
    transparent_background: bool
    limits: Limits
    seconds: int  # a typical wait for one picture of up to 5 MP
    kind: Literal["image"] = "image"
    min_aspect: float = 1 / 16
    max_aspect: float = 16.0
    default_ratio: str = "1:1"
    ratios: tuple[str, ...] = IMAGE_RATIOS
    max_count: int = MAX_COUNT
    watermark_default: bool = True  # the provider's, when the field is absent; we always send it
    seed: bool = False  # documented only for 3.0; undefined on 4.x and 5.x

    @property
    def sizes(self) -> tuple[str, ...]:
        """Size keywords, smallest first."""
        return tuple(self.pixels)

    @property
    def group(self) -> bool:
        """Whether one request can make a series."""
        return self.group_max > 0


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoModel:
    """One video model (C1). Durations in seconds; `frames` is (first, last, step) where a frame count is accepted."""

    id: str
    name: str
    tagline: str
    pixels: PixelTable
    default_resolution: str
    min_duration: int
    max_duration: int
    auto_duration: bool  # -1 lets the model choose
    default_ratio: str
    adaptive_needs_frame: bool  # 1.x: text to video has no adaptive ratio
    frame_needs_adaptive: bool  # 2.5: a first frame decides the ratio
    last_frame: bool
    max_references: int
    audio: bool
    seed: bool
    camera_fixed: bool
    draft: bool
    flex: bool
    priority: bool
    limits: Limits
    seconds_each: Mapping[str, float]  # resolution -> seconds of work for a second of film (C6)
    limits_4k: Limits | None = None
    kind: Literal["video"] = "video"
    default_duration: int = 5
    frames: tuple[int, int, int] | None = None
    first_frame: bool = True
    return_last_frame: bool = True  # not on drafts
    final_resolution: str = ""  # the one resolution in which a draft is made final; empty without drafts
    watermark_default: bool = False
    output_formats: tuple[str, ...] = ("mp4",)
    fps: int = 24

    @property
    def resolutions(self) -> tuple[str, ...]:
        """Resolutions, smallest first."""
        return tuple(self.pixels)

    @property
    def ratios(self) -> tuple[str, ...]:
        """Ratios the model accepts, `adaptive` last; `adaptive_needs_frame` says when that one is allowed."""
        return (*VIDEO_RATIOS, ADAPTIVE)

    @property
    def audio_default(self) -> bool:
        """The provider's value when the field is absent; we always send it where it is supported."""
        return self.audio

    def limits_for(self, resolution: str) -> Limits:
        """The limits that count for one resolution (F)."""
        return self.limits_4k if self.limits_4k is not None and resolution == "4k" else self.limits


Model = ImageModel | VideoModel


def _row(ratios: tuple[str, ...], text: str) -> Mapping[str, Pixels]:
    """One line of a pixel table, `1024x1024 1152x864 …`, as ratio -> (width, height)."""
    sides = [size.split("x") for size in text.split()]
    return MappingProxyType({ratio: (int(w), int(h)) for ratio, (w, h) in zip(ratios, sides, strict=True)})


def _table(ratios: tuple[str, ...], rows: dict[str, str]) -> PixelTable:
    return MappingProxyType({key: _row(ratios, text) for key, text in rows.items()})


_IMAGE_ORDER = ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9")  # the order of the table in B
_PRO_1K = "1024x1024 1152x864 864x1152 1424x800 800x1424 1248x832 832x1248 1568x672"
_PRO_1_5K = "1536x1536 1792x1344 1344x1792 2048x1152 1152x2048 1872x1248 1248x1872 2352x1008"
_PRO_2K = "2048x2048 2368x1776 1776x2368 2816x1584 1584x2816 2496x1664 1664x2496 3136x1344"
_1K = "1024x1024 1152x864 864x1152 1312x736 736x1312 1248x832 832x1248 1568x672"
_2K = "2048x2048 2304x1728 1728x2304 2848x1600 1600x2848 2496x1664 1664x2496 3136x1344"
_3K = "3072x3072 3456x2592 2592x3456 4096x2304 2304x4096 3744x2496 2496x3744 4704x2016"
_4K = "4096x4096 4704x3520 3520x4704 5504x3040 3040x5504 4992x3328 3328x4992 6240x2656"
_PRO_TABLE = _table(_IMAGE_ORDER, {"1K": _PRO_1K, "1.5K": _PRO_1_5K, "2K": _PRO_2K})
_IPM = Limits(ipm=500)

IMAGE_MODELS: tuple[ImageModel, ...] = (
    ImageModel(
        id="seedream-4-5-251128",
        name="Seedream 4.5",
        tagline="Up to 14 references",
        pixels=_table(_IMAGE_ORDER, {"2K": _2K, "4K": _4K}),
        default_size="2K",
        min_pixels=3_686_400,
        max_pixels=16_777_216,
        group_max=15,
        max_references=14,
        stream=True,
        output_formats=("jpeg",),
        transparent_background=False,
        limits=_IPM,
        seconds=20,
    ),
    ImageModel(
        id="dola-seedream-5-0-pro-260628",
        name="Seedream 5.0 Pro",
        tagline="Finest detail, transparent backgrounds",
        pixels=_PRO_TABLE,
        default_size="2K",
        min_pixels=921_600,
        max_pixels=4_624_220,
        group_max=0,
        max_references=10,
        stream=False,
        output_formats=("jpeg", "png"),
        transparent_background=True,
        limits=_IPM,
        seconds=40,
    ),
    ImageModel(
        id="dola-seedream-5-0-flash-260915",
        name="Seedream 5.0 Flash",
        tagline="Quick drafts",
        pixels=_PRO_TABLE,
        default_size="2K",
        min_pixels=921_600,
        max_pixels=4_624_220,
        group_max=0,
        max_references=10,
        stream=False,
        output_formats=("jpeg", "png"),
        transparent_background=True,
        limits=_IPM,
        seconds=15,
    ),
    ImageModel(
        id="seedream-5-0-260128",
        name="Seedream 5.0 Lite",
        tagline="2K to 4K, series, PNG",
        pixels=_table(_IMAGE_ORDER, {"2K": _2K, "3K": _3K, "4K": _4K}),
        default_size="2K",
        min_pixels=3_686_400,
        max_pixels=16_777_216,
        group_max=15,
        max_references=14,
        stream=True,
        output_formats=("jpeg", "png"),
        transparent_background=False,
        limits=_IPM,
        seconds=20,
    ),
    ImageModel(
        id="seedream-4-0-250828",
        name="Seedream 4.0",
        tagline="Lowest price, from 1K",
        pixels=_table(_IMAGE_ORDER, {"1K": _1K, "2K": _2K, "4K": _4K}),
        default_size="2K",
        min_pixels=921_600,
        max_pixels=16_777_216,
        group_max=15,
        max_references=14,
        stream=True,
        output_formats=("jpeg",),
        transparent_background=False,
        limits=_IPM,
        seconds=20,
    ),
)

_V1 = {
    "480p": "864x480 736x544 640x640 544x736 480x864 960x416",
    "720p": "1248x704 1120x832 960x960 832x1120 704x1248 1504x640",
    "1080p": "1920x1088 1664x1248 1440x1440 1248x1664 1088x1920 2176x928",
}
_V2 = {
    "480p": "864x496 752x560 640x640 560x752 496x864 992x432",
    "720p": "1280x720 1112x834 960x960 834x1112 720x1280 1470x630",
    "1080p": "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946",
    "4k": "3840x2160 3326x2494 2880x2880 2494x3326 2160x3840 4398x1886",
}
_V2_5 = {"480p": "854x480 752x560 640x640 560x752 480x854 992x432", "720p": _V2["720p"], "1080p": _V2["1080p"]}
_V1_TABLE = _table(VIDEO_RATIOS, _V1)
_V2_TABLE = _table(VIDEO_RATIOS, _V2)
_V2_SMALL = _table(VIDEO_RATIOS, {key: _V2[key] for key in ("480p", "720p")})
_V1_LIMITS = Limits(rpm_enterprise=600, rpm_individual=600, concurrency_enterprise=10, concurrency_individual=10)
_V2_LIMITS = Limits(rpm_enterprise=600, rpm_individual=180, concurrency_enterprise=10, concurrency_individual=3)
_4K_LIMITS = Limits(rpm_enterprise=15, rpm_individual=15, concurrency_enterprise=1, concurrency_individual=1)
_V1_PACE = MappingProxyType({"480p": 3.0, "720p": 6.0, "1080p": 12.0})
_V2_PACE = MappingProxyType({"480p": 10.0, "720p": 20.0, "1080p": 30.0, "4k": 45.0})
_V2_FAST_PACE = MappingProxyType({"480p": 5.0, "720p": 10.0})


_SEEDANCE_2_0 = VideoModel(
    id="dreamina-seedance-2-0-260128",
    name="Seedance 2.0",
    tagline="Sound, 9 references, up to 4K",
    pixels=_V2_TABLE,
    default_resolution="720p",
    min_duration=4,
    max_duration=15,
    auto_duration=True,
    default_ratio=ADAPTIVE,
    adaptive_needs_frame=False,
    frame_needs_adaptive=False,
    last_frame=True,
    max_references=9,
    audio=True,
    seed=False,
    camera_fixed=False,
    draft=False,
    flex=False,
    priority=True,
    limits=_V2_LIMITS,
    limits_4k=_4K_LIMITS,
    seconds_each=_V2_PACE,
)
_SEEDANCE_2_0_FAST = replace(
    _SEEDANCE_2_0,
    id="dreamina-seedance-2-0-fast-260128",
    name="Seedance 2.0 Fast",
    tagline="Sound, 9 references, half the wait",
    pixels=_V2_SMALL,
    limits_4k=None,
    seconds_each=_V2_FAST_PACE,
)
_SEEDANCE_1_0_PRO = VideoModel(
    id="seedance-1-0-pro-250528",
    name="Seedance 1.0 Pro",
    tagline="First and last frame, fixed camera",
    pixels=_V1_TABLE,
    default_resolution="1080p",
    min_duration=2,
    max_duration=12,
    auto_duration=False,
    default_ratio="16:9",
    adaptive_needs_frame=True,
    frame_needs_adaptive=False,
    last_frame=True,
    max_references=0,
    audio=False,
    seed=True,
    camera_fixed=True,
    draft=False,
    flex=True,
    priority=False,
    limits=_V1_LIMITS,
    seconds_each=_V1_PACE,
    frames=(29, 289, 4),
)

VIDEO_MODELS: tuple[VideoModel, ...] = (
    _SEEDANCE_2_0,
    _SEEDANCE_2_0_FAST,
    replace(
        _SEEDANCE_2_0_FAST,
        id="dreamina-seedance-2-0-mini-260615",
        name="Seedance 2.0 Mini",
        tagline="Sound at a low price",
    ),
    replace(
        _SEEDANCE_2_0,
        id="dreamina-seedance-2-5-260628",
        name="Seedance 2.5",
        tagline="Up to 30 seconds, 30 references",
        pixels=_table(VIDEO_RATIOS, _V2_5),
        max_duration=30,
        frame_needs_adaptive=True,
        max_references=30,
        draft=True,
        final_resolution="1080p",
        limits_4k=None,
        output_formats=("mp4", "mov"),
    ),
    _SEEDANCE_1_0_PRO,
    replace(
        _SEEDANCE_1_0_PRO,
        id="seedance-1-0-pro-fast-251015",
        name="Seedance 1.0 Pro Fast",
        tagline="Lowest price, silent",
        last_frame=False,
    ),
)

ALIASES: Mapping[str, str] = MappingProxyType({"seedream-5-0-lite-260128": "seedream-5-0-260128"})
