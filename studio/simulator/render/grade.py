"""The finish: film looks, paint looks, black and white, paper grain; and the light of an hour laid over a photo."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from studio.simulator.render.field import Field, View, blur, fbm, smooth
from studio.simulator.render.kit import Pixels, glow, screen
from studio.simulator.render.palette import Colour, Ramp, mix, rgb
from studio.simulator.render.prompt import Look

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

# shadows, middle, lights of each hour, and the colour of its sun
HOUR_TONES: dict[str, list[str]] = {
    "night": ["060b1e", "1f3f74", "a9c6ee", "dfeaff"],
    "dusk": ["1d0f33", "9a4a7c", "ffc9a0", "ffd0a0"],
    "golden": ["1f120c", "a86a35", "ffe2a8", "ffdc96"],
    "dawn": ["1c1c3c", "a07f9c", "ffe0cc", "ffe0c8"],
    "mist": ["2a3436", "8b9a9a", "eef2ee", "ffffff"],
    "day": ["0b2230", "4f93a8", "f4f8ee", "fffbe8"],
}


def luma(pixels: Pixels) -> Field:
    return pixels @ _LUMA


def saturate(pixels: Pixels, amount: float) -> Pixels:
    grey = luma(pixels)[..., None]
    return grey + (pixels - grey) * np.float32(amount)


def curve(pixels: Pixels, amount: float) -> Pixels:
    """An S-curve: 0 leaves the picture alone, 1 is strong contrast."""
    bent = pixels * pixels * (3 - 2 * pixels)
    return pixels + (bent - pixels) * np.float32(amount)


def finish(view: View, look: Look, pixels: Pixels) -> Pixels:
    """Apply the styles a prompt names; without any, a touch of contrast and a light vignette."""
    out = np.clip(pixels, 0, 1)
    if "watercolour" in look.styles:
        out = watercolour(view, look, out)
    if "sketch" in look.styles:
        out = sketch(view, look, out)
    if "vivid" in look.styles:
        out = curve(np.clip(saturate(out, 1.35), 0, 1), 0.25)
    if "pastel" in look.styles:
        out = saturate(out, 0.78) * 0.74 + 0.24
    if "film" in look.styles:
        out = film(out)
    if "mono" in look.styles:
        out = Ramp([rgb("0b0b0d"), rgb("7d7c7a"), rgb("faf8f4")])(curve(luma(out), 0.45))
    elif "sepia" in look.styles:
        out = Ramp([rgb("1e120a"), rgb("8c6a48"), rgb("f7ead2")])(curve(luma(out), 0.25))
    edge = (view.x / view.half_w) ** 2 + (view.y / view.half_h) ** 2
    return np.clip(out, 0, 1) * (1 - np.float32(0.06) * edge)[..., None]


def film(pixels: Pixels) -> Pixels:
    bright = luma(pixels)[..., None]
    toned = pixels + (rgb("ffb878") - 0.5) * (bright * 0.10) + (rgb("2f7f90") - 0.5) * ((1 - bright) * 0.12)
    return curve(np.clip(saturate(toned, 0.92), 0, 1), 0.15) * 0.93 + 0.045


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, np.float32) * np.float32(1 / 255)


def watercolour(view: View, look: Look, pixels: Pixels) -> Pixels:
    """Flat washes with darker edges on tooth paper."""
    small = _image(pixels)
    shrink = max(1, round(view.px / 520))
    if shrink > 1:
        small = small.reduce(shrink)
    wash = small.filter(ImageFilter.MedianFilter(9)).filter(ImageFilter.MedianFilter(5))
    flat = _pixels(wash.resize((view.w, view.h), Image.Resampling.BICUBIC))
    grey = blur(luma(flat), 0.003 * view.px)
    gy, gx = np.gradient(grey)
    edges = np.clip(np.sqrt(gx * gx + gy * gy) * np.float32(view.px / 40), 0, 0.22)
    pool = fbm(look.rng(70), view, 3.0, octaves=4) - 0.5
    tooth = fbm(look.rng(71), view, 60, octaves=2, gain=0.8) - 0.5
    out = saturate(flat, 1.12) * (1 - edges)[..., None] + (pool * 0.12 + tooth * 0.09)[..., None]
    margin = smooth(0.985, 0.93, np.maximum(np.abs(view.x) / view.half_w, np.abs(view.y) / view.half_h) + pool * 0.05)
    return (
        rgb("f8f4ea") * (1 + tooth * 0.06)[..., None] * (1 - margin)[..., None]
        + np.clip(out * 0.94 + 0.06, 0, 1) * margin[..., None]
    )


def sketch(view: View, look: Look, pixels: Pixels) -> Pixels:
    """Graphite: the picture divided by a blurred copy of itself."""
    grey = luma(pixels)
    image = Image.fromarray((np.clip(1 - grey, 0, 1) * 255).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(max(1.5, view.px * 0.006))), np.float32) * np.float32(
        1 / 255
    )
    drawn = np.clip(grey / np.maximum(1 - soft, 0.04), 0, 1) ** 2.2
    tooth = fbm(look.rng(72), view, 70, octaves=2, gain=0.8)
    shaded = drawn * (0.80 + 0.20 * smooth(0.1, 0.8, grey)) * (0.93 + 0.14 * tooth)
    return Ramp([rgb("26262a"), rgb("8f8d88"), rgb("f6f2e8")])(np.clip(shaded, 0, 1))


def relight(view: View, look: Look, pixels: Pixels, strength: float) -> Pixels:
    """Lay the hour's tones and sun over a photo."""
    codes = [rgb(code) for code in HOUR_TONES[look.hour]]
    tones, sun = codes[:3], codes[3]
    if look.colours:
        tones = [mix(tone, colour, 0.5) for tone, colour in zip(tones, _spread(look.colours), strict=True)]
    grey = luma(pixels)
    duotone = Ramp([tones[0], tones[1], tones[2]], [0, 0.48, 1])(grey)
    out = pixels + (duotone - pixels) * np.float32(strength)
    if look.hour == "night":
        out = out * np.float32(1 - 0.55 * strength)
    rng = look.rng(60)
    sun_x = float((1 if rng.random() < 0.5 else -1) * view.half_w * (0.55 + 0.4 * rng.random()))
    sun_y = float(-view.half_h * (0.55 + 0.5 * rng.random()))
    screen(out, sun, glow(view, sun_x, sun_y, 0.42, 1.3) * np.float32(0.25 + 0.45 * strength))
    haze = fbm(look.rng(61), view, 0.9, 2.2, octaves=3) * smooth(0.1, 1.0, view.v) * np.float32(0.22 * strength)
    screen(out, tones[2], haze)
    return curve(np.clip(out, 0, 1), 0.18)


def _spread(colours: tuple[Colour, ...]) -> list[Colour]:
    first, last = colours[0], colours[-1]
    return [mix(first, rgb("0a0c14"), 0.7), first, mix(last, rgb("fff6e8"), 0.6)]
