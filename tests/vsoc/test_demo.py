#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora demo --on vsoc: the picture, and a camera's frames, through Linux's own remoteproc, RPMsg bus
and heaps. usage: test_demo.py AMPHORA [--debug-kernel]"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tool"))

import soc
import pngs

OPTIONS = ["--debug-kernel"] if soc.DEBUG else []


def demo(*arguments, seconds=soc.SECONDS):
    return subprocess.run([soc.AMPHORA, "demo", "--on", "vsoc", *OPTIONS, *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds)


class Demo(soc.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(suffix=" with, odd name")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        """Width, height and the grey pixels of a PNG that amphora wrote."""
        with open(self.path(name), "rb") as file:
            return pngs.decode_grey8(file.read())

    def test_picture_crosses_and_comes_back_verified(self):
        ended = demo("--output", self.path("edges.png"), "--json")
        self.expect(ended, 0)
        report = json.loads(ended.stdout)
        self.assertTrue(report["verified"])
        self.assertEqual(report["copied"]["picture_bytes"], 0)
        self.assertGreater(report["copied"]["messages"], 0)
        self.assertEqual(report["picture"]["output"], self.path("edges.png"))
        total = sum(segment["length"] for segment in report["buffer"]["segments"])
        self.assertEqual(total, report["buffer"]["size"])
        # the device tree moves the DRAM from 0x40000000 to 0x80000000
        for segment in report["buffer"]["segments"]:
            self.assertGreaterEqual(int(segment["da"], 0), 0x80000000)
        self.assertEqual(os.listdir(self.folder), ["edges.png"])

    def test_picture_crosses_in_scattered_memory(self):
        ended = demo("--output", self.path("edges.png"), "--heap", "system", "--json")
        self.expect(ended, 0)
        self.assertTrue(json.loads(ended.stdout)["verified"])

    def test_picture_crosses_by_a_queue(self):
        ended = demo("--output", self.path("edges.png"), "--queue", "--json")
        self.expect(ended, 0)
        report = json.loads(ended.stdout)
        self.assertTrue(report["verified"])
        self.assertEqual(report["buffer"]["handed_over"], "queue")

    def test_same_edges_as_without_linux_in_the_middle(self):
        self.expect(demo("--output", self.path("there.png")), 0)
        here = subprocess.run([soc.AMPHORA, "demo", "--output", self.path("here.png")],
                              capture_output=True, text=True, timeout=soc.SECONDS)
        self.assertEqual(here.returncode, 0, here.stderr)
        self.assertEqual(self.read("there.png"), self.read("here.png"))

    def test_camera_frames_cross_without_a_copy(self):
        ended = demo("--camera", "--frames", "30", "--output", self.path("frame.png"), "--json")
        self.expect(ended, 0)
        report = json.loads(ended.stdout)
        self.assertTrue(report["verified"])
        self.assertEqual(report["camera"]["frames"], 30)
        self.assertGreaterEqual(report["camera"]["verified_frames"], 3)
        self.assertGreater(report["camera"]["frames_per_second"], 0)
        self.assertEqual(report["copied"]["picture_bytes"], 0)
        self.assertEqual(sorted(os.listdir(self.folder)), ["frame-after.png", "frame-before.png"])
        before, after = self.read("frame-before.png"), self.read("frame-after.png")
        self.assertEqual(before[:2], (640, 480))
        self.assertEqual(after[:2], (640, 480))
        self.assertGreater(len(set(before[2])), 4)  # a picture, not an empty buffer
        self.assertNotEqual(before[2], after[2])

    def test_camera_says_its_frame_rate(self):
        ended = demo("--camera", "--frames", "10", "--size", "320x180", "--output",
                     self.path("frame.png"))
        self.expect(ended, 0)
        self.assertRegex(ended.stdout, re.compile(
            r"^frames +10 in \d+\.\d\d s: \d+\.\d a second, in 4 buffers", re.M))
        self.assertRegex(ended.stdout, re.compile(r"^copied +0 bytes", re.M))

    def test_size_no_camera_has_is_refused(self):
        ended = demo("--camera", "--size", "333x77", "--output", self.path("frame.png"))
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertIn("no whole frames of 333 x 77 pixels", ended.stdout + ended.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_input_that_is_no_picture_is_refused_before_anything_starts(self):
        with open(self.path("no.png"), "w", encoding="ascii") as file:
            file.write("no picture")
        ended = demo("--input", self.path("no.png"), "--output", self.path("out.png"))
        self.assertEqual(ended.returncode, 2, ended.stdout + ended.stderr)
        self.assertIn("no.png", ended.stderr)
        self.assertEqual(os.listdir(self.folder), ["no.png"])

    def test_output_that_cannot_be_written_is_said_and_nothing_is_left(self):
        ended = demo("--output", self.path("no/such/folder.png"))
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertIn("no/such/folder.png", ended.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_output_may_be_a_device(self):
        self.expect(demo("--output", "/dev/null"), 0)

    def test_heap_that_is_not_there_is_named(self):
        ended = demo("--heap", "nonesuch", "--output", self.path("out.png"))
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertIn("nonesuch", ended.stdout + ended.stderr)


if __name__ == "__main__":
    soc.main()
