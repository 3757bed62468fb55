#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Linux providers of memory against the real kernel: each program's checks, inside Linux."""
import soc


class Providers(soc.TestCase):
    def check(self, *command, options=()):
        ended = self.expect_no_report(*command, options=options)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")
        return ended

    def test_dma_heap(self):
        self.check("check-heap")

    def test_udmabuf(self):
        self.check("check-udmabuf")

    def test_dmabuf_of_others(self):
        self.check("check-dmabuf")

    def test_uio(self):
        self.check("check-uio")


if __name__ == "__main__":
    soc.main()
