#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The virtual SoC's Linux itself: the kernel's own test of dma-heaps, and the library's unit tests.

Not with the debugging kernel: it reports vgem, Linux's own, which maps longer segments than its device
says it can take. Usage: test_linux.py AMPHORA"""
import os
import re

import soc

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
# Each test program of the build for arm64, and how it ended; what it said when that was badly.
RUN_ALL = """
ls -d /share/build/vsoc/guest/tests/test_* | xargs -n 1 -P 2 sh -c '
    $0 >/tmp/log$$ 2>&1 && echo "passed $0" || { echo "failed $0"; cat /tmp/log$$; }'"""


class Linux(soc.TestCase):
    def test_kernel_s_own_test_of_dma_heaps_passes(self):
        """For the heaps of pages and of contiguous memory; nothing skipped, so with vgem's import.

        It maps every heap's buffers, and protected memory can't be mapped."""
        run = self.expect_no_report("sh", "-c", "rm /dev/dma_heap/protected,*; exec dmabuf-heap")
        self.assertIn("# Testing heap: system\n", run.stdout)
        self.assertIn("# Testing heap: reserved\n", run.stdout)
        self.assertEqual(run.stdout.count("Import buffer 0"), 2)
        self.assertIn("# Totals: pass:22 fail:0 xfail:0 xpass:0 skip:0 error:0", run.stdout)

    def test_library_s_unit_tests_pass_on_arm64_linux(self):
        there = [name for name in os.listdir(os.path.join(SOURCE, "tests/unit"))
                 if re.fullmatch(r"test_.*\.c", name)]
        run = soc.run("--share", SOURCE, "--", "sh", "-c", RUN_ALL, seconds=6 * soc.SECONDS)
        self.expect(run, 0)
        self.assertNotIn("failed /share", run.stdout, run.stdout)
        self.assertEqual(len(re.findall(r"^passed /share", run.stdout, re.M)), len(there))


if __name__ == "__main__":
    soc.main()
