"""Photos of field reports: read as pictures and written anew, so that nothing but the picture is kept."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from PIL import ExifTags, Image, ImageOps

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_PIXELS: Final = 50_000_000
LONGEST_PX: Final = 4_096
"""A larger photo is made smaller to this on its longer side [pixel]."""

MEDIA_TYPE: Final = "image/jpeg"
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_BROKEN: Final = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for bytes that are no picture."""


class PhotoError(ValueError):
    """A file is not taken as a photo; ``key`` is the reason, ``report.photo.{key}`` of the catalogues."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class Photo(NamedTuple):
    """A photo as it is kept."""

    jpeg: bytes
    sha256: str
    lon: float | None
    """Where it was taken, as the phone wrote into it [degree, WGS 84]; None where it did not."""
    lat: float | None


def read_photo(content: bytes) -> Photo:
    """Return a photo decoded and encoded anew, upright, without anything else that stood in the file.

    Raises
    ------
    PhotoError
        It is larger than :data:`MOST_BYTES` or :data:`MOST_PIXELS`, or no JPEG, PNG or WebP that can be decoded.
    """
    if len(content) > MOST_BYTES:
        raise PhotoError("large")
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise PhotoError("large")
            place = _place(opened)
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except PhotoError:
        raise
    except _BROKEN as error:
        raise PhotoError("broken") from error
    picture.thumbnail((LONGEST_PX, LONGEST_PX))
    picture.info = {}  # nothing of it is to be written
    out = BytesIO()
    picture.save(out, "JPEG", quality=88)
    jpeg = out.getvalue()
    return Photo(jpeg, hashlib.sha256(jpeg).hexdigest(), *place)


def store_photo(folder: Path, photo: Photo) -> Path:
    """Return the file ``photos/<sha256>.jpg`` below a folder of products, written whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path = folder / "photos" / f"{photo.sha256}.jpg"
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(photo.jpeg)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
    part.replace(path)
    return path


def _place(picture: Image.Image) -> tuple[float | None, float | None]:
    """Return longitude and latitude in a photo; None for both where they are missing or nonsense."""
    try:
        gps = picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        lon = (
            _degrees(gps[ExifTags.GPS.GPSLongitude]) * {"E": 1, "W": -1}[gps[ExifTags.GPS.GPSLongitudeRef].strip("\0 ")]
        )
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude]) * {"N": 1, "S": -1}[gps[ExifTags.GPS.GPSLatitudeRef].strip("\0 ")]
    except (*_BROKEN, AttributeError):  # a photo without a place, or with a broken one, is a photo
        return None, None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90) or (lon, lat) == (0.0, 0.0):
        return None, None
    return lon, lat


def _degrees(parts: tuple[float, float, float]) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600
