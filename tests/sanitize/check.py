#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: check.py NAME PROGRAM SOURCE

Runs an example with a bug (examples/sanitize) without and with its sanitizer. Without, it runs to its
end. With, the report names the lines of SOURCE that carry the markers [BUG], [GIVE], ...; which report
names which marker, and how the process ends, is in EXPECTED.
"""
import os
import re
import signal
import subprocess
import sys

# sanitizer: (exit status, words of the report's first line, [(title, marker), ...])
EXPECTED = {
    "ownership": (-signal.SIGSEGV,
                  "ownership: write to memfd:picture, byte 100 of 65536, which display owns",
                  [("touched", "BUG"), ("given", "GIVE"), ("opened", "OPEN")]),
    "coherency": (23,
                  "coherency: memfd:picture: 32768 bytes from byte 32768 on were written by the "
                  "CPU and never given to display, which does not see them",
                  [("given", "BUG"), ("detached", "DETACH"), ("attached", "ATTACH")]),
    "leaks": (23,
              "leaks: buffer memfd:back of 65536 bytes is still open",
              [("opened", "OPEN")]),
}


def run(arguments, words):
    environment = {**os.environ, "AMPHORA_SANITIZE": words}
    # a core of each expected crash is nobody's
    return subprocess.run(["prlimit", "--core=0", *arguments], env=environment, capture_output=True,
                          text=True, check=False, timeout=60)


def place_of(report, title, source):
    """The line of the first frame of this source below a title of the report. Its folder is not compared:
    the compiler's cache may have it from elsewhere."""
    tail = "/".join(source.split("/")[-2:])
    frames = re.search(rf"^  {title}: +(#0 .*\n(?: +#\d .*\n)*)", report, re.M)
    for frame in re.findall("#\d .* (\S+:\d+)$", frames[1] if frames else "", re.M):
        path, _, line = frame.rpartition(":")
        if path.endswith("/" + tail):
            return int(line)
    return None


def compare(done, source, status, first, places):
    """What is not as it should be. first: the line that starts the only report; None: there is none."""
    problems = []
    if done.returncode not in (status, 128 - status):
        problems.append(f"exit status {done.returncode}, not {status}")
    reports = re.findall("^==\d+== amphora: (.*)$", done.stderr, re.M)
    if reports != ([first] if first else []):
        problems.append(f"reports: {reports}, not: {first}")
    with open(source, encoding="utf-8") as text:
        lines = text.read().splitlines()
    for title, marker in places:
        marked = [i + 1 for i, line in enumerate(lines) if f"[{marker}]" in line]
        line = place_of(done.stderr, title, source)
        if [line] != marked:
            problems.append(f"{title}: line {line}, not [{marker}] in line {marked}")
    if problems:
        problems += [done.stdout, done.stderr]
    return problems


def main():
    name, program, source = sys.argv[1:]
    status, first, places = EXPECTED[name]
    problems = compare(run([program], ""), source, 0, None, [])
    problems += compare(run([program], name + ("" if status < 0 else f",exitcode={status}")), source,
                        status, first, places)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
