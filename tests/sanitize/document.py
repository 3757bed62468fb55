#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: document.py [--write] DOCUMENT FOLDER

The block after <!-- NAME --> in the document is what the example NAME says under its sanitizer, but for the
number of the process and the folder of its source. --write puts it there. FOLDER: where the examples are.
"""
import re
import sys
from pathlib import Path

from check import run

BLOCK = re.compile(r"(<!-- (\w+) -->\n```\n)(.*?)(```)", re.S)


def said(folder, name):
    text = run([f"{folder}/example_sanitize_{name}"], name).stderr
    text = re.sub(r"^==\d+==", "==4711==", text, flags=re.M)
    return re.sub(r"\S*/examples/", "examples/", text)


def main():
    arguments = sys.argv[1:]
    write = arguments[0] == "--write"
    document, folder = arguments[write:]
    before = Path(document).read_text(encoding="utf-8")
    after = BLOCK.sub(lambda block: block[1] + said(folder, block[2]) + block[4], before)
    if write:
        Path(document).write_text(after, encoding="utf-8")
    elif after != before or len(BLOCK.findall(before)) != 3:
        print(f"{document}: not what the examples say: {__file__} --write {document} {folder}")
        print(after)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
