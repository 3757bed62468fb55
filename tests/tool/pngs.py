# SPDX-License-Identifier: BSD-3-Clause
"""PNG pictures of every kind, made and read without any PNG library, and the edges they must give.

Written against the PNG specification and the demo's definition alone, so that it shares nothing with
the tool that it tests.
"""
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    if depth == 8:
        return bytes(samples)
    row, bits, held = bytearray(), 0, 0
    for sample in samples:
        held, bits = held << depth | sample, bits + depth
        if bits == 8:
            row.append(held)
            held = bits = 0
    if bits:
        row.append(held << (8 - bits))
    return bytes(row)


def encode(width, height, kind, depth, sample, palette=None, interlaced=False, transparency=None,
           idat=1 << 30):
    """sample(x, y, channel) gives raw samples of `depth` bits."""
    channels = CHANNELS[kind]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = bytearray()
    for x0, y0, dx, dy in passes:
        xs = range(x0, width, dx)
        if not xs:
            continue
        for y in range(y0, height, dy):
            raw.append(0)
            raw += pack_row([sample(x, y, c) for x in xs for c in range(channels)], depth)
    data = zlib.compress(bytes(raw), 6)
    out = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0,
                                                 int(interlaced)))
    if palette:
        out += chunk(b"PLTE", b"".join(bytes(color) for color in palette))
    if transparency:
        out += chunk(b"tRNS", transparency)
    for at in range(0, len(data), idat):
        out += chunk(b"IDAT", data[at:at + idat])
    return out + chunk(b"IEND", b"")


def grey_plane(width, height, kind, depth, sample, palette=None):
    """The luma plane as the demo defines it."""
    def eight(value):
        return value >> 8 if depth == 16 else value * 255 // ((1 << depth) - 1)

    def luma(r, g, b):
        return (77 * r + 150 * g + 29 * b + 128) >> 8

    plane = bytearray()
    for y in range(height):
        for x in range(width):
            if kind in (0, 4):
                plane.append(eight(sample(x, y, 0)))
            elif kind == 3:
                plane.append(luma(*palette[sample(x, y, 0)]))
            else:
                plane.append(luma(*(eight(sample(x, y, c)) for c in range(3))))
    return bytes(plane)


def edges(grey, width, height):
    out = bytearray(width * height)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            p = [[grey[(y + j) * width + x + i] for i in (-1, 0, 1)] for j in (-1, 0, 1)]
            gx = p[0][2] + 2 * p[1][2] + p[2][2] - p[0][0] - 2 * p[1][0] - p[2][0]
            gy = p[2][0] + 2 * p[2][1] + p[2][2] - p[0][0] - 2 * p[0][1] - p[0][2]
            out[y * width + x] = min(255, abs(gx) + abs(gy))
    return bytes(out)


def decode_grey8(data):
    """Reads an 8-bit grey PNG, all filters: (width, height, pixels)."""
    assert data[:8] == SIGNATURE, "no PNG signature"
    at, idat, header = 8, b"", None
    while at < len(data):
        length, = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(
            kind + body), "CRC of %r" % kind
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            idat += body
        at += 12 + length
    width, height, depth, color, _, _, interlace = header
    assert (depth, color, interlace) == (8, 0, 0), "not 8-bit grey: %r" % (header,)
    raw, pixels, above = zlib.decompress(idat), bytearray(), bytearray(width)
    assert len(raw) == height * (width + 1)
    for y in range(height):
        kind, row = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        if kind:
            for x in range(width):
                a, b, c = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
                p = a + b - c
                paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                row[x] = (row[x] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        pixels += row
        above = row
    return width, height, bytes(pixels)
