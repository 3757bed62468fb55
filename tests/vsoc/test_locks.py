#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hardware spinlocks: programs of Linux and the coprocessor's firmware exclude each other, and each dies with
one.

Usage: test_locks.py AMPHORA [--debug-kernel]"""
import os

import soc

FIRMWARE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))


class Locks(soc.TestCase):
    def test_both_count_under_a_lock_and_either_dies_with_one(self):
        ended = self.expect_no_report("lock-check", options=FIRMWARE)
        self.assertIn("20000 counted\n", ended.stdout)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")


if __name__ == "__main__":
    soc.main()
