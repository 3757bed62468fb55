#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs peer.py against a program that serves a socket: run_peer.py PROGRAM, in both roles.

PROGRAM SOCKET ROLE listens at SOCKET, takes one connection, is ROLE (main or peer) in the
session, and exits with 0 when everything was right.
"""
import os
import subprocess
import sys
import tempfile
import time


def run(program, role, other):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "share")
        with subprocess.Popen([program, path, other]) as served:
            try:
                end = time.monotonic() + 10
                while not os.path.exists(path) and time.monotonic() < end:
                    time.sleep(0.01)
                peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.py")
                result = subprocess.run([sys.executable, peer, path, role], timeout=30,
                                        check=False).returncode
                return result or served.wait(10)
            finally:
                served.kill()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], "main", "peer") or run(sys.argv[1], "peer", "main"))
