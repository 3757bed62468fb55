#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""amphora serve finds edges for peers in another language, and outlives those that lie or die.

The peer is tests/python/peer.py, written from docs/protocol.md alone. Usage: serve.py AMPHORA"""
import fcntl
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import pngs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import peer  # noqa: E402

AMPHORA = sys.argv[1]
DETECT = 1 << 56
OUT_OF_REACH, BAD_SIZE = 3, 1


def memfd(size, seals=peer.F_SEAL_SHRINK | peer.F_SEAL_GROW):
    fd = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if seals:
        fcntl.fcntl(fd, peer.F_ADD_SEALS, seals)
    return fd


class Serve(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "socket")
        self.server = subprocess.Popen([AMPHORA, "serve", self.path], stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        self.assertIn("serving", self.server.stdout.readline())

    def open(self):
        session = peer.Session(self.path, True)
        self.addCleanup(session.socket.close)
        session.open()
        return session

    def offer(self, session, handle, size, fd, direction=3):
        session.send(peer.OFFER, struct.pack(
            "<IIQIIIIII64sIIQQ", handle, 1, size, peer.OFFER_FD, direction, 1, 0, 1, 0,
            b"python:picture".ljust(64, b"\0"), 1, 0, 0, size), fd=fd)
        share = peer.Share(handle, 1, size, direction, mmap.mmap(fd, size))
        os.close(fd)
        return share

    def give_and_take(self, session, share, cookie):
        session.send_handoff(peer.GIVE, share, 0, share.size, cookie)
        body, _ = session.wait(peer.RETURN)
        fields = struct.unpack("<IIQQQII", body)
        self.assertEqual(fields[:4], (share.handle, 1, 0, share.size))
        return fields[4]

    def test_a_python_peer_gets_the_edges_of_its_picture(self):
        session = self.open()
        for number, (width, height) in enumerate(((1, 1), (3, 3), (100, 41), (640, 11)), 1):
            plane = (width * height + 4095) & ~4095
            share = self.offer(session, number, 2 * plane, memfd(2 * plane))
            session.wait(peer.ACCEPT)
            grey = random.Random(number).randbytes(width * height)
            share.memory[:width * height] = grey
            cookie = DETECT | height << 16 | width
            self.assertEqual(self.give_and_take(session, share, cookie), DETECT)
            self.assertEqual(share.memory[plane:plane + width * height],
                             pngs.edges(grey, width, height))
            self.assertEqual(self.give_and_take(session, share, DETECT | 8192 << 16 | 8192),
                             DETECT | BAD_SIZE)
            session.send_answer(peer.RELEASE, share.handle, 1, flags=1)
            session.wait(peer.RELEASED)
        session.close()
        lines = ""
        while "closed in order" not in lines:
            lines += self.server.stdout.readline()

    def test_an_order_returns_all_that_was_given_before_it(self):
        session = self.open()
        share = self.offer(session, 1, 16384, memfd(16384))
        session.wait(peer.ACCEPT)
        grey = random.Random(5).randbytes(64 * 64)
        share.memory[:4096] = grey
        session.send_handoff(peer.GIVE, share, 0, 4096, 0)
        session.send_handoff(peer.GIVE, share, 12288, 4096, 0)
        session.send_handoff(peer.GIVE, share, 4096, 4096, DETECT | 64 << 16 | 64)
        got = []
        while not got or got[-1][2] & 0x100:
            body, _ = session.wait(peer.RETURN)
            got.append(struct.unpack("<IIQQQII", body)[2:5])
        self.assertEqual(got, [(0, 8192, DETECT | 0x100), (12288, 4096, DETECT)])
        self.assertEqual(share.memory[4096:8192], pngs.edges(grey, 64, 64))
        session.send_answer(peer.RELEASE, 1, 1, flags=1)
        session.wait(peer.RELEASED)
        session.close()

    def test_edges_of_a_buffer_that_may_not_be_read_are_refused(self):
        session = self.open()
        share = self.offer(session, 1, 8192, memfd(8192), direction=2)
        session.wait(peer.ACCEPT)
        self.assertEqual(self.give_and_take(session, share, DETECT | 8 << 16 | 8),
                         DETECT | OUT_OF_REACH)
        session.send_answer(peer.RELEASE, 1, 1, flags=1)
        session.wait(peer.RELEASED)
        session.close()

    def test_memory_that_could_shrink_is_refused(self):
        session = self.open()
        self.offer(session, 1, 8192, memfd(8192, seals=0))
        body, _ = session.wait(peer.REFUSE)
        self.assertEqual(struct.unpack_from("<II", body), (1, 1))
        session.close()

    def test_memory_smaller_than_what_is_offered_is_refused(self):
        session = self.open()
        fd = memfd(4096)
        session.send(peer.OFFER, struct.pack(
            "<IIQIIIIII64sIIQQ", 1, 1, 1 << 40, peer.OFFER_FD, 3, 1, 0, 1, 0,
            b"python:liar".ljust(64, b"\0"), 1, 0, 0, 1 << 40), fd=fd)
        session.wait(peer.REFUSE)
        os.close(fd)
        session.close()

    def test_a_buffer_that_is_only_read_is_never_written(self):
        session = self.open()
        share = self.offer(session, 1, 8192, memfd(8192), direction=1)
        session.wait(peer.ACCEPT)
        self.assertEqual(self.give_and_take(session, share, DETECT | 8 << 16 | 8),
                         DETECT | OUT_OF_REACH)
        self.assertEqual(share.memory[:], bytes(8192))
        session.send_answer(peer.RELEASE, 1, 1, flags=1)
        session.wait(peer.RELEASED)
        session.close()

    def test_several_clients_are_served_at_once_and_a_dead_one_costs_only_itself(self):
        sessions = [self.open() for _ in range(4)]
        shares = []
        for session in sessions:
            shares.append(self.offer(session, 1, 8192, memfd(8192)))
            session.wait(peer.ACCEPT)
        sessions[0].send_handoff(peer.GIVE, shares[0], 0, 8192, 0)
        sessions[0].socket.close()  # dies while the server holds its buffer
        for session, share in zip(sessions[1:], shares[1:]):
            share.memory[:64] = bytes(range(64))
            self.assertEqual(self.give_and_take(session, share, DETECT | 8 << 16 | 8), DETECT)
            self.assertEqual(share.memory[4096:4160], pngs.edges(bytes(range(64)), 8, 8))
            session.send_answer(peer.RELEASE, 1, 1, flags=1)
            session.wait(peer.RELEASED)
            session.close()
        time.sleep(0.2)
        fds = os.listdir("/proc/%d/fd" % self.server.pid)
        maps = open("/proc/%d/maps" % self.server.pid, encoding="ascii")
        with maps:
            self.assertNotIn("picture", maps.read())  # nothing of a client stays mapped
        self.assertLess(len(fds), 8)
        self.server.send_signal(signal.SIGINT)
        self.assertEqual(self.server.wait(10), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
