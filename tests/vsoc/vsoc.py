#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The virtual SoC as a developer meets it: programs in it, its coprocessor, and what a kill leaves.

Usage: vsoc.py AMPHORA [--debug-kernel]"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

AMPHORA = sys.argv[1]
DEBUG = sys.argv[2:]
SHARE = os.path.join(os.path.dirname(AMPHORA), "../share/amphora")
BUILT = os.path.join(SHARE, "vsoc-debug" if DEBUG else "vsoc", "initramfs.cpio")
PROGRAM = os.path.join(os.path.dirname(AMPHORA), "../vsoc/guest/bin/remote-ping")
SECONDS = 120  # a boot takes one on an idle machine
# How a kernel begins a report: KASAN, lockdep, DMA_API_DEBUG, DEBUG_ATOMIC_SLEEP, an oops
REPORT = re.compile(r"BUG:|WARNING:|DMA-API:(?! preallocated| debugging enabled)|Oops|INFO: |"
                    r"Call trace|kmemleak: (?!Kernel memory leak detector|Automatic)")


def vsoc(*arguments):
    return subprocess.run([AMPHORA, "vsoc", *DEBUG, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS)


def of_session(session):
    """The living processes of a session, by their names."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
                name, fields = file.read().rsplit(")", 1)
        except OSError:
            continue
        fields = fields.split()
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(name.split("(", 1)[1])
    return sorted(found)


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class VirtualSoc(unittest.TestCase):
    def expect(self, run, status):
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)

    def test_messages_cross_linux_own_rpmsg_bus_in_each_of_three_boots(self):
        run = vsoc("--", "remote-ping", "300", "3")
        self.expect(run, 0)
        self.assertEqual(re.findall(r"^boot (\d): 300 messages", run.stdout, re.M),
                         ["1", "2", "3"])
        self.assertEqual(run.stderr, "")

    def test_output_of_the_program_is_all_that_is_said(self):
        run = vsoc("remote-ping", "1")
        self.expect(run, 0)
        self.assertRegex(run.stdout, r"\Aboot 1: 1 messages to amphora-control at \d+ and back, "
                                     r"\d+ us each\n\Z")

    def test_crashed_coprocessor_is_recovered_by_linux(self):
        run = vsoc("--", "remote-crash", "10")
        self.expect(run, 0)
        self.assertIn("10 crashes, 10 recoveries\n", run.stdout)
        self.assertEqual(run.stderr.count("the coprocessor exited with code 70"), 10)

    def test_share_session_is_opened_over_linux_own_rpmsg_bus(self):
        run = vsoc("--", "remote-session")
        self.expect(run, 0)
        self.assertIn("2 sessions over Linux's RPMsg bus, 1 request refused\n", run.stdout)

    def test_exit_status_of_the_program_comes_back(self):
        run = vsoc("--", "remote-ping", "no number")
        self.expect(run, 2)
        self.assertEqual(run.stdout, "usage: remote-ping [MESSAGES [BOOTS]]\n")

    def test_program_that_is_not_there_is_said_so(self):
        run = vsoc("--", "no-such-program", "--version")
        self.expect(run, 127)
        self.assertIn("no-such-program: No such file or directory", run.stdout)

    def test_firmware_for_another_place_is_refused_by_linux(self):
        run = vsoc("--firmware", os.path.join(SHARE, "firmware/edge-riscv32-0.elf"), "--",
                   "remote-ping", "1")
        self.expect(run, 1)
        self.assertIn("remote: start: ", run.stdout)

    def test_program_of_a_shared_folder_runs(self):
        with tempfile.TemporaryDirectory(suffix=",with a comma") as folder:
            shutil.copy(PROGRAM, os.path.join(folder, "mine"))
            run = vsoc("--share", folder, "--", "/share/mine", "3")
            self.expect(run, 0)
            self.assertIn("boot 1: 3 messages", run.stdout)

    def test_kernel_has_nothing_to_report(self):
        run = vsoc("--verbose", "--", *(["leak-check"] if DEBUG else []), "remote-crash", "5")
        self.expect(run, 0)
        self.assertIn("Run /init as init process", run.stdout)
        self.assertIsNone(REPORT.search(run.stdout), run.stdout)

    def test_bad_usage_is_told_apart(self):
        for arguments in ([], ["--no-such-option"], ["--firmware"],
                          ["--share", "/no/such/folder", "--", "remote-ping"],
                          ["--share", AMPHORA, "--", "remote-ping"],
                          ["--firmware", "/no/such/file", "--", "remote-ping"]):
            run = vsoc(*arguments)
            self.expect(run, 2)
            self.assertNotEqual(run.stderr, "")

    def start(self):
        """A running SoC whose coprocessor is on: more messages than it gets through."""
        output = tempfile.TemporaryFile()
        self.addCleanup(output.close)
        process = subprocess.Popen([AMPHORA, "vsoc", *DEBUG, "--", "remote-ping", "1000000"],
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(wait_until(lambda: len(of_session(process.pid)) == 3, SECONDS))
        return process

    def test_termination_leaves_no_process(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start()
            process.send_signal(number)
            self.assertEqual(process.wait(SECONDS), 128 + number)
            self.assertEqual(of_session(process.pid), [])

    def test_kill_leaves_no_process(self):
        process = self.start()
        process.kill()
        process.wait(SECONDS)
        self.assertTrue(wait_until(lambda: not of_session(process.pid)))


if __name__ == "__main__":
    if not os.path.exists(BUILT):
        print("the virtual SoC is not built: make", "vsoc-debug" if DEBUG else "vsoc")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
