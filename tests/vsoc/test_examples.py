#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The examples that need a remote processor: with memory that it shares with Linux, where each sync is a
copy, so that a forgotten one shows, and under the sanitizers. usage: test_examples.py AMPHORA [--debug-kernel]"""
import soc

RUN = ("echo start >/sys/class/remoteproc/remoteproc0/state && "
       "example_share_with_remote remoteproc0 %s")
BOUNCE = "echo 1 >/sys/module/amphora/parameters/allow_bounce && "


class Examples(soc.TestCase):
    def share(self, heap, before="", options=()):
        ended = self.expect_no_report("sh", "-c", before + RUN % heap, options=options)
        self.assertIn("307200 of 307200 bytes are what they should be", ended.stdout)
        return ended

    def test_buffer_is_shared_with_the_remote_processor(self):
        self.share("system")

    def test_contiguous_buffer_is_shared_with_the_remote_processor(self):
        self.share("reserved")

    def test_no_sync_is_forgotten(self):
        self.share("system", before=BOUNCE, options=("--append", "swiotlb=16384,force"))

    def test_the_sanitizers_find_nothing(self):
        ended = self.share("system", before="export AMPHORA_SANITIZE=all,exitcode=23 && ")
        self.assertNotIn("== amphora: ", ended.stdout + ended.stderr)


if __name__ == "__main__":
    soc.main()
