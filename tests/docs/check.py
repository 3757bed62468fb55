#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that the documents are true where a program can tell.

usage: check.py ROOT [--write]

 1. A relative link in README.md or docs/ names a file that is there, and a heading that is in it.
 2. The C code in README.md is the marked part of each of EXAMPLES, in order (--write puts it there).
 3. A `make TARGET` that a document names is a target of the Makefile.
 4. A function that a document names, amph_...(), is declared in a public header.
Exit 0 when all hold.
"""
import re
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
CODE = re.compile(r"^```c\n(.*?)^```", re.M | re.S)
EXAMPLES = ["give_and_take.c", "fast_path.c"]
MARKED = re.compile(r"/\* \[README\] \*/\n(.*?)/\* \[README\] \*/", re.S)


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    found = set()
    for title in re.findall(r"^#+ +(.*)$", FENCE.sub("", text), re.M):
        words = re.sub(r"[^\w\- ]", "", title.strip().lower())
        found.add(words.replace(" ", "-"))
    return found


def main():
    root = Path(sys.argv[1]).resolve()
    readme = root / "README.md"
    documents = [readme, *sorted((root / "docs").rglob("*.md"))]
    problems = []

    marked = [MARKED.search((root / "examples" / name).read_text()).group(1) for name in EXAMPLES]
    if "--write" in sys.argv:
        parts = iter(marked)
        readme.write_text(CODE.sub(lambda _: f"```c\n{next(parts)}```", readme.read_text()))
    if CODE.findall(readme.read_text()) != marked:
        problems.append("README.md: its code is not that of " + ", ".join(EXAMPLES)
                        + ": tests/docs/check.py . --write")

    targets = set(re.findall(r"^([a-z][\w-]*):", (root / "Makefile").read_text(), re.M))
    declared = set()
    for header in (root / "include/amphora").glob("*.h"):
        declared |= set(re.findall(r"\bamph_\w+", header.read_text()))

    for document in documents:
        text = document.read_text()
        name = document.relative_to(root)
        for link in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            if not target.exists():
                problems.append(f"{name}: link to {link}: there is no such file")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                problems.append(f"{name}: link to {link}: there is no such heading")
        for target in re.findall(r"(?:`|^)make ([a-z][\w-]*)", text, re.M):
            if target not in targets:
                problems.append(f"{name}: make {target}: there is no such target")
        for function in re.findall(r"\b(amph_\w+)\(\)", text):
            if function not in declared:
                problems.append(f"{name}: {function}(): no public header declares it")
    for problem in problems:
        print(problem)
    print(f"{len(documents)} documents, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
