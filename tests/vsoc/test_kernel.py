#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel module by itself: each call of /dev/amphora, with the probe firmware as the other side.

Usage: test_kernel.py AMPHORA [--debug-kernel]"""
import os

import soc

FIRMWARE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))


class Kernel(soc.TestCase):
    def test_every_call_does_what_its_header_says(self):
        ended = self.expect_no_report("attach-check", options=FIRMWARE)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_driver_shares_a_buffer_from_inside_the_kernel(self):
        ended = self.expect_no_report("sample-check", options=FIRMWARE)
        self.assertRegex(ended.stdout, r"(?m)^3 checks, 0 failed$")

    def test_end_of_a_life_frees_what_it_proves(self):
        ended = self.expect_no_report("life-check", options=(*FIRMWARE, "--early"))
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_iommu_domain_of_its_own_limits_a_remote(self):
        ended = self.expect_no_report("iommu-check", options=(
            "--edu", "--iommu=smmuv3", "--append=iommu.passthrough=1"))
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_ranges_behind_caches_are_whole_lines(self):
        ended = self.expect_no_report("caches-check", options=(*FIRMWARE, "--variant=caches"))
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")


if __name__ == "__main__":
    soc.main()
