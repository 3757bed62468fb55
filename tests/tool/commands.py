#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command line as a person or a script meets it: help, run, serve, and what a kill leaves.

Usage: commands.py AMPHORA COPROCESSOR"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import pngs

AMPHORA, COPROCESSOR = sys.argv[1], sys.argv[2]
FIRMWARE = os.path.join(os.path.dirname(AMPHORA), "../share/amphora/firmware", "edge-" + (
    "process" if COPROCESSOR == "process" else "riscv32-0.elf"))


def amphora(*arguments, **options):
    return subprocess.run([AMPHORA, *arguments], capture_output=True, text=True, timeout=30,
                          **options)


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="latin-1") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(name))
    return found


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def running(command):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    if file.read() == command:
                        return True
            except OSError:
                pass
    return False


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, *arguments):
        process = subprocess.Popen([AMPHORA, *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_help_and_version_are_there_for_every_command(self):
        self.assertRegex(amphora("--version").stdout, r"^amphora \d+\.\d+\.\d+\n$")
        top = amphora("--help")
        self.assertEqual(top.returncode, 0)
        for command in ("demo", "policy", "run", "serve"):
            self.assertIn(command, top.stdout)
            run = amphora(command, "--help")
            self.assertEqual(run.returncode, 0)
            self.assertIn("Usage: amphora " + command, run.stdout)
        for arguments in ((), ("nonsense",), ("run",), ("serve",), ("run", "a", "b"),
                          ("run", "--seconds", "x", "a")):
            run = amphora(*arguments)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertTrue(run.stderr)

    def test_run_shows_trace_and_services_and_stops_on_interrupt(self):
        process = self.start("run", FIRMWARE)
        seen = ""
        while not ("amphora-share" in seen and "ready" in seen):
            line = process.stdout.readline()
            self.assertTrue(line, seen)
            seen += line
        pids = children(process.pid)
        self.assertTrue(pids)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0, process.stderr.read())
        self.assertTrue(wait_until(lambda: not any(map(alive, pids))))
        self.assertIn("amphora-control", seen + process.stdout.read())

    def test_run_names_the_end_of_a_killed_coprocessor(self):
        process = self.start("run", FIRMWARE)
        while "ready" not in process.stdout.readline():
            pass
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(process.wait(10), 1)
        self.assertIn("signal 9", process.stderr.read())

    def test_run_refuses_what_is_no_firmware(self):
        with open(self.path("text"), "w", encoding="ascii") as file:
            file.write("no firmware\n" * 100)
        with open(FIRMWARE, "rb") as file:
            image = file.read()
        with open(self.path("cut"), "wb") as file:
            file.write(image[:len(image) // 3])
        for path in ("text", "cut", "missing", "."):
            run = amphora("run", self.path(path))
            self.assertEqual(run.returncode, 2, path)
            self.assertIn(self.path(path), run.stderr)
        run = amphora("run", "/bin/true")
        self.assertEqual(run.returncode, 2)
        self.assertIn("resource_table", run.stderr)

    def policy(self, text, *arguments, mode=0o644):
        with tempfile.NamedTemporaryFile("w", suffix=".policy") as file:
            file.write(text)
            file.flush()
            os.chmod(file.name, mode)
            ended = amphora("policy", file.name, *arguments)
            return ended.returncode, ended.stdout, ended.stderr.replace(file.name, "FILE")

    def test_policy_says_what_a_file_means(self):
        status, said, wrong = self.policy("# who\nallow dsp heap reads size=1M buffers=2 enforced\n"
                                          "deny * secret*\nallow * offered writes no-pass\n")
        self.assertEqual((status, wrong), (0, ""))
        self.assertEqual(said.splitlines(), [
            'line 2: target "dsp" may read memory of provider "heap"; at most 1048576 bytes at once; '
            "at most 2 buffers at once; only where hardware enforces its limits",
            'line 3: target "*" may not have memory of provider "secret*"',
            'line 4: this side may write what target "*" offers; only from the CPU, not passed on by '
            "another target",
            "the first line that names both target and provider decides; all else is refused"])

    def test_policy_says_what_is_wrong_with_a_file(self):
        for text, mode, words in (("allow a b reads\nallow a\n", 0o644, 'FILE:2: "a": words are missing'),
                                  ("allow a b reads\n", 0o666, "FILE: others than its owner can write it")):
            status, said, wrong = self.policy(text, mode=mode)
            self.assertEqual((status, said), (2, ""))
            self.assertIn(words, wrong)
        self.assertEqual(amphora("policy", "/no/such/policy").returncode, 2)

    def test_policy_says_what_a_target_would_get(self):
        text = "allow dsp heap reads size=1M\n"
        for arguments, status, words in ((("dsp", "heap", "reads"), 0, "allowed\n"),
                                         (("dsp", "heap", "reads", "1048576"), 0, "allowed\n"),
                                         (("dsp", "heap", "reads", "1048577"), 1, "lets 1048576 bytes"),
                                         (("dsp", "heap", "writes"), 1, "allows reading, not writing"),
                                         (("cam", "heap", "reads"), 1, "no rule names both")):
            ended = self.policy(text, *arguments)
            self.assertEqual(ended[0], status)
            self.assertIn(words, ended[1])
        for arguments in (("dsp",), ("dsp", "heap"), ("dsp", "heap", "both"), ("dsp", "a:b", "reads"),
                          ("dsp", "heap", "reads", "0"), ("dsp", "heap", "reads", "-1"),
                          ("dsp", "heap", "reads", "1", "more")):
            self.assertEqual(self.policy(text, *arguments)[0], 2)

    def test_a_killed_demo_leaves_no_process_and_no_file(self):
        with open(self.path("in.png"), "wb") as file:
            file.write(pngs.encode(64, 64, 0, 8, lambda x, y, c: x))
        before = set(os.listdir("/tmp")) | set(os.listdir("/dev/shm"))
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            process = self.start("demo", "--coprocessor", COPROCESSOR, "--input",
                                 self.path("in.png"), "--output", self.path("out.png"),
                                 "--after-give", "echo given; sleep 61.%d; true" % os.getpid())
            self.assertEqual(process.stdout.readline(), "given\n")
            pids = [pid for pid in children(process.pid)]
            self.assertGreaterEqual(len(pids), 2)
            process.send_signal(number)
            self.assertEqual(process.wait(10), -number)
            self.assertTrue(wait_until(lambda: not any(map(alive, pids))), number)
            self.assertTrue(wait_until(lambda: not running(b"sleep\x0061.%d\0" % os.getpid())), number)
        self.assertEqual(os.listdir(self.folder.name), ["in.png"])
        left = (set(os.listdir("/tmp")) | set(os.listdir("/dev/shm"))) - before
        self.assertFalse([name for name in left if re.search("amph|qemu|edge", name)])

    def test_a_demo_whose_coprocessor_is_killed_says_so(self):
        with open(self.path("in.png"), "wb") as file:
            file.write(pngs.encode(64, 64, 0, 8, lambda x, y, c: x))
        process = self.start("demo", "--coprocessor", COPROCESSOR, "--input", self.path("in.png"),
                             "--output", self.path("out.png"), "--after-give",
                             "echo given; read line < " + self.path("fifo"))
        os.mkfifo(self.path("fifo"))
        process.stdout.readline()
        for pid in children(process.pid):  # all but the one that keeps the command
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as file:
                    if b"demo" not in file.read():
                        os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # the demo has ended it already
        self.assertEqual(process.wait(10), 1)  # without waiting for the command
        self.assertIn("signal 9", process.stderr.read())
        self.assertFalse(os.path.exists(self.path("out.png")))

    def test_what_is_not_a_file_is_never_replaced_and_a_pipe_does_not_block(self):
        os.mkfifo(self.path("pipe"))
        self.assertEqual(amphora("demo", "--input", self.path("pipe")).returncode, 2)
        with open(self.path("in.png"), "wb") as file:
            file.write(pngs.encode(8, 8, 0, 8, lambda x, y, c: x * y))
        os.symlink("target.png", self.path("link.png"))
        for _ in range(2):
            for output in ("/dev/stdout", self.path("target.png"), self.path("link.png")):
                run = subprocess.run([AMPHORA, "demo", "--coprocessor", COPROCESSOR, "--input",
                                      self.path("in.png"), "--output", output, "--json"],
                                     capture_output=True, timeout=30)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(pngs.SIGNATURE in run.stdout, output == "/dev/stdout")
        self.assertTrue(os.path.islink(self.path("link.png")))
        run = amphora("demo", "--input", self.path("in.png"), "--coprocessor", COPROCESSOR,
                      "--output", self.path("nowhere/out.png"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("No such file", run.stderr)
        self.assertEqual(sorted(os.listdir(self.folder.name)),
                         ["in.png", "link.png", "pipe", "target.png"])

    def test_serve_outlives_clients_that_talk_nonsense(self):
        path = self.path("socket")
        process = self.start("serve", path)
        self.assertIn("serving", process.stdout.readline())
        for data in (b"", b"\0", b"x" * 496, b"\1\0\x18\0" + bytes(500)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.connect(path)
                client.send(data)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(path)
            with open("/dev/null", "rb") as file:
                socket.send_fds(client, [b"y" * 100], [file.fileno()] * 5)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
