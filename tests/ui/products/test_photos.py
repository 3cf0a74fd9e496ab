"""Photos of reports: only the picture is kept, and only pictures are taken."""

import hashlib
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from erosion.ui.products import photos
from erosion.ui.products.photos import PhotoError, read_photo, store_photo

SCRIPT = b"<script>alert(1)</script><?php system('id'); ?>"
HERE = {1: "N", 2: (10.0, 23.0, 9.6), 3: "E", 4: (105.0, 26.0, 6.0)}


def picture(kind="JPEG", gps=None, size=(40, 30), **options):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SECRET PHONE"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    out = BytesIO()
    image = Image.new("RGB", size, (200, 30, 30))
    image.putpixel((0, 0), (0, 0, 255))
    image.save(out, kind, exif=exif, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_place_is_read_and_nothing_but_the_picture_is_kept(kind):
    photo = read_photo(picture(kind, HERE) + SCRIPT)
    assert (photo.lat, photo.lon) == pytest.approx((10 + 23 / 60 + 9.6 / 3600, 105.435))
    kept = Image.open(BytesIO(photo.jpeg))
    assert kept.format == "JPEG" and kept.size == (40, 30) and not kept.getexif()
    assert b"SECRET" not in photo.jpeg and b"script" not in photo.jpeg and b"php" not in photo.jpeg
    assert photo.sha256 == hashlib.sha256(photo.jpeg).hexdigest()
    assert np.abs(np.asarray(kept)[20, 20].astype(int) - (200, 30, 30)).max() < 6


def test_a_comment_in_the_file_is_not_kept():
    assert b"script" not in read_photo(picture(comment=SCRIPT)).jpeg


def test_a_file_that_is_also_an_archive_is_one_no_more():
    both = BytesIO(picture())
    with zipfile.ZipFile(both, "a") as archive:
        archive.writestr("evil.html", SCRIPT)
    assert zipfile.is_zipfile(BytesIO(both.getvalue()))
    assert not zipfile.is_zipfile(BytesIO(read_photo(both.getvalue()).jpeg))


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {**HERE, 1: "X"},
        {**HERE, 2: (95.0, 0.0, 0.0)},
        {2: HERE[2], 4: HERE[4]},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
    ],
)
def test_a_place_that_is_none_is_left_out(gps):
    photo = read_photo(picture(gps=gps))
    assert (photo.lon, photo.lat) == (None, None)


def test_south_and_west_are_negative():
    photo = read_photo(picture(gps={**HERE, 1: "S", 3: "W"}))
    assert photo.lat < -10 and photo.lon < -105


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a" + bytes(100), SCRIPT, picture()[:300], picture("PNG")[:60], picture("GIF"), picture("BMP"), picture("TIFF")]
)  # fmt: skip
def test_what_is_no_picture_of_these_kinds_is_refused(content):
    with pytest.raises(PhotoError) as caught:
        read_photo(content)
    assert caught.value.key == "broken"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 10_000))
def test_damaged_files_are_pictures_or_refused(junk, kind, at):
    content = picture(kind, HERE)
    at %= len(content)
    damaged = content[:at] + junk + content[at + len(junk) :]
    try:
        photo = read_photo(damaged)
    except PhotoError:
        assert damaged != content
        return
    stored = Image.open(BytesIO(photo.jpeg))
    stored.load()
    assert stored.format == "JPEG" and not stored.getexif()


def test_too_many_bytes_or_pixels_are_refused(monkeypatch):
    with pytest.raises(PhotoError, match="large"):
        read_photo(picture() + bytes(photos.MOST_BYTES))
    wide = picture("PNG", size=(10_000, 5_001))
    assert len(wide) < 1_000_000
    with pytest.raises(PhotoError, match="large"):
        read_photo(wide)


def test_a_photo_is_stored_under_its_hash_and_whole(tmp_path):
    photo = read_photo(picture())
    path = store_photo(tmp_path, photo)
    assert path == tmp_path / "photos" / f"{photo.sha256}.jpg" and path.read_bytes() == photo.jpeg
    store_photo(tmp_path, photo)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
