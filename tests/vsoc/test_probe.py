#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The probe firmware: an instrument that other tests rely on.

Usage: test_probe.py AMPHORA [--debug-kernel]"""
import os
import struct
import tempfile

import soc

FIRMWARE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))

# of /coprocessor-bus: device address, physical address, length
RANGES = struct.pack(">QQQ", 0x80000000, 0x40000000, 0x20000000)


class Probe(soc.TestCase):
    def test_probe_does_what_it_is_told(self):
        ended = self.expect_no_report("probe-check", options=FIRMWARE)
        self.assertIn("marks_come_from_a_firmware_that_hangs_until_it_is_off\n", ended.stdout)
        self.assertNotIn("failed", ended.stdout)

    def test_probe_reaches_a_window_of_the_dram_that_is_elsewhere_and_smaller(self):
        window = (*FIRMWARE, "--variant", "window")
        self.expect(soc.run(*window, "--", "probe-check"), 0)
        self.expect(soc.run(*window, "--early", "--", "probe-detach"), 0)

    def test_device_tree_that_is_none_is_refused(self):
        tree = os.path.join(os.path.dirname(soc.BUILT), "trees/none/vsoc.dtb")
        with open(tree, "rb") as file:
            whole = file.read()
        broken = [b"", whole[:40], b"\0" + whole[1:], *(whole[:n] for n in range(41, 4000, 333)),
                  whole.replace(b"coprocessor-bus", b"coprocessor_bus"),
                  whole.replace(b"dma-ranges", b"dma_ranges"),
                  # another DRAM; a device address that 32 bits cannot say
                  whole.replace(RANGES, RANGES[:12] + b"\x30" + RANGES[13:]),
                  whole.replace(RANGES, b"\1" + RANGES[1:])]
        for content in broken:
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                ended = soc.run("--device-tree", file.name, "--", "remote-ping")
                self.expect(ended, 1)
                self.assertIn("dma-ranges of /coprocessor-bus", ended.stderr)

    def test_coprocessor_that_ran_before_linux_is_attached_to_and_left_running(self):
        ended = self.expect_no_report("probe-detach", "5", options=(*FIRMWARE, "--early"))
        self.assertIn("it crashed while it was detached, and was recovered\n", ended.stdout)

    def test_rings_of_the_coprocessor_never_reach_a_queue_that_is_gone(self):
        for options in ((), ("--early",)):
            ended = self.expect_no_report("probe-ring", "15", options=(*FIRMWARE, *options))
            self.assertIn("15 ends while it rang\n", ended.stdout)

    def test_demo_firmware_answers_at_each_of_three_attaches(self):
        ended = self.expect_no_report("remote-ping", "100", "3", options=("--early",))
        self.assertIn("boot 3: 100 messages", ended.stdout)

    def test_firmware_that_cannot_be_started_before_linux_is_said_so(self):
        for firmware, why in ((os.path.join(soc.SHARE, "firmware/edge-riscv32-0.elf"), "out of range"),
                              (soc.AMPHORA, "no firmware for a riscv32"), ("/no/such/firmware", "No such file")):
            ended = soc.run("--early", "--firmware", firmware, "--", "remote-ping")
            self.assertIn(ended.returncode, (1, 2))
            self.assertIn(why, ended.stderr)


if __name__ == "__main__":
    soc.main()
