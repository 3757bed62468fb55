#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints the functions and objects that headers declare and somebody else defines, sorted.

usage: declared.py HEADER...

Inline functions are none of them. Knows the style of this project's headers, not all of C.
"""
import re
import sys


def declared(text):
    """The names of one header."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.M)
    text = text.replace('extern "C" {', "")
    # from the inside out: what is between braces declares nothing
    found = 1
    while found:
        text, found = re.subn(r"\{[^{}]*\}", ";", text)
    for statement in re.split(r"[;}]", text):
        words = re.findall(r"\w+", statement)
        if not words or words[0] in ("static", "typedef", "AMPH_STATIC_ASSERT"):
            continue
        function = re.search(r"\b(\w+)\s*\(", statement)
        if function:
            yield function.group(1)
        elif words[0] == "extern":
            yield re.findall(r"\w+", statement.split("[")[0])[-1]


def main():
    """Reads the headers that are named; an empty name is none."""
    names = set()
    for path in filter(None, sys.argv[1:]):
        with open(path, encoding="utf-8") as header:
            names.update(declared(header.read()))
    print("\n".join(sorted(names)))


main()
