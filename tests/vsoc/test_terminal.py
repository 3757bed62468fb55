#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The virtual SoC's shell, as somebody in front of a terminal has it; and without one, as a script.

Usage: test_terminal.py AMPHORA [--debug-kernel]"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import soc

PROMPT = "# "
CONTROL_A, CONTROL_C, CONTROL_D, CONTROL_Z, UP = "\x01", "\x03", "\x04", "\x1a", "\x1b[A"


class Terminal:
    """A terminal that amphora vsoc runs in, with what it has shown."""

    def __init__(self, test, *arguments, rows=33, columns=101):
        self.test, self.shown = test, ""
        self.fd, theirs = pty.openpty()
        test.addCleanup(os.close, self.fd)
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.fd)

        def own():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [soc.AMPHORA, "vsoc", *soc.DEBUG, *arguments], stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True, preexec_fn=own,
            env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def expect(self, pattern, seconds=soc.SECONDS):
        """Waits until it shows that, and forgets what it has shown until then."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.shown)):
            left = deadline - time.monotonic()
            self.test.assertGreater(left, 0, f"no {pattern!r} in {self.shown!r}")
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.shown += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    self.test.fail(f"ended without {pattern!r}: {self.shown!r}")
        self.shown = self.shown[found.end():]
        return found

    def run(self, line, pattern):
        """A line at the prompt; what it shows begins a line, unlike its echo."""
        self.type(line + "\r")
        found = self.expect(r"\n" + pattern)
        self.expect(PROMPT)
        return found

    def ended(self):
        """The exit status; the terminal is as it was, and nobody is left."""
        deadline = time.monotonic() + soc.SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    time.sleep(0.1)
        status = self.process.wait(1)
        self.test.assertEqual(termios.tcgetattr(self.fd), self.before)
        self.test.assertEqual(soc.of_session(self.process.pid), [])
        return status


class Shell(soc.TestCase):
    def shell(self, *arguments):
        terminal = Terminal(self, *arguments)
        terminal.expect(PROMPT)
        return terminal

    def test_exit_gives_its_status_and_the_terminal_back(self):
        terminal = self.shell()
        terminal.type("exit 7\r")
        self.assertEqual(terminal.ended(), 7)

    def test_control_d_ends_it(self):
        terminal = self.shell()
        terminal.type(CONTROL_D)
        self.assertEqual(terminal.ended(), 0)

    def test_control_a_x_ends_it_whatever_runs(self):
        terminal = self.shell()
        terminal.type("trap '' INT; sleep 1000\r")
        terminal.expect("sleep 1000\r\n")
        terminal.type(CONTROL_C + CONTROL_A + "x")
        self.assertEqual(terminal.ended(), 0)

    def test_control_a_a_is_a_control_a(self):
        terminal = self.shell()
        terminal.type("ccho 5" + CONTROL_A + "a" + "\x1b[3~e\r")  # to the line's begin: delete, e
        terminal.expect(r"\n5\r\n")

    def test_terminal_is_as_large_as_the_users_and_follows_it(self):
        terminal = self.shell()
        terminal.run("stty size", "33 101\r")
        terminal.resize(50, 90)
        deadline = time.monotonic() + 30
        while terminal.run("stty size", r"(\d+ \d+)\r").group(1) != "50 90":
            self.assertLess(time.monotonic(), deadline)
        terminal.run("echo $TERM", "xterm\r")

    def test_keys_control_its_jobs(self):
        terminal = self.shell()
        terminal.type("sleep 1000\r")
        terminal.expect("sleep 1000\r\n")
        time.sleep(1)
        terminal.type(CONTROL_Z)
        terminal.expect("Stopped")
        terminal.expect(PROMPT)
        terminal.run("jobs", r"\[1\]\+  Stopped +sleep 1000")
        terminal.type("fg\r")
        terminal.expect("\nsleep 1000\r\n")
        time.sleep(1)
        terminal.type(CONTROL_C)
        terminal.expect(PROMPT)
        terminal.run("echo $?", "130\r")

    def test_former_lines_come_back(self):
        terminal = self.shell()
        terminal.run("echo $((40 + 2))", "42\r")
        terminal.type(UP + "\r")
        terminal.expect("\n42\r\n")

    def test_drivers_programs_and_firmware_are_there(self):
        terminal = self.shell()
        terminal.run("cat /sys/class/remoteproc/remoteproc0/state", "offline\r")
        terminal.run("remote-ping 3", r"boot 1: 3 messages")
        terminal.run("amphora --version", r"\S+")
        terminal.run("echo start >/sys/class/remoteproc/remoteproc0/state; "
                     "cat /sys/class/remoteproc/remoteproc0/state", "running\r")
        terminal.type("exit\r")  # while it runs
        self.assertEqual(terminal.ended(), 0)

    def test_signal_gives_the_terminal_back(self):
        terminal = self.shell()
        terminal.process.send_signal(signal.SIGTERM)
        self.assertEqual(terminal.ended(), 128 + signal.SIGTERM)

    def test_program_has_the_terminal_too(self):
        terminal = Terminal(self, "--", "sh", "-c", "tty; stty size; sleep 1000")
        terminal.expect("/dev/ttyAMA0\r\n33 101\r\n")
        time.sleep(1)
        terminal.type(CONTROL_C)
        self.assertEqual(terminal.ended(), 128 + signal.SIGINT)


class Script(soc.TestCase):
    def script(self, text, *command):
        return subprocess.run([soc.AMPHORA, "vsoc", *soc.DEBUG, *command], input=text,
                              capture_output=True, timeout=soc.SECONDS, text=True)

    def test_script_on_standard_input_runs_without_a_prompt(self):
        self.assertEqual(self.script("uname -m\nread line\nof the script\necho $line; exit 3").stdout,
                         "aarch64\nof the script\n")
        self.assertEqual(self.script("exit 3").returncode, 3)

    def test_input_and_its_end_reach_the_program(self):
        for text in ("", "one line\n", "no end of line", "\n" * 3, "x" * 4000 + "\n",
                     "".join(f"line {i}\n" for i in range(3000))):
            ended = self.script(text, "--", "cat")
            self.expect(ended, 0)
            self.assertEqual(ended.stdout, text)

    def test_nothing_is_left_of_what_a_program_leaves(self):
        ended = self.script("", "--", "sh", "-c", "trap '' HUP TERM; sleep 1000 & exit 5")
        self.expect(ended, 5)

    def test_much_output_arrives_whole(self):
        ended = self.script("", "--", "seq", "20000")
        self.expect(ended, 0)
        self.assertEqual(ended.stdout, "".join(f"{i}\n" for i in range(1, 20001)))


if __name__ == "__main__":
    soc.main()
