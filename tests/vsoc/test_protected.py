#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Memory that Linux cannot map: its heap, its way to the coprocessor and back, and who is refused it.

Usage: test_protected.py AMPHORA [--debug-kernel]"""
import os

import soc

PROBE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))
CACHES = ("--variant", "caches")
ROUNDS = "5" if soc.DEBUG else "10"


class Protected(soc.TestCase):
    def test_heap_gives_buffers_that_no_program_can_touch(self):
        ended = self.expect_no_report("check-protected")
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def share(self, *options, arguments=()):
        ended = self.expect_no_report("protected-share", ROUNDS, *arguments, options=options)
        self.assertIn(f"{ROUNDS} protected buffers crossed, {int(ROUNDS) // 5} deaths, nothing left\n", ended.stdout)
        self.assertIn('provider "heap": no rule names both\n', ended.stdout)
        self.assertIn('provider "protected": rule 1 lets 2097152 bytes be attached at once, '
                      "this would make 2101248\n", ended.stdout)

    def test_firmware_works_on_buffers_that_linux_cannot_map(self):
        self.share()

    def test_nothing_is_synced_where_a_sync_is_real_work(self):
        self.share(*CACHES)

    def test_policy_that_wants_enforced_limits_is_kept_by_an_iommu_and_by_nothing_else(self):
        self.share("--variant", "iommu", arguments=("enforced",))
        ended = soc.run("--", "protected-share", "1", "enforced")
        self.expect(ended, 1)
        self.assertIn("attach: Permission denied: the policy wants limits that hardware enforces",
                      ended.stdout)

    def test_memory_of_the_dead_is_nobodys_until_the_coprocessor_is_off(self):
        for options in ((), CACHES):
            ended = self.expect_no_report("protected-death", "2", options=(*PROBE, *options))
            self.assertIn("2 applications died with protected memory, which came back empty\n",
                          ended.stdout)

    def test_copy_that_the_dma_api_would_make_is_refused(self):
        ended = soc.run("--append", "swiotlb=16384,force", "--", "protected-share", "1")
        self.expect(ended, 1)
        self.assertIn("attach: Remote I/O error", ended.stdout)

    def test_coprocessor_that_has_no_address_for_it_is_refused(self):
        ended = soc.run("--variant", "window", "--", "protected-share", "1")
        self.expect(ended, 1)
        self.assertIn("attach: Numerical result out of range", ended.stdout)

    def test_doctor_tells_of_the_heap(self):
        ended = soc.run("--", "amphora", "doctor")
        self.assertRegex(ended.stdout, r"heap protected,amphora.*protected memory")


if __name__ == "__main__":
    soc.main()
