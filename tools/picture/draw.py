#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the picture that ships with Amphora: a jar with two handles. Usage: draw.py FILE.png"""
import math
import struct
import sys
import zlib

WIDTH, HEIGHT = 1280, 960
# half width of the jar at heights from the rim (0) to the foot (1)
PROFILE = [(0.00, 92), (0.03, 96), (0.05, 70), (0.16, 58), (0.24, 84), (0.34, 168), (0.44, 206),
           (0.52, 210), (0.64, 182), (0.78, 118), (0.90, 60), (0.95, 44), (0.955, 70), (1.00, 76)]
TOP, BOTTOM, MIDDLE = 110, 850, WIDTH / 2


def half_width(y):
    t = (y - TOP) / (BOTTOM - TOP)
    if t < 0 or t > 1:
        return 0.0
    for (a, wa), (b, wb) in zip(PROFILE, PROFILE[1:]):
        if a <= t <= b:
            s = (t - a) / (b - a)
            return wa + (wb - wa) * s * s * (3 - 2 * s)
    return 0.0


def background(x, y):
    light = 0.75 + 0.25 * math.exp(-((x - 420) ** 2 + (y - 300) ** 2) / 4e5)
    if y > 800:
        board = 0.9 if (x + (y - 800) * (x - MIDDLE) // 400) // 90 % 2 else 0.8
        return (150 * board, 112 * board, 78 * board)
    return (206 * light, 214 * light, 204 * light)


def on_handle(x, y):
    dx, dy = (abs(x - MIDDLE) - 92) / 100, (y - 292) / 116
    ring = math.hypot(dx, dy)
    return 0.80 < ring < 1.0 and abs(x - MIDDLE) > 60


def clay(x, y, w):
    u = (x - MIDDLE) / w
    shade = 0.35 + 0.65 * max(0.0, math.sqrt(max(0.0, 1 - u * u)) * 0.8 - u * 0.35)
    color = (196, 104, 58)
    t = (y - TOP) / (BOTTOM - TOP)
    angle = math.asin(max(-1, min(1, u))) / math.pi * 24
    if 0.36 < t < 0.40 or 0.60 < t < 0.64:  # key pattern
        cell = math.floor(angle * 2) % 4
        color = (44, 30, 28) if cell in (0, 1) or t % 0.02 < 0.006 else color
    elif 0.41 < t < 0.59:  # waves
        wave = 0.5 + 0.045 * math.sin(angle * 1.7)
        if abs(t - wave) < 0.012 or abs(t - wave - 0.035) < 0.006:
            color = (44, 30, 28)
    elif t > 0.80 and angle % 2 < 1 and t < 0.9:
        color = (44, 30, 28)
    glaze = 60 * math.exp(-((u + 0.45) ** 2) / 0.01) * (1 if t > 0.2 else 0.4)
    return tuple(min(255, c * shade + glaze) for c in color)


def pixel(x, y):
    w = half_width(y)
    if w and abs(x - MIDDLE) <= w:
        return clay(x, y, w)
    if on_handle(x, y):
        return tuple(c * (0.85 - 0.3 * (x > MIDDLE)) for c in (170, 92, 52))
    shadow = ((x - MIDDLE - 120) / 300) ** 2 + ((y - 862) / 26) ** 2
    color = background(x, y)
    return tuple(c * 0.6 for c in color) if shadow < 1 else color


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def main():
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(1)  # filter Sub
        last = (0, 0, 0)
        for x in range(WIDTH):
            color = tuple(int(c) for c in pixel(x, y))
            rows += bytes((a - b) & 255 for a, b in zip(color, last))
            last = color
    with open(sys.argv[1], "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" +
                   chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    main()
