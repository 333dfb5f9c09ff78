"""Reading a prompt: which scene, which hour, which colours, which style."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import numpy as np

from studio.simulator.render.palette import NAMED, Colour, rgb

FAMILIES: dict[str, str] = {
    "aurora": "aurora northern lights polar arctic iceland borealis",
    "lake": "lake alpine mountain mountains alps fjord reflection peak peaks valley river tarn landscape glacier",
    "dunes": "dune dunes desert sahara sand sandy namib oasis arid",
    "dahlia": "dahlia flower flowers petal petals bloom blossom peony chrysanthemum floral bouquet botanical garden "
    "lotus",
    "vases": "vase vases ceramic ceramics pottery still-life stilllife bottle bowl jug cup perfume product linen "
    "stoneware porcelain glass candle cosmetic cosmetics packaging mug teapot kitchen",
    "planet": "planet planets saturn space galaxy cosmos cosmic astronaut nebula orbit universe starship ring rings "
    "mars jupiter moon sci-fi",
    "forest": "forest pine pines woods woodland trees tree fir spruce jungle fog foggy hike deer fox wolf",
    "ink": "ink marble fluid liquid swirl smoke acrylic paint abstract oil-slick agate texture silk flow pour",
    "city": "city skyline street neon cyberpunk tokyo downtown skyscraper skyscrapers urban buildings town "
    "manhattan car traffic architecture building",
    "paper": "paper papercut cutout layered layers origami topographic contour collage craft kirigami vector logo",
    "ocean": "ocean sea beach wave waves coast shore horizon surf bay sail sailing boat ship island whale dolphin "
    "lighthouse",
    "pebbles": "pebble pebbles stone stones zen cairn balance spa rock rocks meditation",
    "blobs": "chrome blob blobs glossy iridescent metal metallic sculpture 3d render balloon bubble bubbles "
    "holographic shape shapes robot",
    "wall": "wall window interior room shadow shadows sunlight minimal minimalist plaster curtain bedroom "
    "apartment house",
}
_ANYTHING = [
    "lake",
    "dunes",
    "vases",
    "ink",
    "paper",
    "ocean",
    "forest",
    "pebbles",
    "blobs",
    "dahlia",
    "aurora",
    "wall",
]

_WEAK = frozenset(
    {"abstract", "landscape", "minimal", "minimalist", "render", "3d", "shape", "shapes", "texture", "house"}
)

HOURS: dict[str, str] = {
    "night": "night midnight moonlit moonlight nocturnal starry stars dark",
    "dusk": "dusk twilight sunset evening blue-hour magenta",
    "golden": "golden-hour golden sunlit late-afternoon autumn autumnal warm amber",
    "dawn": "dawn sunrise morning daybreak pastel spring",
    "mist": "mist misty fog foggy overcast grey rain rainy winter moody snow snowy",
    "day": "noon midday daylight day bright summer clear turquoise",
}

STYLES: dict[str, str] = {
    "mono": "monochrome black-and-white b&w bw noir grayscale greyscale",
    "sepia": "sepia daguerreotype",
    "pastel": "pastel soft dreamy airy delicate",
    "vivid": "vivid vibrant saturated neon psychedelic pop cyberpunk electric",
    "film": "film analog analogue 35mm kodak portra vintage retro cinematic",
    "watercolour": "watercolor watercolour aquarelle gouache painting painted painterly oil illustration anime",
    "sketch": "sketch pencil drawing charcoal-drawing line-art etching engraving",
    "print": "print poster framed frame gallery exhibition hang hanging interior mockup wall",
    "night": "night midnight moonlit moonlight",
    "warm": "warm golden sunset autumn candlelit",
    "cool": "cool cold winter icy blue-hour frozen",
}


@dataclass(frozen=True)
class Look:
    """What the painter needs to know. `rng(n)` gives independent, repeatable random streams."""

    family: str
    hour: str
    colours: tuple[Colour, ...] = ()
    styles: frozenset[str] = field(default_factory=frozenset)
    seed: int = 0
    named_family: bool = False
    named_hour: bool = False

    def rng(self, stream: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def pick(self, default: Colour, index: int = 0) -> Colour:
        """The prompt's colour at `index`, else the scene's own."""
        return self.colours[index] if index < len(self.colours) else default


def _words(prompt: str) -> list[str]:
    text = re.sub(r"\[\[sim:[^\]]*\]\]", " ", prompt.lower())
    for phrase in (
        "golden hour",
        "blue hour",
        "still life",
        "line art",
        "black and white",
        "late afternoon",
        "oil slick",
    ):
        text = text.replace(phrase, phrase.replace(" ", "-"))
    return re.findall(r"[a-z0-9&][a-z0-9&\-]*", text)


def _best(words: list[str], table: dict[str, str]) -> str | None:
    """The entry whose words are named most; among equals, the one named first."""
    scores: dict[str, tuple[int, int]] = {}
    for name, line in table.items():
        vocabulary = set(line.split())
        places = [i for i, word in enumerate(words) if word in vocabulary or word.removesuffix("s") in vocabulary]
        if places:
            named = {words[i] for i in places}
            scores[name] = (sum(1 if word in _WEAK else 2 for word in named), -places[0])
    return max(scores, key=lambda name: scores[name]) if scores else None


def read(prompt: str, seed: int) -> Look:
    """A prompt and a seed to a Look. The same two always give the same one."""
    words = _words(prompt)
    digest = hashlib.sha256(" ".join(words).encode()).digest()
    named = _best(words, FAMILIES)
    family = named or _ANYTHING[digest[0] % len(_ANYTHING)]
    mixed = int.from_bytes(hashlib.sha256(digest + str(seed).encode()).digest()[:8], "big")
    hours = list(HOURS)
    named_hour = _best(words, HOURS)
    hour = named_hour or hours[mixed % len(hours)]
    styles = frozenset(name for name, line in STYLES.items() if set(words) & set(line.split()))
    colours = tuple(rgb(NAMED[word]) for word in dict.fromkeys(words) if word in NAMED)
    return Look(family, hour, colours, styles, mixed, named is not None, named_hour is not None)
