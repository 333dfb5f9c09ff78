"""The render process: reads jobs from standard input, writes files, answers on standard output.

It is a process of its own so that the server stays small at rest (numpy, Pillow and PyAV are loaded only here, and
the server lets it go when it has been idle for a while), responsive while a picture is painted, and alive if a
decoder dies.

One message is a 4-byte length, a JSON object of that length and then the blobs whose lengths it lists under "blobs".
"""

from __future__ import annotations

import json
import os
import struct
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """The next message, or None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    message = json.loads(stream.read(struct.unpack(">I", head)[0]))
    return message, [stream.read(size) for size in message.get("blobs", [])]


def pack_message(message: dict[str, Any], blobs: list[bytes] | None = None) -> bytes:
    blobs = blobs or []
    body = json.dumps({**message, "blobs": [len(blob) for blob in blobs]}).encode()
    return b"".join([struct.pack(">I", len(body)), body, *blobs])


def _image(job: dict[str, Any], blobs: list[bytes]) -> dict[str, Any]:
    from studio.simulator.render import compose

    data = compose.make(compose.Still(references=blobs, **job["still"]))
    compose.write(Path(job["path"]), data)
    return {"bytes": len(data)}


def _video(job: dict[str, Any], blobs: list[bytes]) -> dict[str, Any]:
    from studio.simulator.render import compose, video

    given = list(zip(job["roles"], blobs, strict=True))
    roles = dict(given)
    references = [_poster(blob) if role == "clip" else blob for role, blob in given if role in {"reference", "clip"}]
    clip = video.Clip(first=roles.get("first"), last=roles.get("last"), references=references, **job["clip"])
    last = video.write(clip, Path(job["path"]))
    if job.get("last_path"):
        compose.write(Path(job["last_path"]), video.png(last))
    return {"width": clip.width, "height": clip.height}


def _probe(_: dict[str, Any], blobs: list[bytes]) -> dict[str, Any]:
    """Size and format of each given image, from its header; null for what is no image."""
    import io

    from PIL import Image, UnidentifiedImageError

    found: list[dict[str, Any] | None] = []
    for blob in blobs:
        try:
            with Image.open(io.BytesIO(blob)) as image:
                found.append({"width": image.width, "height": image.height, "format": (image.format or "").lower()})
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            found.append(None)
    return {"images": found}


def _probe_video(_: dict[str, Any], blobs: list[bytes]) -> dict[str, Any]:
    """Size and seconds of each given clip; null for what is no clip."""
    import io

    import av.error

    found: list[dict[str, Any] | None] = []
    for blob in blobs:
        try:
            with av.open(io.BytesIO(blob), "r") as clip:
                stream = clip.streams.video[0]
                found.append({"width": stream.width, "height": stream.height, "seconds": (clip.duration or 0) / 1e6})
        except (av.error.FFmpegError, IndexError, OSError):
            found.append(None)
    return {"images": found}


def _poster(blob: bytes) -> bytes:
    """The first picture of a clip."""
    import io

    import av

    with av.open(io.BytesIO(blob), "r") as clip:
        image = next(clip.decode(video=0)).to_image()
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


JOBS = {"image": _image, "video": _video, "probe": _probe, "probe_video": _probe_video}


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)  # the pages people look at come before the pictures they wait for
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not break the protocol
    while (message := read_message(source)) is not None:
        job, blobs = message
        try:
            answer = JOBS[job["kind"]](job, blobs)
        except Exception as error:  # noqa: BLE001  # whatever a photo does to a decoder, the caller gets an answer
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        sink.write(pack_message(answer))
        sink.flush()


if __name__ == "__main__":
    main()
