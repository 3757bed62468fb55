#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the checker: a small tree that keeps the rules passes, and every planted violation of one
is found and named.

usage: test_check.py --cc CC [--cxx CXX]
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check.py")

GOOD = {
    "include/amphora/error.h": "#ifndef E\n#define E\n#include <stdint.h>\n#endif\n",
    "include/amphora/shm.h": "#ifndef S\n#define S\n#include <amphora/error.h>\n"
                             "int amph_shm_open(uint32_t size);\n#endif\n",
    "include/amphora/channel.h": "#ifndef C\n#define C\nint amph_channel_send(void);\n#endif\n",
    "include/amphora/session.h": "#ifndef N\n#define N\n#include <amphora/shm.h>\n"
                                 "#include <amphora/channel.h>\nint amph_session_open(void);\n"
                                 "#endif\n",
    "lib/memory/shm.c": "#include <amphora/shm.h>\n"
                        "static const int limits[] = {1, 2};\n"
                        "static int one(void) { return 1; }\n"
                        "static int (*const table[])(void) = {one};\n"
                        "int amph_shm_open(uint32_t size)\n"
                        "{ char b[64]; __builtin_memset(b, (int)size, 64);\n"
                        "return b[size & 63] + limits[size & 1] + table[0](); }\n",
    "lib/transport/channel.c": "#include <amphora/channel.h>\n"
                               "int amph_channel_send(void) { return 0; }\n",
    "lib/share/session.c": "#include <amphora/session.h>\n"
                           "int amph_session_open(void)\n"
                           "{ return amph_shm_open(1) + amph_channel_send(); }\n",
    "lib/memory/linux/memfd.c": "#include <stdlib.h>\n#include <amphora/shm.h>\n"
                                "int amph_memfd_open(void)\n"
                                "{ void *p = malloc(1); free(p); return amph_shm_open(1); }\n",
    "tools/tool.c": "#include <stdio.h>\n#include <amphora/session.h>\n",
}

# what is planted: its file, its text, and the line that must be reported
PLANTED = [
    ("lib/memory/knows_transport.c", "#include <amphora/channel.h>\n",
     "layer: memory includes amphora/channel.h of transport"),
    ("lib/transport/knows_memory.c", "#include <amphora/shm.h>\n",
     "layer: transport includes amphora/shm.h of memory"),
    ("lib/memory/knows_share.c", "#include <amphora/session.h>\n",
     "layer: memory includes amphora/session.h of share"),
    ("lib/platform/linux/knows_memory.c", "#include <amphora/shm.h>\n",
     "layer: platform includes amphora/shm.h of memory"),
    ("lib/remoteproc/knows_share.c", "#include <amphora/session.h>\n",
     "layer: remoteproc includes amphora/session.h of share"),
    ("lib/transport/private_header.c", '#include "memory/private.h"\n',
     "layer: transport includes memory/private.h of memory"),
    ("lib/memory/by_hand.c",
     "int amph_channel_send(void);\nint amph_memory_by_hand(void);\n"
     "int amph_memory_by_hand(void) { return amph_channel_send(); }\n",
     "layer: memory needs amph_channel_send of transport"),
    ("lib/memory/system_header.c", "#include <stdlib.h>\n", "system header: includes stdlib.h"),
    ("lib/memory/libc_call.c",
     "void *malloc(unsigned long);\nvoid *amph_memory_libc(void);\n"
     "void *amph_memory_libc(void) { return malloc(8); }\n", "freestanding: needs malloc"),
    ("lib/memory/moves.c",
     "void amph_memory_moves(char *b, unsigned long n);\n"
     "void amph_memory_moves(char *b, unsigned long n) { __builtin_memmove(b, b + 1, n); }\n",
     "freestanding: needs memmove"),
    ("lib/share/global_state.c",
     "int amph_share_count(void);\nint amph_share_count(void)\n"
     "{ static int calls; return ++calls; }\n", "global state: holds the variable calls"),
    ("lib/share/name.c", "int helper(void);\nint helper(void) { return 0; }\n",
     "name: defines helper"),
    ("lib/unknown/file.c", "int amph_nothing(void);\n", "layer: belongs to no layer"),
    ("include/amphora/unknown.h", "#define AMPH_UNKNOWN 1\n", "layer: belongs to no layer"),
    ("include/amphora/rpmsg.h", "int amph_rpmsg_needs(uint32_t size);\n", "self-contained: "),
    ("include/amphora/order.h", "#include <stdio.h>\n", "system header: includes stdio.h"),
    ("include/amphora/io.h", "#include <amphora/error.h>\nstatic inline void *amph_cast(void *p)\n"
     "{ int *class = (int *)p; return class; }\n", "self-contained: "),
    ("include/amphora/pool.h", '#include "memory/private.h"\n',
     "layer: a public header includes the private memory/private.h"),
    ("tools/private.c", '#include "memory/private.h"\n',
     "private header: includes memory/private.h of lib/"),
]


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="")
    arguments = parser.parse_args()
    command = [sys.executable, str(CHECK), "--cc", arguments.cc, "--cxx", arguments.cxx]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, GOOD)
        done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"a tree that keeps the rules was refused:\n{done.stdout}{done.stderr}")
            failed += 1

        write(root, {"lib/memory/private.h": "#define PRIVATE 1\n"})
        write(root, {name: text for name, text, _ in PLANTED})
        done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        if done.returncode != 1:
            print(f"exit {done.returncode} with violations planted:\n{done.stdout}{done.stderr}")
            failed += 1
        for name, _, expected in PLANTED:
            if name == "include/amphora/io.h" and not arguments.cxx:
                continue  # a C++ keyword: only a C++ compiler can tell
            if not any(line.startswith(f"{name}: {expected}") for line in lines):
                print(f"not found: {name}: {expected}")
                failed += 1
        named = {line.split(":")[0] for line in lines[:-1]}
        for name in sorted(named - {name for name, _, _ in PLANTED}):
            print(f"wrongly accused: {name}")
            failed += 1
    print(f"{len(PLANTED)} planted violations, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
