"""The XMP packet that says how a picture was made (ISO 16684-1), written and read without trusting what is there."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

_OURS = "urn:studio:generation:1:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"  # IPTC's term for "made by a model"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = {"\r": "&#13;"}  # the one character a parser would change
_MOST = 1 << 20  # bytes of a packet worth reading

_HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
)
_TAIL = '</rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'


@dataclass(frozen=True, slots=True)
class GenerationMeta:
    """How one output was made. `created` carries its zone; `parameters` is what JSON can hold."""

    model: str
    prompt: str
    created: datetime
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    software: str = "Studio"


def packet(meta: GenerationMeta, existing: bytes | None = None) -> bytes:
    """A packet with `meta`; what an existing one says stays beside it, unless that is broken or already ours."""
    merged = _merge(meta, existing) if existing is not None else None
    return merged or f'{_HEAD}{_RDF}">{_description(meta, caption=True)}{_TAIL}'.encode()


def read(raw: bytes) -> dict[str, Any] | None:
    """What `packet` wrote, as a dict with software, model, prompt, parameters, created and seed; None if not ours."""
    root = _parse(raw)
    if root is None:
        return None
    for element in root.iter(f"{{{_RDF}}}Description"):
        model = element.findtext(f"{{{_OURS}}}model")
        if model is not None:
            return _fields(element, model)
    return None


def _fields(element: ET.Element, model: str) -> dict[str, Any] | None:
    def text(space: str, name: str) -> str:
        return element.findtext(f"{{{space}}}{name}") or ""

    prompt = element.findtext(f"{{{_OURS}}}prompt")
    if prompt is None:
        captions = element.iter(f"{{{_RDF}}}li")
        prompt = next((item.text or "" for item in captions if item.get(_LANG) == "x-default"), "")
    seed = element.findtext(f"{{{_OURS}}}seed")
    try:
        parameters, number = json.loads(text(_OURS, "parameters")), int(seed) if seed is not None else None
    except ValueError:
        return None
    return {
        "software": text(_XMP, "CreatorTool"),
        "model": model,
        "prompt": prompt,
        "parameters": parameters,
        "created": text(_XMP, "CreateDate"),
        "seed": number,
    }


def _merge(meta: GenerationMeta, existing: bytes) -> bytes | None:
    """The existing packet with our description added; None if it cannot carry one."""
    if _parse(existing) is None or _OURS.encode() in existing:
        return None
    text = existing.decode("utf-8")
    at = text.rfind("</rdf:RDF>")
    if at < 0 or f'xmlns:rdf="{_RDF}"' not in text:
        return None
    merged = text[:at] + _description(meta, caption="description" not in text) + text[at:]
    raw = merged.encode()
    return raw if _parse(raw) is not None else None


def _description(meta: GenerationMeta, *, caption: bool) -> str:
    """One rdf:Description; the prompt is the caption other programs show, or our own field where one exists already."""
    prompt = _text(meta.prompt)
    lines = [
        f'<rdf:Description rdf:about="" xmlns:xmp="{_XMP}" xmlns:dc="{_DC}"',
        f' xmlns:studio="{_OURS}" xmlns:iptc="{_IPTC}">',
        f"<xmp:CreatorTool>{_text(meta.software)}</xmp:CreatorTool>",
        f"<xmp:CreateDate>{_text(meta.created.isoformat())}</xmp:CreateDate>",
        f"<iptc:DigitalSourceType>{_AI}</iptc:DigitalSourceType>",
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{prompt}</rdf:li></rdf:Alt></dc:description>'
        if caption
        else f"<studio:prompt>{prompt}</studio:prompt>",
        f"<studio:model>{_text(meta.model)}</studio:model>",
        f"<studio:parameters>{_text(json.dumps(meta.parameters, ensure_ascii=False))}</studio:parameters>",
        "" if meta.seed is None else f"<studio:seed>{meta.seed}</studio:seed>",
        "</rdf:Description>",
    ]
    return "".join(lines)


def _text(value: str) -> str:
    """Escaped for an element; what XML cannot hold at all becomes U+FFFD, as a lone surrogate or NUL."""
    return escape(_NOT_XML.sub("\ufffd", value), _BREAKS)


def _parse(raw: bytes) -> ET.Element | None:
    """The tree of a well-formed UTF-8 packet; None for anything else, and for any packet that declares entities."""
    if len(raw) > _MOST:
        return None
    try:
        text = raw.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return None
        return ET.fromstring(text.lstrip("\ufeff").strip("\x00 \r\n\t"))  # noqa: S314  no DOCTYPE, so no entities
    except (UnicodeDecodeError, ET.ParseError, ValueError):
        return None
