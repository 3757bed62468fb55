#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Booted with swiotlb=force every mapping is a copy: the module refuses it, and where its test switch
lets it be one, a forgotten sync shows as stale data. The library and the tool forget none.

A bounce buffer has 256 KiB in one piece at most: so the pictures here are small.

Usage: test_swiotlb.py AMPHORA [--debug-kernel]"""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tool"))

import soc
import pngs

FORCE = ("--append", "swiotlb=49152,force cma=32M")
PROBE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))
ALLOW = "echo 1 >/sys/module/amphora/parameters/allow_bounce && "
USED = "cat /sys/kernel/debug/swiotlb/io_tlb_used_hiwater"


class Swiotlb(soc.TestCase):
    def test_each_sync_that_is_left_out_shows(self):
        ended = self.expect_no_report("probe-sync", options=(*PROBE, *FORCE))
        self.assertIn("refused without the switch\n", ended.stdout)
        for source in ("system", "reserved", "udmabuf"):
            self.assertIn(f"{source}: each sync that is left out shows\n", ended.stdout)

    def test_buffers_of_many_bounced_pieces_cross(self):
        ended = soc.run(*PROBE, *FORCE, "--", "sh", "-c",
                        ALLOW + f"probe-addresses udmabuf {8 << 20}")
        self.expect(ended, 0)
        self.assertIn("udmabuf: 8192 KiB crossed", ended.stdout)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return pngs.decode_grey8(file.read())

    def demo(self, *arguments, allow=ALLOW):
        with open(os.path.join(self.folder, "in.png"), "wb") as file:
            file.write(pngs.encode(300, 200, 0, 8, lambda x, y, c: (x * y) & 255))
        return soc.run("--share", self.folder, *FORCE, "--", "sh", "-c",
                       f"{allow} amphora demo --on remoteproc --output /share/out.png "
                       f"{' '.join(arguments)} && {USED}")

    def expect_bounced(self, ended):
        """The program was right, and what it shared was a copy."""
        self.expect(ended, 0)
        self.assertGreater(int(re.search(r"^(\d+)\s*\Z", ended.stdout, re.M)[1]), 0)

    def test_demo_forgets_no_sync(self):
        # what it takes back; its picture is there before it is attached, which copies it already
        ended = self.demo("--input", "/share/in.png")
        self.expect_bounced(ended)
        self.assertIn("all 60000 pixels are what the CPU finds", ended.stdout)

    def test_camera_forgets_no_sync(self):
        self.expect_bounced(self.demo("--camera", "--size", "320x180", "--frames", "10"))
        # a frame that was not synced for the coprocessor would come back as the black of before
        width, height, before = self.read("out-before.png")
        self.assertGreater(len(set(before)), 4)
        self.assertEqual(pngs.edges(before, width, height), self.read("out-after.png")[2])

    def test_demo_is_refused_without_the_switch(self):
        ended = self.demo("--input", "/share/in.png", allow="")
        self.expect(ended, 1)
        self.assertIn("copy", ended.stdout + ended.stderr)


if __name__ == "__main__":
    soc.main()
