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
                  r"ownership: write to memfd:picture, byte 100 of 65536, which display owns",
                  [("touched", "BUG"), ("given", "GIVE"), ("opened", "OPEN")]),
    "coherency": (23,
                  r"coherency: memfd:picture: 32768 bytes from byte 32768 on were written by the "
                  r"CPU and never given to display, which does not see them",
                  [("given", "BUG"), ("detached", "DETACH"), ("attached", "ATTACH")]),
    "leaks": (23,
              r"leaks: buffer memfd:back of 65536 bytes is still open",
              [("opened", "OPEN")]),
}


def run(program, words):
    environment = {**os.environ, "AMPHORA_SANITIZE": words}
    # a core of each expected crash is nobody's
    limit = ["prlimit", "--core=0", program]
    return subprocess.run(limit, env=environment, capture_output=True, text=True, check=False,
                          timeout=60)


def place_of(report, title):
    """file:line of the first frame below a title of the report"""
    found = re.search(rf"^  {title}: +#0 .* (\S+):(\d+)$", report, re.M)
    return (os.path.realpath(found[1]), int(found[2])) if found else None


def main():
    name, program, source = sys.argv[1:]
    status, first, places = EXPECTED[name]
    problems = []

    done = run(program, "")
    if done.returncode or done.stderr:
        problems.append(f"without a sanitizer: exit {done.returncode}: {done.stderr}")
    done = run(program, name + ("" if status < 0 else f",exitcode={status}"))
    if done.returncode not in (status, 128 - status):
        problems.append(f"exit status {done.returncode}, not {status}")
    if not re.search(rf"^==\d+== amphora: {first}$", done.stderr, re.M):
        problems.append(f"no line says: {first}")
    with open(source, encoding="utf-8") as text:
        lines = text.read().splitlines()
    for title, marker in places:
        marked = [i + 1 for i, line in enumerate(lines) if f"[{marker}]" in line]
        place = place_of(done.stderr, title)
        if len(marked) != 1 or place != (os.path.realpath(source), marked[0]):
            problems.append(f"{title}: {place}, not [{marker}] in line {marked}")
    for problem in problems:
        print(problem)
    if problems:
        print(done.stdout, done.stderr, sep="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
