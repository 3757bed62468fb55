#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The virtual SoC as a developer meets it: programs in it, its coprocessor, and what a kill leaves.

Usage: test_soc.py AMPHORA [--debug-kernel]"""
import os
import re
import shutil
import signal
import subprocess
import subprocess
import tempfile

import soc


class VirtualSoc(soc.TestCase):
    def test_messages_cross_linux_own_rpmsg_bus_in_each_of_three_boots(self):
        run = soc.run("--", "remote-ping", "300", "3")
        self.expect(run, 0)
        self.assertEqual(re.findall(r"^boot (\d): 300 messages", run.stdout, re.M),
                         ["1", "2", "3"])
        self.assertEqual(run.stderr, "")

    def test_output_of_the_program_is_all_that_is_said(self):
        run = soc.run("remote-ping", "1")
        self.expect(run, 0)
        self.assertRegex(run.stdout, r"\Aboot 1: 1 messages to amphora-control at \d+ and back, "
                                     r"\d+ us each\n\Z")

    def test_crashed_coprocessor_is_recovered_by_linux(self):
        run = soc.run("--", "remote-crash", "10")
        self.expect(run, 0)
        self.assertIn("10 crashes, 10 recoveries\n", run.stdout)
        self.assertEqual(run.stderr.count("the coprocessor exited with code 70"), 10)

    def test_share_session_is_opened_over_linux_own_rpmsg_bus(self):
        run = soc.run("--", "remote-session")
        self.expect(run, 0)
        self.assertIn("2 sessions over Linux's RPMsg bus, 1 request refused\n", run.stdout)

    def test_exit_status_of_the_program_comes_back(self):
        run = soc.run("--", "remote-ping", "no number")
        self.expect(run, 2)
        self.assertEqual(run.stdout, "usage: remote-ping [MESSAGES [BOOTS]]\n")

    def test_program_that_is_not_there_is_said_so(self):
        run = soc.run("--", "no-such-program", "--version")
        self.expect(run, 127)
        self.assertIn("no-such-program: No such file or directory", run.stdout)

    def test_firmware_for_another_place_is_refused_by_linux(self):
        run = soc.run("--firmware", os.path.join(soc.SHARE, "firmware/edge-riscv32-0.elf"), "--",
                   "remote-ping", "1")
        self.expect(run, 1)
        self.assertIn("remote: start: ", run.stdout)

    def test_coprocessor_runs_beside_an_iommu_and_a_bounce_buffer(self):
        for options in (["--iommu", "smmuv3", "--edu"], ["--iommu", "virtio", "--edu"],
                        ["--append", "swiotlb=force"]):
            run = soc.run(*options, "--", "remote-ping", "1")
            self.expect(run, 0)

    def test_program_of_a_shared_folder_runs(self):
        with tempfile.TemporaryDirectory(suffix=",with a comma") as folder:
            shutil.copy(os.path.join(soc.PROGRAMS, "remote-ping"), os.path.join(folder, "mine"))
            run = soc.run("--share", folder, "--", "/share/mine", "3")
            self.expect(run, 0)
            self.assertIn("boot 1: 3 messages", run.stdout)

    def test_kernel_has_nothing_to_report(self):
        self.expect_no_report("remote-crash", "5")

    def test_lines_of_the_manual_build_and_run_a_program(self):
        source = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
        with open(os.path.join(source, "docs/vsoc.md"), encoding="utf-8") as file:
            lines = re.search(r"```\n(mkdir -p mine\n[^`]*)```", file.read()).group(1)
        with tempfile.TemporaryDirectory() as folder:
            lines = re.sub(r"\bmine\b", folder, lines)
            lines = lines.replace("amphora vsoc", " ".join(["amphora vsoc", *soc.DEBUG]))
            run = subprocess.run(["sh", "-e", "-c", lines], cwd=source, capture_output=True,
                                 text=True, stdin=subprocess.DEVNULL, timeout=soc.SECONDS)
        self.expect(run, 0)
        self.assertIn("sees the picture at 0x80000000", run.stdout)

    def test_report_of_the_kernel_is_shown_though_it_is_quiet(self):
        run = soc.run("--", "sh", "-c", "echo '<4>WARNING: a bug' >/dev/kmsg")
        self.assertEqual(run.returncode, 0)
        self.assertRegex(run.stdout, r"\Avsoc: the kernel reports:\n<12>WARNING: a bug\n")
        self.assertRaises(AssertionError, self.expect, run, 0)

    def test_bad_usage_is_told_apart(self):
        for arguments in (["--no-such-option"], ["--firmware"],
                          ["--share", "/no/such/folder", "--", "remote-ping"],
                          ["--share", soc.AMPHORA, "--", "remote-ping"],
                          ["--firmware", "/no/such/file", "--", "remote-ping"],
                          ["--iommu", "other", "--", "remote-ping"],
                          ["--variant", "no-such", "--", "remote-ping"]):
            run = soc.run(*arguments)
            self.expect(run, 2)
            self.assertNotEqual(run.stderr, "")

    def start(self):
        """A running SoC whose coprocessor is on: more messages than it gets through."""
        output = tempfile.TemporaryFile()
        self.addCleanup(output.close)
        process = subprocess.Popen([soc.AMPHORA, "vsoc", *soc.DEBUG, "--", "remote-ping", "1000000"],
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(soc.wait_until(lambda: len(soc.of_session(process.pid)) == 3, soc.SECONDS))
        return process

    def test_termination_leaves_no_process(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start()
            process.send_signal(number)
            self.assertEqual(process.wait(soc.SECONDS), 128 + number)
            self.assertEqual(soc.of_session(process.pid), [])

    def test_kill_leaves_no_process(self):
        process = self.start()
        process.kill()
        process.wait(soc.SECONDS)
        self.assertTrue(soc.wait_until(lambda: not soc.of_session(process.pid)))


if __name__ == "__main__":
    soc.main()
