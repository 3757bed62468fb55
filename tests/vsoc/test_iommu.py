#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The IOMMU before the coprocessor: what it lets through, and what traps.

Usage: test_iommu.py AMPHORA [--debug-kernel]"""
import os
import signal
import subprocess
import tempfile
import time

import soc

GIVEN_UP_S = 25  # vsoc_iommu_link.c: 3 s for an answer, 15 s for the power
VARIANT = ("--variant", "iommu")
PROBE = (*VARIANT, "--firmware", os.path.join(soc.SHARE, "firmware/probe-riscv32-vsoc.elf"))


def children(pid, name):
    """The child processes of that name."""
    found = []
    for child in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{child}/stat", encoding="latin-1") as file:
                comm, fields = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(fields.split()[1]) == pid and name.startswith(comm):
            found.append(int(child))
    return found


class Iommu(soc.TestCase):
    def test_coprocessor_reaches_what_is_attached_and_nothing_else(self):
        ended = self.expect_no_report("iommu-enforce", options=PROBE)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_hostile_firmware_does_not_get_out(self):
        ended = self.expect_no_report("iommu-escape", options=PROBE)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_firmware_runs_behind_it_as_without(self):
        ended = self.expect_no_report("share-picture", "7", *(["small"] if soc.DEBUG else []),
                                      options=VARIANT)
        self.assertIn("up to 1 segments, 1 deaths, nothing left\n", ended.stdout)
        ended = self.expect_no_report("share-queue", "60", options=VARIANT)
        self.assertIn("1 death, nothing left\n", ended.stdout)

    def test_locks_that_both_sides_swap_are_behind_it_too(self):
        ended = self.expect_no_report("lock-check", options=PROBE)
        self.assertRegex(ended.stdout, r"(?m)^[1-9]\d* checks, 0 failed$")

    def test_session_in_which_the_firmware_faults_is_lost_and_the_next_one_works(self):
        ended = self.expect_no_report("iommu-session", options=VARIANT)
        self.assertIn("2 jobs done, 1 session lost by a fault, nothing left\n", ended.stdout)
        self.assertRegex(ended.stdout, r"fault: the coprocessor (reads from|writes to) 0x\w+, "
                                       r"which is not mapped, at pc 0x9f\w+")
        self.assertIn("crash detected in coprocessor: type mmufault", ended.stdout)

    def stop(self, during):
        """Runs iommu-stopped and stops its coprocessor; during(run) then. Returns status and text."""
        with tempfile.TemporaryDirectory() as folder:
            said = open(os.path.join(folder, "said"), "w+", encoding="utf-8", errors="replace")
            run = subprocess.Popen([soc.AMPHORA, "vsoc", *soc.DEBUG, "--verbose", "--share", folder,
                                    *PROBE, "--", "iommu-stopped"], stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=subprocess.STDOUT)
            try:
                ready = os.path.join(folder, "ready")
                soc.wait_until(lambda: os.path.exists(ready) or run.poll() is not None, 200)
                for child in children(run.pid, "qemu-system-riscv32"):
                    os.kill(child, signal.SIGSTOP)
                with open(os.path.join(folder, "stopped"), "w", encoding="utf-8"):
                    pass
                during(run)
                run.wait(soc.SECONDS)
            finally:
                run.kill()
                run.wait()
            said.seek(0)
            text = said.read()
            said.close()
        return run.returncode, text

    def test_coprocessor_that_stands_still_is_switched_off_before_its_memory_is_reused(self):
        status, text = self.stop(lambda run: None)
        self.assertEqual(status, 0, text)
        self.assertIn("does not answer its IOMMU", text)
        self.assertRegex(text, r"(?m)^1 checks, 0 failed$")
        self.assertIsNone(soc.report(text), text)

    def test_linux_goes_no_further_where_nobody_can_switch_it_off(self):
        def stop_the_launcher(run):
            os.kill(run.pid, signal.SIGSTOP)
            time.sleep(GIVEN_UP_S)  # nobody reads what Linux says meanwhile
            os.kill(run.pid, signal.SIGCONT)

        status, text = self.stop(stop_the_launcher)
        self.assertNotEqual(status, 0, text)
        self.assertIn("Kernel panic - not syncing: coprocessor-bus:iommu: nobody switches off", text)
        self.assertNotIn("released after", text)

    def test_coprocessor_that_ran_before_the_iommu_is_not_taken_over(self):
        ended = soc.run("--verbose", "--early", *PROBE, "--", "rmdir",
                        "/sys/class/remoteproc/remoteproc0")
        self.assertIn("it was started without its IOMMU", ended.stdout)
        self.assertIn("No such file or directory", ended.stdout)

    def test_doctor_says_who_enforces(self):
        ended = soc.run(*VARIANT, "--", "amphora", "doctor")
        self.assertIn("its IOMMU enforces the limits", ended.stdout)
        self.assertRegex(ended.stdout, r"remoteproc0 .*limits enforced")


if __name__ == "__main__":
    soc.main()
