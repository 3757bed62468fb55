#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora demo on pictures of every kind gives exactly the specified pixels, and refuses the rest.

Usage: pictures.py AMPHORA COPROCESSOR"""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

import pngs

AMPHORA, COPROCESSOR = sys.argv[1], sys.argv[2]
RANDOM = random.Random(2019)


def demo(path, output, *more):
    begin = time.monotonic()
    run = subprocess.run([AMPHORA, "demo", "--coprocessor", COPROCESSOR, "--input", path,
                          "--output", output, *more], capture_output=True, text=True, timeout=60)
    return run, time.monotonic() - begin


class Pictures(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.input = os.path.join(self.folder.name, "in.png")
        self.output = os.path.join(self.folder.name, "out.png")

    def write(self, data):
        with open(self.input, "wb") as file:
            file.write(data)

    def check(self, width, height, kind, depth, **options):
        noise = {}

        def sample(x, y, c):
            key = (x, y, c)
            if key not in noise:
                noise[key] = RANDOM.getrandbits(depth)
            return noise[key]

        palette = options.get("palette")
        self.write(pngs.encode(width, height, kind, depth, sample, **options))
        run, _ = demo(self.input, self.output)
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(self.output, "rb") as file:
            found = pngs.decode_grey8(file.read())
        grey = pngs.grey_plane(width, height, kind, depth, sample, palette)
        self.assertEqual(found, (width, height, pngs.edges(grey, width, height)))

    def test_every_colour_type_and_depth_gives_the_specified_pixels(self):
        for kind, depths in pngs.DEPTHS.items():
            for depth in depths:
                palette = None
                if kind == 3:
                    palette = [[RANDOM.getrandbits(8) for _ in range(3)] for _ in range(1 << depth)]
                with self.subTest(kind=kind, depth=depth):
                    self.check(19, 11, kind, depth, palette=palette,
                               interlaced=RANDOM.random() < 0.5)

    def test_transparent_colours_are_pixels_like_others(self):
        palette = [[RANDOM.getrandbits(8) for _ in range(3)] for _ in range(16)]
        for kind, depth, transparency in ((0, 8, b"\0\x80"), (2, 8, b"\0\1\0\2\0\3"),
                                          (3, 4, b"\0\x10\x20")):
            with self.subTest(kind=kind):
                self.check(9, 9, kind, depth, transparency=transparency,
                           palette=palette if kind == 3 else None)

    def test_every_small_size_gives_the_specified_pixels(self):
        for width, height in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (1, 3), (3, 3), (4, 3),
                              (5, 64), (65, 7), (257, 3)):
            with self.subTest(width=width, height=height):
                self.check(width, height, 0, 8)

    def test_longest_rows_and_columns(self):
        self.check(8192, 3, 0, 8)
        self.check(3, 8192, 2, 8, idat=1000)

    def refused(self, *needles):
        run, seconds = demo(self.input, self.output)
        self.assertEqual(run.returncode, 2, run.stdout + run.stderr)
        self.assertLess(seconds, 1)
        for needle in needles:
            self.assertIn(needle, run.stderr)
        self.assertFalse(os.path.exists(self.output))

    def test_what_is_no_png_is_refused(self):
        for data in (b"", b"\x89PNG", b"GIF89a" * 100, b"\xff\xd8\xff" + bytes(5000)):
            self.write(data)
            self.refused(self.input, "not a PNG")
        os.unlink(self.input)
        self.refused(self.input, "No such file")
        os.mkdir(self.input)
        self.refused(self.input, "not a regular file")
        os.rmdir(self.input)

    def test_a_picture_that_is_too_large_is_refused(self):
        for width, height in ((8193, 1), (1, 8193), (0x7fffffff, 0x7fffffff), (0, 5)):
            data = pngs.encode(1, 1, 0, 8, lambda x, y, c: 0)
            header = data[16:24]
            size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
            self.write(data[:8] + pngs.chunk(b"IHDR", size + data[24:29]) + data[33:])
            self.assertNotEqual(header, size)
            self.refused(self.input, str(width))

    def test_a_file_that_is_cut_short_is_refused(self):
        data = pngs.encode(64, 64, 6, 16, lambda x, y, c: RANDOM.getrandbits(16), idat=5000)
        for cut in sorted(RANDOM.sample(range(9, len(data)), 12)) + [len(data) - 1]:
            with self.subTest(cut=cut):
                self.write(data[:cut])
                self.refused(self.input, "cut short")

    def test_damage_inside_is_refused(self):
        data = bytearray(pngs.encode(64, 64, 0, 8, lambda x, y, c: RANDOM.getrandbits(8)))
        data[200] ^= 0x40
        self.write(data)
        self.refused(self.input, "IDAT")

    def test_json_says_what_the_table_says(self):
        self.write(pngs.encode(100, 50, 2, 8, lambda x, y, c: (x * 3 + y * c) & 255))
        run, _ = demo(self.input, self.output, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        report = json.loads(run.stdout)
        self.assertIs(report["verified"], True)
        self.assertEqual(report["coprocessor"]["kind"], COPROCESSOR)
        self.assertEqual(report["copied"]["picture_bytes"], 0)
        self.assertGreater(report["copied"]["messages"], 0)
        self.assertGreaterEqual(report["buffer"]["size"], 2 * 100 * 50)
        segments = report["buffer"]["segments"]
        self.assertEqual(sum(segment["length"] for segment in segments), report["buffer"]["size"])
        for segment in segments:
            self.assertNotEqual(segment["pa"], segment["da"])

    def test_a_picture_by_the_queue_has_the_same_edges(self):
        self.write(pngs.encode(321, 123, 2, 8, lambda x, y, c: (x * y + c * 77) & 255))
        found = {}
        for way, options in (("messages", ()), ("queue", ("--queue",))):
            run, _ = demo(self.input, self.output, "--json", *options)
            self.assertEqual(run.returncode, 0, run.stderr)
            report = json.loads(run.stdout)
            self.assertIs(report["verified"], True)
            self.assertEqual(report["buffer"]["handed_over"], way)
            self.assertEqual(report["copied"]["picture_bytes"], 0)
            with open(self.output, "rb") as file:
                found[way] = file.read()
        self.assertEqual(found["queue"], found["messages"])
        run, _ = demo(self.input, self.output, "--queue")
        self.assertIn("handed over  by a queue in shared memory\n", run.stdout)
        run, _ = demo(self.input, self.output)
        self.assertIn("handed over  by messages\n", run.stdout)

    def test_bad_usage_is_exit_2(self):
        for arguments in (["--on", "vsoc", "--camera", "--queue"], ["--coprocessor", "z80"], ["--no-such-option"], ["extra"]):
            run = subprocess.run([AMPHORA, "demo", *arguments], capture_output=True, text=True,
                                 timeout=10)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertTrue(run.stderr)

    def test_what_happens_between_give_and_return_shows_in_the_result(self):
        """A program from outside changes the shared DRAM at the reported address."""
        width, height = 40, 30
        self.write(pngs.encode(width, height, 0, 8, lambda x, y, c: 7))
        poke = os.path.join(self.folder.name, "poke.py")
        with open(poke, "w", encoding="ascii") as file:
            file.write("import os\n"
                       "offset = int(os.environ['AMPHORA_DA'], 0) - "
                       "int(os.environ['AMPHORA_DRAM_DA'], 0)\n"
                       "with open(os.environ['AMPHORA_DRAM'], 'r+b') as dram:\n"
                       "    dram.seek(offset + 15 * %d + 20)\n"
                       "    assert dram.read(1) == b'\\x07'\n"
                       "    dram.seek(-1, 1)\n"
                       "    dram.write(b'\\xff')\n" % width)
        run, _ = demo(self.input, self.output, "--after-give", sys.executable + " " + poke)
        self.assertEqual(run.returncode, 0, run.stderr)
        grey = bytearray(b"\7" * width * height)
        grey[15 * width + 20] = 255
        with open(self.output, "rb") as file:
            found = pngs.decode_grey8(file.read())
        self.assertEqual(found, (width, height, pngs.edges(bytes(grey), width, height)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
