#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A device behind an IOMMU, through VFIO: it shares buffers like every target, and reaches nothing
else.

Usage: test_vfio.py AMPHORA [--debug-kernel]"""
import os

import soc

PROBE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))
FAULT = {"smmuv3": r"arm-smmu-v3 \S+ event 0x1[03] received",
         "virtio": r"virtio_iommu \S+ page fault from EP \d+"}


class Vfio(soc.TestCase):
    def share(self, iommu):
        ended = self.expect_no_report("edu-share", options=("--iommu", iommu, "--edu"))
        for moved in ("chosen IOVA", "given IOVA", "udmabuf"):
            self.assertRegex(ended.stdout, rf"(?m)^{moved}: the device read and wrote 8192 bytes")
        self.assertRegex(ended.stdout, r"(?m)^given IOVA: .* at 0x123000\r?$")
        for blocked in ("write to a read-only map: blocked and reported, the bytes are unchanged",
                        "write to a read-only buffer: blocked and reported, the bytes are "
                        "unchanged",
                        "write after detach: blocked and reported, the bytes are unchanged",
                        "read after detach: blocked and reported, the bytes did not get out"):
            self.assertIn("\n" + blocked + "\n", ended.stdout)
        self.assertRegex(ended.stdout, r"(?m)^the kernel says: " + FAULT[iommu])

    def limits(self, iommu, write_only):
        ended = self.expect_no_report("edu-limits", options=("--iommu", iommu, "--edu"))
        for refused, what in (
                ("the group is open", "another process has the device's group open"),
                ("the MSI window", "the IOVA is reserved"),
                ("over 28 bits", "the device does not reach that IOVA"),
                ("no page", "the IOVA is not a multiple of the IOMMU's page"),
                ("in use", "another buffer is at that IOVA"),
                ("odd size", "the buffer does not fill pages of the IOMMU"),
                ("dma-heap", "the kernel can't pin this mapping"),
                ("another's mapping", "somebody who shares the container has mapped that IOVA"),
                ("one mapping", "the container takes no more mappings"),
                ("two buffers locked", "the buffer can't be locked in memory")):
            self.assertRegex(ended.stdout, rf"(?m)^{refused}: [^:]+: {what}")
        for moved in ("own part", "other's part", "after off and up"):
            self.assertRegex(ended.stdout, rf"(?m)^{moved}: the device read and wrote 8192 bytes")
        for said in ("killed: what it had attached is unmapped", f"write-only map: {write_only}",
                     "nothing is locked, nothing is open"):
            self.assertIn("\n" + said + "\n", ended.stdout)
        self.assertRegex(ended.stdout, r"(?m)^the kernel says: " + FAULT[iommu])

    def test_limits_behind_smmuv3_are_refusals_with_a_reason(self):
        self.limits("smmuv3", "the device reads it")

    def test_limits_behind_virtio_iommu_are_refusals_with_a_reason(self):
        self.limits("virtio", "the device can't read it")

    def test_device_behind_smmuv3_reaches_what_is_attached_and_nothing_else(self):
        self.share("smmuv3")

    def test_device_behind_virtio_iommu_reaches_what_is_attached_and_nothing_else(self):
        self.share("virtio")

    def test_buffer_is_passed_between_device_and_coprocessor(self):
        ended = self.expect_no_report("edu-pass", options=("--iommu", "smmuv3", "--edu", *PROBE))
        self.assertRegex(ended.stdout, r"(?m)^one buffer: the device's at 0x1000, the "
                                       r"coprocessor's at 0x[89]\w{7}\r?$")
        self.assertIn("\npassed: CPU, device, coprocessor, device, CPU\n", ended.stdout)

    def test_device_without_iommu_is_refused(self):
        ended = soc.run("--edu", "--", "edu-share")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("no IOMMU stands before the device", ended.stdout)


if __name__ == "__main__":
    soc.main()
