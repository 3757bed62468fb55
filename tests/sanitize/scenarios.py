#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: scenarios.py NAME PROGRAM SOURCE

Runs a scenario of scenarios.c under its sanitizer and compares the report with the lines that carry its
markers, and its end with the one expected. NAME words: the environment's words, not a scenario.
"""
import sys

from check import compare, run

OK, CRASH, FOUND = 0, -11, 23
ALL = "all,exitcode=23"
# scenario: (words, exit status, first line of the report, [(title, marker), ...])
SCENARIOS = {
    "read_of_what_is_given": (
        "ownership", CRASH, "ownership: read of memfd:picture, byte 65535 of 65536, which display owns",
        [("touched", "READ TOUCH"), ("given", "READ GIVE")]),
    "write_of_what_is_shared": (
        ALL, CRASH, "ownership: write to memfd:picture, byte 5 of 65536, which display reads",
        [("touched", "SHARED TOUCH"), ("given", "SHARED GIVE")]),
    "touch_of_the_half_that_is_given": (
        ALL, CRASH, "ownership: write to memfd:picture, byte 32768 of 65536, which display owns",
        [("touched", "HALF TOUCH"), ("given", "HALF GIVE")]),
    "touch_through_the_c_library": (
        "ownership", CRASH, "ownership: write to memfd:picture, byte 0 of 65536, which display owns",
        [("touched", "MEMSET TOUCH"), ("given", "MEMSET GIVE")]),
    "touch_by_a_thread": (
        "ownership", CRASH, "ownership: write to memfd:picture, byte 0 of 65536, which display owns",
        [("touched", "THREAD TOUCH"), ("given", "THREAD GIVE")]),
    "touch_of_what_was_passed": (
        ALL, CRASH, "ownership: write to memfd:picture, byte 0 of 65536, which camera owns",
        [("touched", "PASS TOUCH"), ("passed", "PASS GIVE")]),
    "touch_of_what_is_in_quarantine": (
        ALL, CRASH, "ownership: write to memfd:picture, byte 0 of 65536, which display owns",
        [("touched", "LOST TOUCH"), ("given", "LOST GIVE")]),
    "touch_before_the_home_gives": (
        ALL, CRASH, "ownership: read of memfd:picture, byte 3 of 65536, which the side that opened it owns",
        [("touched", "IMPORT TOUCH")]),
    "touch_in_a_pool": (
        ALL, CRASH, "ownership: write to dram:picture, byte 65535 of 65536, which device owns",
        [("touched", "POOL TOUCH"), ("given", "POOL GIVE")]),
    # the pages themselves: with coherency it is a shadow that is protected
    "a_child_touches_its_copy_of_a_pool": ("ownership", OK, None, []),
    "memory_of_an_import_that_has_ended": ("ownership", OK, None, []),
    "another_fault_is_its_own_handlers": (ALL, OK, None, []),
    "touches_of_what_is_owned": (ALL, OK, None, []),
    "written_for_a_device_that_only_writes": (
        ALL, FOUND, "coherency: memfd:picture: 65536 bytes from byte 0 on were written by the CPU, given to "
        "display, which is attached for writing only, and not written by it: they are nobody's now",
        [("given", "ONLYWRITES GIVE"), ("taken", "ONLYWRITES HERE")]),
    "a_device_writes_what_it_may_read": (
        ALL, FOUND, "coherency: memfd:picture: 20 bytes from byte 10 on were changed while display had them, "
        "which is attached for reading only: the CPU does not see it",
        [("given", "ONLYREADS GIVE"), ("taken", "ONLYREADS HERE")]),
    "a_device_writes_what_it_was_not_given": (
        ALL, FOUND, "coherency: memfd:picture: 100 bytes from byte 32768 on were changed by another side "
        "while the CPU owned them, which does not see it",
        [("given", "NOTGIVEN GIVE"), ("detached", "NOTGIVEN HERE")]),
    "written_while_a_device_has_it": (
        "coherency,exitcode=23", FOUND, "coherency: memfd:picture: 1 bytes from byte 7 on were written by "
        "the CPU while display had them: AMPHORA_SANITIZE=ownership says where",
        [("given", "AWAY GIVE"), ("taken", "AWAY HERE")]),
    "never_given_at_all": (
        ALL, FOUND, "coherency: memfd:picture: 65536 bytes from byte 0 on were written by the CPU and never "
        "given to display, which does not see them", [("detached", "NEVER HERE")]),
    "syncs_that_are_right": (ALL, OK, None, []),
    "a_session_is_left_open": (
        ALL, FOUND, "leaks: the session with display is still open", [("opened", "SESSION OPEN")]),
    "nothing_is_left_open": (ALL, OK, None, []),
    "a_child_has_nothing_of_its_own_open": (ALL, OK, None, []),
}
WORDS = {
    # words: (exit status, stderr)
    "owner": (1, '"owner" is not one of ownership, coherency, leaks, all, exitcode=0 to exitcode=255'),
    "leaks,exitcode=256": (1, '"exitcode=256" is not one of'),
    "leaks,exitcode=": (1, '"exitcode=" is not one of'),
    "leaks,,ownership,": (0, ""),
}


def check_words(program):
    problems = []
    for words, (status, text) in WORDS.items():
        done = run([program, "nothing_is_left_open"], words)
        if done.returncode != status or text not in done.stderr or (not text and done.stderr):
            problems.append(f"AMPHORA_SANITIZE={words}: exit {done.returncode}: {done.stderr}")
    return problems


def main():
    name, program, source = sys.argv[1:]
    if name == "words":
        problems = check_words(program)
    else:
        words, status, first, places = SCENARIOS[name]
        problems = compare(run([program, name], words), source, status, first, places)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
