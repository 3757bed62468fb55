#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A device behind an IOMMU, through VFIO: it shares buffers like every target, and reaches nothing
else.

Usage: test_vfio.py AMPHORA [--debug-kernel]"""
import soc

FAULT = {"smmuv3": r"arm-smmu-v3 \S+ event 0x1[03] received",
         "virtio": r"virtio_iommu \S+ page fault from EP \d+"}


class Vfio(soc.TestCase):
    def share(self, iommu):
        ended = self.expect_no_report("edu-share", options=("--iommu", iommu, "--edu"))
        for moved in ("chosen IOVA", "given IOVA"):
            self.assertRegex(ended.stdout, rf"(?m)^{moved}: the device read and wrote 8192 bytes")
        self.assertRegex(ended.stdout, r"(?m)^given IOVA: .* at 0x123000\r?$")
        for blocked in ("write to a read-only map: blocked and reported, the bytes are unchanged",
                        "write after detach: blocked and reported, the bytes are unchanged",
                        "read after detach: blocked and reported, the bytes did not get out"):
            self.assertIn("\n" + blocked + "\n", ended.stdout)
        self.assertRegex(ended.stdout, r"(?m)^the kernel says: " + FAULT[iommu])

    def test_device_behind_smmuv3_reaches_what_is_attached_and_nothing_else(self):
        self.share("smmuv3")

    def test_device_behind_virtio_iommu_reaches_what_is_attached_and_nothing_else(self):
        self.share("virtio")

    def test_device_without_iommu_is_refused(self):
        ended = soc.run("--edu", "--", "edu-share")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("no IOMMU stands before the device", ended.stdout)


if __name__ == "__main__":
    soc.main()
