#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The probe firmware: an instrument that other tests rely on.

Usage: test_probe.py AMPHORA [--debug-kernel]"""
import os

import soc

FIRMWARE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))


class Probe(soc.TestCase):
    def test_probe_does_what_it_is_told(self):
        ended = self.expect_no_report("probe-check", options=FIRMWARE)
        self.assertIn("marks_come_from_a_firmware_that_hangs_until_it_is_off\n", ended.stdout)
        self.assertNotIn("failed", ended.stdout)


if __name__ == "__main__":
    soc.main()
