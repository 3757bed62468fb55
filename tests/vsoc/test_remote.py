#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The library's plug-ins for Linux's remote processors: pictures in dma-heap buffers, attached through
/dev/amphora, worked on by the coprocessor and brought back, also out of its death.

Usage: test_remote.py AMPHORA [--debug-kernel]"""
import re

import soc


class Remote(soc.TestCase):
    def test_pictures_cross_in_heap_buffers_and_survive_the_firmwares_death(self):
        ended = soc.run("--", "share-picture", "20")
        self.expect(ended, 0)
        self.assertRegex(ended.stdout, r"20 pictures, \d+ bytes worked on, up to \d+ segments, "
                                       r"4 deaths, nothing left\n")
        # the system heap's buffers are in pieces, or this tests less than it says
        self.assertGreater(int(re.search(r"up to (\d+) segments", ended.stdout)[1]), 1)

    def test_ranges_cross_by_a_queue_and_survive_the_firmwares_death(self):
        ended = soc.run("--", "share-queue", "4000")
        self.expect(ended, 0)
        found = re.search(r"(\d+) ranges by a queue, in up to (\d+) segments, 1 death, nothing left\n",
                          ended.stdout)
        self.assertTrue(found, ended.stdout)
        self.assertGreaterEqual(int(found[1]), 8000)
        self.assertGreater(int(found[2]), 1)

    def test_queue_to_a_coprocessor_without_coherence_needs_memory_without_maintenance(self):
        ended = soc.run("--variant", "caches", "--", "share-queue", "4000", "coherent")
        self.expect(ended, 0)
        self.assertRegex(ended.stdout, r"\d+ ranges by a queue, .* 1 death, nothing left\n")
        ended = soc.run("--variant", "caches", "--", "share-queue", "4000")
        self.expect(ended, 1)
        self.assertIn("a queue needs uncached memory", ended.stdout)

    def test_remoteproc_is_installed_started_crashed_recovered_and_stopped(self):
        ended = soc.run("--", "remote-life")
        self.expect(ended, 0)
        self.assertIn("crashed, was recovered and stopped; nothing left\n", ended.stdout)

    def test_no_sync_is_forgotten_where_every_mapping_is_a_copy(self):
        # the module's switch lets it bounce: what is not synced stays what it was
        ended = soc.run("--append", "swiotlb=16384,force", "--", "sh", "-c",
                        "echo 1 >/sys/module/amphora/parameters/allow_bounce && share-picture 20 small")
        self.expect(ended, 0)
        self.assertIn("4 deaths, nothing left\n", ended.stdout)
        # and without it is refused
        ended = soc.run("--append", "swiotlb=16384,force", "--", "share-picture", "1", "small")
        self.expect(ended, 1)
        self.assertIn("attach: the processor could reach it only through a bounce buffer",
                      ended.stdout)

    def test_kernel_has_nothing_to_report(self):
        self.expect_no_report("share-picture", "10", seconds=1200)
        self.expect_no_report("share-queue", "400", seconds=1200)
        self.expect_no_report("share-queue", "400", "coherent", seconds=1200,
                              options=("--variant", "caches"))


if __name__ == "__main__":
    soc.main()
