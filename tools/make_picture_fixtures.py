#!/usr/bin/env python3
"""Makes pictures of all kinds with Pillow, and says what each looks like.

  make_picture_fixtures.py FOLDER [COUNT]   (1000; needs pillow and numpy)

Beside each picture NAME lies NAME.expected: width and height as 32-bit numbers, then the samples of RGB as 16-bit
numbers (65535 is white), all little-endian: the picture as Pillow reads it, turned as EXIF says, laid over white. Where
a picture is damaged in a way that Pillow refuses and viewers do not mind, it is what Pillow read before the damage.
The same count gives the same pictures. tests/io/pictures holds those of `make_picture_fixtures.py tests/io/pictures 72`.
"""

import io
import pathlib
import random
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps


def pixels(rng, width, height, channels, top=255):
    """Waves and a little noise: what lossy formats can hold and palettes can not."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        a, b, c = (rng.uniform(0.05, 0.9) for _ in range(3))
        wave = np.sin(a * x + b * y + 6 * c) * 0.45 + 0.5
        noise = np.array([[rng.uniform(-0.05, 0.05) for _ in range(width)] for _ in range(height)])
        planes.append(np.clip(wave + noise, 0, 1) * top)
    return np.rint(np.stack(planes, axis=2))


def picture(rng, mode, width=None, height=None):
    width, height = width or rng.randint(1, 24), height or rng.randint(1, 24)
    if mode == "I;16":
        return Image.fromarray(pixels(rng, width, height, 1, 65535)[..., 0].astype(np.uint16))
    if mode == "1":
        return Image.fromarray(pixels(rng, width, height, 1)[..., 0].astype(np.uint8)).convert("1")
    if mode == "P":
        return picture(rng, "RGB", width, height).quantize(rng.choice([2, 4, 16, 200]))
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    data = pixels(rng, width, height, channels).astype(np.uint8)
    return Image.fromarray(data[..., 0] if channels == 1 else data, mode)


def over_white(samples, top):
    """Samples of 0 to `top`: grey, grey and alpha, RGB or RGBA."""
    values = samples.astype(np.float64) / top
    alpha = values[..., -1:] if values.shape[2] % 2 == 0 else np.ones(values.shape[:2] + (1,))
    colours = values[..., : values.shape[2] - 1 + values.shape[2] % 2]
    shown = np.rint((colours * alpha + 1 - alpha) * 65535).astype(np.uint16)
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown


def shown(data):
    """What Pillow shows: [height, width, 3] of 16 bits."""
    image = Image.open(io.BytesIO(data))
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B", "I"):
        grey = np.asarray(image).astype(np.uint16)
        return np.stack([grey] * 3, axis=2)
    rgba = image.convert("RGBA") if image.mode != "CMYK" else image.convert("RGB").convert("RGBA")
    return over_white(np.asarray(rgba), 255)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(rng):
    data = Image.Exif()
    data[0x0112] = rng.randint(1, 8)
    return data


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


# ------------------------------------------------------------------------------------------ PNG


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def raw_png(rng, depth, color, interlaced):
    """A PNG of any depth and colour type, byte by byte: Pillow writes few of them."""
    width, height = rng.randint(1, 24), rng.randint(1, 24)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    data = pixels(rng, width, height, channels, (1 << depth) - 1).astype(np.int64)

    def rows(part):
        out = b""
        for row in part:
            bits = "".join(format(v, f"0{depth}b") for v in row.flatten())
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        return out

    if interlaced:
        parts = [data[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        body = b"".join(rows(part) for part in parts if part.size)
    else:
        body = rows(data)
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    palette = b""
    if color == 3:
        count = 1 << depth
        palette = chunk(b"PLTE", bytes(rng.randrange(256) for _ in range(3 * count)))
        if rng.random() < 0.5:
            palette += chunk(b"tRNS", bytes(rng.randrange(256) for _ in range(rng.randint(1, count))))
    packed = zlib.compress(body)
    cut = rng.randint(0, len(packed))
    idat = chunk(b"IDAT", packed[:cut]) + chunk(b"IDAT", packed[cut:])
    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + idat + chunk(b"IEND", b"")
    return (made, over_white(data, 65535)) if depth == 16 else made


def png_plain(rng):
    mode = rng.choice(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
    options = {"optimize": rng.random() < 0.3}
    if rng.random() < 0.3 and mode in ("RGB", "RGBA"):
        options["icc_profile"] = SRGB
    if rng.random() < 0.2:
        options["gamma"] = 0.45
    return saved(picture(rng, mode), "PNG", **options)


def png_raw(rng):
    depth, color = rng.choice(
        [(d, 0) for d in (1, 2, 4, 8, 16)] + [(d, 3) for d in (1, 2, 4, 8)] + [(d, c) for d in (8, 16) for c in (2, 4, 6)]
    )
    return raw_png(rng, depth, color, rng.random() < 0.5)


def png_turned(rng):
    return saved(picture(rng, rng.choice(["L", "RGB", "RGBA"])), "PNG", exif=exif(rng))


def png_key(rng):
    image = picture(rng, rng.choice(["L", "RGB"]))
    return saved(image, "PNG", transparency=image.getpixel((0, 0)))


def png_film(rng):
    size = (rng.randint(2, 16), rng.randint(2, 16))
    frames = [picture(rng, "RGB", *size) for _ in range(3)]
    return saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


def png_odd(rng):
    """Damage that no viewer minds."""
    good = saved(picture(rng, rng.choice(["L", "RGB", "RGBA", "P"])), "PNG")
    at = good.index(b"IHDR") + 21  # after IHDR, with its checksum
    extras = [
        chunk(b"tEXt", b"Title\0nothing", crc=1),
        chunk(b"iCCP", b"odd\0\0nonsense"),
        chunk(b"iCCP", b"lab\0\0" + zlib.compress(LAB)),
        chunk(b"gAMA", b"\0\0\0\0"),
        chunk(b"zzZz", bytes(rng.randrange(256) for _ in range(50)), crc=7),
        chunk(b"tEXt", b"Long\0" + b"x" * 2_000_000),
        b"".join(chunk(b"tEXt", b"Many%d\0x" % i) for i in range(300)),
        chunk(b"zTXt", b"Bomb\0\0" + zlib.compress(b"x" * 5_000_000)),
    ]
    odd = good[:at] + rng.choice(extras) + good[at:]
    if rng.random() < 0.5:
        odd += bytes(rng.randrange(256) for _ in range(20))
    return odd, good


def png_surplus(rng):
    """Compressed data that go on after the last row."""
    good = saved(picture(rng, "RGB"), "PNG")
    head, rest = good[: good.index(b"IDAT") - 4], good[good.index(b"IDAT") - 4 :]
    size = struct.unpack(">I", rest[:4])[0]
    body = zlib.decompress(rest[8 : 8 + size]) + b"surplus"
    return head + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""), good


# ----------------------------------------------------------------------------------------- JPEG


def jpeg(rng, mode=None, **more):
    mode = mode or rng.choice(["L", "RGB", "CMYK"])
    options = {"quality": rng.choice([30, 75, 95, 100]), "progressive": rng.random() < 0.4}
    if mode == "RGB":
        options["subsampling"] = rng.choice(["4:4:4", "4:2:2", "4:2:0"])
    if rng.random() < 0.3:
        options["restart_marker_blocks"] = rng.randint(1, 3)
    if rng.random() < 0.3 and mode == "RGB":
        options["icc_profile"] = SRGB
    return saved(picture(rng, mode), "JPEG", **options, **more)


def jpeg_turned(rng):
    return jpeg(rng, rng.choice(["L", "RGB"]), exif=exif(rng))


def jpeg_ycck(rng):
    data = jpeg(rng, "CMYK")
    at = data.index(b"Adobe") + 11  # the transform
    return data[:at] + b"\2" + data[at + 1 :]


def jpeg_odd(rng):
    good = jpeg(rng, rng.choice(["L", "RGB"]))
    start, end = good[:2], good[-2:]
    middle = good[2:-2]
    odd = [
        start + middle + b"\0" * 65 + end,
        start + middle + end + b"trailing bytes",
        start + middle + b"\xff\xff\xff" + end,
        start + b"\xff\xe0\0\x10JFIF\0\7\7\1\0\x48\0\x48\0\0" + middle[18:] + end,
        start + middle[18:] + end,  # no JFIF
        start + b"\xff\xfe\0\6text" * 300 + middle + end,
        start + b"\xff\xe2\0\x10ICC_PROFILE\0\1" + middle + end,
    ]
    return rng.choice(odd), good


# ------------------------------------------------------------------------------------------ BMP


def bmp_plain(rng):
    return saved(picture(rng, rng.choice(["1", "L", "P", "RGB", "RGBA"])), "BMP")


def bmp_header(width, height, bits, compression, colours=0, masks=b"", palette=b"", body=b""):
    offset = 14 + 40 + len(masks) + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + masks + palette + body


def bmp_masks(rng):
    width, height = rng.randint(1, 24), rng.randint(1, 24)
    bits, masks = rng.choice(
        [
            (16, (0xF800, 0x07E0, 0x001F)),
            (16, (0x7C00, 0x03E0, 0x001F)),
            (16, None),
            (32, (0xFF0000, 0xFF00, 0xFF)),
            (32, None),
        ]
    )
    row = width * bits // 8
    row += -row % 4
    body = bytes(rng.randrange(256) for _ in range(row * height))
    packed = b"" if masks is None else struct.pack("<III", *masks)
    return bmp_header(width, rng.choice([height, -height]), bits, 3 if masks else 0, 0, packed, b"", body)


def bmp_runs(rng):
    width, height = rng.randint(1, 24), rng.randint(1, 24)
    bits = rng.choice([4, 8])
    colours = 1 << bits
    palette = b"".join(bytes(rng.randrange(256) for _ in range(3)) + b"\0" for _ in range(colours))
    body = b""
    for _ in range(height):
        left = width
        while left > 0:
            if left >= 3 and rng.random() < 0.5:
                count = min(left, rng.randint(3, 9))
                literal = bytes(rng.randrange(256) for _ in range(count if bits == 8 else (count + 1) // 2))
                body += bytes([0, count]) + literal + b"\0" * (len(literal) % 2)
            else:
                count = min(left, rng.randint(1, 9))
                body += bytes([count, rng.randrange(256)])
            left -= count
        body += b"\0\0"
    body += b"\0\1"
    return bmp_header(width, height, bits, 1 if bits == 8 else 2, colours, b"", palette, body)


def bmp_core(rng):
    width, height, bits = rng.randint(1, 24), rng.randint(1, 24), rng.choice([1, 4, 8, 24])
    row = (width * bits + 31) // 32 * 4
    palette = b"" if bits == 24 else bytes(rng.randrange(256) for _ in range(3 << bits))
    offset = 26 + len(palette)
    body = bytes(rng.randrange(256) for _ in range(row * height))
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    return head + struct.pack("<IHHHH", 12, width, height, 1, bits) + palette + body


# -------------------------------------------------------------------------------- GIF, WebP, TIFF


def gif_plain(rng):
    image = picture(rng, rng.choice(["1", "L", "P"]))
    options = {"interlace": rng.random() < 0.5}
    if rng.random() < 0.3:
        options["transparency"] = 0
    return saved(image, "GIF", **options)


def gif_film(rng):
    size = (rng.randint(2, 20), rng.randint(2, 20))
    frames = [picture(rng, "P", *size) for _ in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0) + b"more"


def gif_offset(rng):
    """A frame that covers a part of its canvas."""
    data = bytearray(saved(picture(rng, "P", 5, 4), "GIF", interlace=False))
    struct.pack_into("<HH", data, 6, 9, 8)
    at = data.index(b",\0\0\0\0\5\0\4\0")
    struct.pack_into("<HH", data, at + 1, 2, 3)
    return bytes(data)


def webp_plain(rng):
    options = {"lossless": rng.random() < 0.5, "quality": rng.choice([50, 90]), "exact": True}
    if rng.random() < 0.4:
        options["exif"] = exif(rng)
    return saved(picture(rng, rng.choice(["RGB", "RGBA"])), "WEBP", **options)


def webp_film(rng):
    size = (rng.randint(2, 20), rng.randint(2, 20))
    frames = [picture(rng, rng.choice(["RGB", "RGBA"]), *size) for _ in range(3)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True)


def tiff_plain(rng):
    mode = rng.choice(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
    compression = rng.choice([None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    if mode == "1" and rng.random() < 0.5:
        compression = rng.choice(["group3", "group4"])
    return saved(picture(rng, mode), "TIFF", compression=compression)


def tiff_jpeg(rng):
    return saved(picture(rng, rng.choice(["L", "RGB"]), 16, 16), "TIFF", compression="jpeg")


def tiff_turned(rng):
    return saved(picture(rng, rng.choice(["L", "RGB", "P"])), "TIFF", tiffinfo={0x0112: rng.randint(1, 8)})


def tiff_pages(rng):
    frames = [picture(rng, "RGB") for _ in range(2)]
    return saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])


KINDS = [
    (png_plain, ".png"), (png_raw, ".png"), (png_turned, ".png"), (png_key, ".png"), (png_film, ".png"), (png_odd, ".png"),
    (png_surplus, ".png"), (jpeg, ".jpg"), (jpeg_turned, ".jpg"), (jpeg_ycck, ".jpg"), (jpeg_odd, ".jpg"),
    (bmp_plain, ".bmp"), (bmp_masks, ".bmp"), (bmp_runs, ".bmp"), (bmp_core, ".bmp"), (gif_plain, ".gif"),
    (gif_film, ".gif"), (gif_offset, ".gif"), (webp_plain, ".webp"), (webp_film, ".webp"), (tiff_plain, ".tif"),
    (tiff_jpeg, ".tif"), (tiff_turned, ".tif"), (tiff_pages, ".tif"),
]  # fmt: skip


def main():
    folder = pathlib.Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        make, ending = KINDS[i % len(KINDS)]
        made = make(random.Random(i))
        data, good = made if isinstance(made, tuple) else (made, made)
        expected = good if isinstance(good, np.ndarray) else shown(good)
        name = f"{make.__name__}-{i}{ending}"
        (folder / name).write_bytes(data)
        head = struct.pack("<II", expected.shape[1], expected.shape[0])
        (folder / (name + ".expected")).write_bytes(head + expected.astype("<u2").tobytes())


if __name__ == "__main__":
    main()
