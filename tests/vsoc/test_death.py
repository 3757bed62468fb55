#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nothing is lost, leaked or reused early, however a program or the coprocessor ends.

Usage: test_death.py AMPHORA [--debug-kernel]"""
import os
import re
import signal
import subprocess
import unittest

import soc

FIRMWARE = ("--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))
LONG = 1800  # seconds that a busy machine may take
FUZZ = "60" if soc.DEBUG else "10"  # seconds
LIVES = "1" if soc.DEBUG else "2"
CRASHES = "30" if soc.DEBUG else "100"
SAMPLED = 3 if soc.DEBUG else 18  # lives of the coprocessor
SESSIONS = "10" if soc.DEBUG else "100"


def coprocessors(session):
    """The processes of that session that play the coprocessor."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
                name, fields = file.read().rsplit(")", 1)
        except OSError:
            continue
        if int(fields.split()[3]) == session and "(qemu-system-ris" in name:
            yield int(pid)


class Death(soc.TestCase):
    def test_killed_applications_leave_no_page_that_is_reused_before_the_power_is_off(self):
        ended = self.expect_no_report("death-kill", LIVES, options=FIRMWARE, seconds=LONG)
        self.assertIn("applications killed", ended.stdout)

    def test_detach_keeps_what_killed_applications_have_left(self):
        ended = self.expect_no_report("death-kill", "--early", LIVES,
                                      options=(*FIRMWARE, "--early"), seconds=LONG)
        self.assertIn("applications killed", ended.stdout)

    def fuzz(self, program, threads):
        ended = self.expect_no_report(program, FUZZ, threads, seconds=LONG)
        self.assertRegex(ended.stdout, r"\d+ calls, \d+ of them passed, 0 failures")

    def test_fuzzed_ioctls_return_what_is_documented(self):
        self.fuzz("fuzz-ioctl", "1")

    def test_fuzzed_ioctls_of_many_threads_break_nothing(self):
        self.fuzz("fuzz-ioctl", "6")

    def test_fuzzed_ioctls_of_a_32_bit_program_break_nothing(self):
        self.fuzz("fuzz-ioctl-32", "1")
        self.fuzz("fuzz-ioctl-32", "4")

    def test_coprocessor_that_crashes_or_hangs_with_buffers_gives_them_back_each_time(self):
        ended = self.expect_no_report("death-lives", CRASHES, options=FIRMWARE, seconds=LONG)
        self.assertIn(f"{CRASHES} lives ended", ended.stdout)
        self.assertEqual(ended.stderr.count("the coprocessor exited with code 70"),
                         int(CRASHES) // 2)

    def expect_ends_from_outside(self, count, *command):
        """Runs that, and kills the coprocessor each time it asks for it. Returns what it said."""
        with subprocess.Popen([soc.AMPHORA, "vsoc", *soc.DEBUG, *FIRMWARE, "--", *command],
                              stdin=subprocess.DEVNULL, start_new_session=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") as process:
            self.addCleanup(process.kill)
            said = []
            for line in process.stdout:
                said.append(line)
                if line == "kill it\n":
                    for pid in coprocessors(process.pid):
                        os.kill(pid, signal.SIGKILL)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(said.count("kill it\n"), count, said)
        self.assertIsNone(soc.report("".join(said)), said)
        return "".join(said)

    def test_coprocessor_that_is_killed_from_outside_gives_its_buffers_back(self):
        self.expect_ends_from_outside(5, "death-lives", "--outside", "5")

    def test_application_or_coprocessor_that_dies_at_any_call_disturbs_no_other_and_loses_nothing(self):
        said = self.expect_ends_from_outside(SAMPLED // 3, "death-sampled", str(SAMPLED))
        self.assertIn(f"{SAMPLED * 13} applications died", said)
        print(*re.findall(r"^(?:seed|figure:) .*$", said, flags=re.M), sep="\n")

    def test_message_of_a_former_life_is_refused_in_the_next(self):
        ended = self.expect_no_report("death-sessions", SESSIONS, seconds=LONG)
        self.assertIn(f"{SESSIONS} sessions ended with their coprocessor, "
                      f"{int(SESSIONS) - 1} old messages refused", ended.stdout)

    def test_driver_that_is_unbound_under_load_comes_back(self):
        ended = self.expect_no_report("death-unbind", "10", seconds=LONG)
        self.assertIn("unbound 10 times under load", ended.stdout)

    @unittest.skipUnless(soc.DEBUG, "needs the debugging kernel")
    def test_call_whose_allocation_fails_leaves_all_as_it_was(self):
        ended = soc.run("--verbose", "--", "leak-check", "fail-nth", seconds=LONG)
        # this one is about DMA_API_DEBUG itself: its own allocation failed
        ended.stdout = re.sub(r"^(<\d>)?DMA-API: cacheline tracking ENOMEM.*$", "", ended.stdout,
                              flags=re.M)
        self.expect(ended, 0)
        self.assertIn("attach, udmabuf: each of ", ended.stdout)


if __name__ == "__main__":
    soc.main()
