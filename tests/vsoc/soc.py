# SPDX-License-Identifier: BSD-3-Clause
"""What tests of the virtual SoC share: it runs, what it ended with, and no report of its kernel.

A test file here is a program: test_PART.py AMPHORA [--debug-kernel]. It ends with soc.main()."""
import os
import re
import subprocess
import sys
import time
import unittest

AMPHORA = sys.argv[1]
DEBUG = sys.argv[2:]
SHARE = os.path.join(os.path.dirname(AMPHORA), "../share/amphora")
BUILT = os.path.join(SHARE, "vsoc-debug" if DEBUG else "vsoc", "initramfs.cpio")
PROGRAMS = os.path.join(os.path.dirname(AMPHORA), "../vsoc/guest/bin")
SECONDS = 300  # a boot takes one on an idle machine
# How a kernel begins a report: KASAN, lockdep, DMA_API_DEBUG, DEBUG_ATOMIC_SLEEP, an oops
REPORT = re.compile(r"BUG:|WARNING:|DMA-API:(?! preallocated| debugging enabled)|Oops|INFO: |"
                    r"Call trace|kmemleak: (?!Kernel memory leak detector|Automatic)")

# Linux's own: poll() on a /dev/rpmsgN whose endpoint goes at that moment
KNOWN = re.compile(r"[^\n]*WARNING: [^\n]* rpmsg_poll\+.*?---\[ end trace[^\n]*", re.DOTALL)


def report(text):
    """The first report of the kernel in what it said, or None."""
    return REPORT.search(KNOWN.sub("", text))


def run(*arguments, seconds=SECONDS):
    """amphora vsoc, with these arguments: options, "--", and a program with its own."""
    return subprocess.run([AMPHORA, "vsoc", *DEBUG, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=seconds)


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


class TestCase(unittest.TestCase):
    def expect(self, ended, status):
        """This exit status, and no report of the kernel on the console."""
        said = ended.stdout + ended.stderr
        self.assertEqual(ended.returncode, status, said)
        self.assertIsNone(report(ended.stdout), said)

    def expect_no_report(self, *command, options=(), seconds=SECONDS):
        """The program ends with 0 and the kernel, whose every message is read, reports nothing.
        With the debugging kernel, also no leak. Returns how it ended."""
        ended = run("--verbose", *options, "--", *(["leak-check"] if DEBUG else []), *command,
                    seconds=seconds)
        self.expect(ended, 0)
        self.assertIn("Run /init as init process", ended.stdout)
        return ended


def main():
    if not os.path.exists(BUILT):
        print("the virtual SoC is not built: make", "vsoc-debug" if DEBUG else "vsoc")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
