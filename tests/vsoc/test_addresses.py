#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Device addresses: at those that the module gives, the coprocessor reads what Linux has written, and
Linux what the coprocessor has; for buffers of 4 KiB to 128 MiB, scattered and in one piece, and for
another dma-ranges. What it can't reach is refused.

Usage: test_addresses.py AMPHORA [--debug-kernel]"""
import os
import re

import soc

PROBE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))
WINDOW = (*PROBE, "--variant", "window")
LARGEST = (32 if soc.DEBUG else 128) << 20  # KASAN takes a good part of the memory
SECONDS = 900


class Addresses(soc.TestCase):
    def segments(self, source, largest, *arguments, options=()):
        """How many segments each size came in, by KiB. All sizes crossed."""
        ended = soc.run(*PROBE, *options, "--", "probe-addresses", source, str(largest), *arguments,
                        seconds=SECONDS)
        self.expect(ended, 0)
        self.assertIn("physical 0x40000000 is device address 0x80000000\n", ended.stdout)
        found = {int(kib): int(count) for kib, count in
                 re.findall(rf"^{source}: (\d+) KiB crossed in (\d+) segments", ended.stdout,
                            re.M)}
        sizes = [4 << i for i in range(16) if 4 << i <= largest >> 10]
        self.assertEqual(sorted(found), sizes)
        return found

    def test_scattered_buffers_of_the_system_heap_cross(self):
        self.assertGreater(self.segments("system", LARGEST)[LARGEST >> 10], 1)

    def test_buffers_of_the_cma_heap_cross_in_one_piece(self):
        self.assertEqual(set(self.segments("reserved", LARGEST).values()), {1})

    def test_pages_of_a_memfd_cross(self):
        self.segments("udmabuf", LARGEST, options=("--append", "udmabuf.size_limit_mb=128"))

    def test_buffers_of_thousands_of_segments_cross(self):
        largest = LARGEST // 2
        found = self.segments("system", largest, "fragmented", options=("--append", "cma=16M"))
        self.assertGreater(found[largest >> 10], 1000)

    def test_kernel_has_nothing_to_report_of_buffers_that_cross(self):
        for source in ("system", "reserved", "udmabuf"):
            self.expect_no_report("probe-addresses", source, str(1 << 20), options=PROBE)

    # A window smaller than the DRAM: vsoc/variants/window.dtsi

    def window(self, append, *arguments):
        ended = self.expect_no_report("probe-window", *arguments,
                                      options=(*WINDOW, "--append", append), seconds=SECONDS)
        self.assertIn("one outside is refused, at any place of a buffer\n", ended.stdout)
        self.assertRegex(ended.stdout, r"of the system heap: [1-9]\d* crossed, [1-9]\d* refused")

    def test_buffers_outside_of_a_smaller_window_are_refused(self):
        self.window("cma=16M@0x58000000")

    def test_buffers_outside_of_a_smaller_window_are_refused_not_bounced(self):
        # here swiotlb has room inside of the window, which a mapping could be bounced to
        self.window("cma=16M@0x58000000 swiotlb=40960", "Remote I/O error")

    def test_cma_heap_inside_of_a_smaller_window_crosses_and_outside_is_refused(self):
        largest = str(16 << 20)
        inside = soc.run(*WINDOW, "--append", "cma=32M@0x50000000", "--", "probe-addresses",
                         "reserved", largest, seconds=SECONDS)
        self.expect(inside, 0)
        self.assertIn("physical 0x48000000 is device address 0x90000000\n", inside.stdout)
        self.assertIn("reserved: 16384 KiB crossed in 1 segments, the first at 0x98",
                      inside.stdout)
        outside = soc.run(*WINDOW, "--append", "cma=32M@0x58000000", "--", "probe-addresses",
                          "reserved", largest, seconds=SECONDS)
        self.expect(outside, 1)
        # this heap says the first, whatever the DMA API said to it; or there was room for a copy
        self.assertRegex(outside.stdout,
                         "remote: attach: (Cannot allocate memory|Remote I/O error)")


if __name__ == "__main__":
    soc.main()
