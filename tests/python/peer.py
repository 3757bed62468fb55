#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A peer of the share protocol, written from docs/protocol.md alone, over the process channel.

usage: peer.py SOCKET [main|peer]

Connects to a Unix seqpacket socket and, as main (default) or peer of the session:
offers a buffer of its own, gives it, takes it back and looks at what the other side did (it must
have inverted every byte); asks for memory, computes in it (adds 1 to every byte) and returns it;
tells a few lies, which must be refused and cost nothing; and leaves.
"""
import array
import fcntl
import mmap
import os
import socket
import struct
import sys
import time

HELLO, WELCOME, READY, REJECT, OFFER, SEGMENTS, ACCEPT, REFUSE, GIVE, RETURN, PASS, RELEASE, \
    RELEASED, REQUEST, DENY, HEARTBEAT, GOODBYE = range(1, 18)
STALE, REPLAY, NOT_FOUND, INVALID, NOT_OWNER = 3, 4, 6, 8, 10
OFFER_FD = 0x100
HEARTBEAT_MS = 100

F_ADD_SEALS = 1033
F_SEAL_SHRINK, F_SEAL_GROW = 2, 4


class Ended(Exception):
    """The session is over, orderly or not."""


class Session:
    """The session's stamps and numbers, and what every message must pass."""

    def __init__(self, path, main):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.main = main
        self.epoch = int.from_bytes(os.urandom(8), "little") | 1 if main else time.time_ns()
        self.other = 0
        self.sent = self.received = 0
        self.beat = self.heard = time.monotonic()
        self.other_heartbeat = 0
        self.waiting = []  # messages that somebody will wait for
        self.closing = False

    # --- sending ---

    def send(self, kind, body=b"", fd=None, epochs=None, sequence=None):
        if sequence is None:
            sequence = 0
            if kind not in (HELLO, WELCOME, READY):
                self.sent = (self.sent + 1) & 0xffffffff
                sequence = self.sent
        source, to = epochs or (self.epoch, self.other)
        packet = struct.pack("<HHIQQ", kind, 24 + len(body), sequence, source, to) + body
        ancillary = []
        if fd is not None:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.socket.sendmsg([packet], ancillary)
        self.beat = time.monotonic()

    def send_answer(self, kind, handle, generation, reason=0, flags=0):
        self.send(kind, struct.pack("<IIII", handle, generation, reason, flags))

    def send_handoff(self, kind, share, offset, length, cookie):
        self.send(kind, struct.pack("<IIQQQII", share.handle, share.generation, offset, length,
                                    cookie, 0, share.direction))

    def hello(self):
        return struct.pack("<HHIIIII", 1, 1, 0, 1, HEARTBEAT_MS, 496, 0)

    # --- receiving ---

    def packet(self, timeout):
        """One packet: (type, sequence, from, to, body, fd), or None after timeout seconds."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(496, socket.CMSG_LEN(16))
        except TimeoutError:
            return None
        if not data:
            raise Ended("the other side is gone")
        fd = None
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
                fd = fds[0]
                for other in fds[1:]:
                    os.close(other)
        assert not flags & socket.MSG_TRUNC and len(data) >= 24
        kind, length, sequence, source, to = struct.unpack_from("<HHIQQ", data)
        assert length == len(data)
        return kind, sequence, source, to, data[24:], fd

    def open(self, deadline=5):
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if self.main:
                self.send(HELLO, self.hello(), epochs=(self.epoch, 0))
            got = self.packet(0.1)
            if not got:
                continue
            kind, _, source, to, body, _ = got
            if self.main and kind == WELCOME and to == self.epoch:
                version, again, flags, _, self.other_heartbeat, most, zero = \
                    struct.unpack("<HHIIIII", body)
                assert (version, again, flags, zero) == (1, 1, 0, 0) and most >= 152
                self.other = source
                self.send(READY)
                return
            if not self.main and kind == HELLO and to == 0:
                least, newest, _, _, self.other_heartbeat, _, _ = struct.unpack("<HHIIIII", body)
                assert least <= 1 <= newest
                self.other = source
                self.send(WELCOME, self.hello())
            if not self.main and kind == READY and (source, to) == (self.other, self.epoch):
                return
        raise Ended("nobody greets")

    def step(self, timeout=0.02):
        """Handles at most one packet, and the heartbeats. Returns the message or None."""
        now = time.monotonic()
        if now - self.beat > HEARTBEAT_MS / 1000:
            self.send(HEARTBEAT)
        if self.other_heartbeat and now - self.heard > 4 * self.other_heartbeat / 1000:
            raise Ended("the other side is silent")
        got = self.packet(timeout)
        if not got:
            return None
        kind, sequence, source, to, body, fd = got
        if kind in (HELLO, WELCOME, READY):
            assert source == self.other, "the other side started anew"
            return None
        assert (source, to) == (self.other, self.epoch), "another life"
        assert sequence == (self.received + 1) & 0xffffffff, "a gap or a replay"
        self.received = sequence
        self.heard = time.monotonic()
        if kind == HEARTBEAT:
            return None
        if kind == GOODBYE:
            if not self.closing:
                self.send(GOODBYE, struct.pack("<II", 0, 0))
            raise Ended("")
        message = (kind, body, fd)
        self.waiting.append(message)
        return message

    def wait(self, kind, deadline=5):
        """The next message of that kind; others stay for those who wait for them."""
        end = time.monotonic() + deadline
        while True:
            for message in self.waiting:
                if message[0] == kind:
                    self.waiting.remove(message)
                    return message[1], message[2]
            if time.monotonic() > end:
                raise Ended(f"no message of type {kind} came")
            self.step()

    def expect_reject(self, kind, reason):
        body, _ = self.wait(REJECT)
        what = struct.unpack_from("<HH", body)
        assert what == (kind, reason), f"refused {what}, expected {(kind, reason)}"

    def close(self):
        self.closing = True
        self.send(GOODBYE, struct.pack("<II", 0, 0))
        try:
            while True:
                self.step()
        except Ended as end:
            if str(end):
                raise


class Share:
    """One buffer: who it is on the wire, and its bytes here."""

    def __init__(self, handle, generation, size, direction, memory):
        self.handle, self.generation = handle, generation
        self.size, self.direction, self.memory = size, direction, memory


def as_home(session):
    """Offers 16384 bytes, gives the first 8192 and then all, and takes them back inverted."""
    size = 16384
    fd = os.memfd_create("python", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)
    share = Share(5, 77, size, 3, mmap.mmap(fd, size))
    pattern = bytes((i * 7 + i // 256) & 0xff for i in range(size))
    share.memory[:] = pattern

    name = b"python:picture".ljust(64, b"\0")
    # two segments in two messages, which follow each other in the fd
    session.send(OFFER, struct.pack("<IIQIIIIII64sIIQQ", share.handle, share.generation, size,
                                    OFFER_FD, share.direction, 64, 0, 2, 0, name, 1, 0,
                                    0, 4096), fd=fd)
    session.send(SEGMENTS, struct.pack("<IIIIQQ", share.handle, share.generation, 1, 1,
                                       4096, size - 4096))
    os.close(fd)
    body, _ = session.wait(ACCEPT)
    assert struct.unpack("<IIII", body) == (share.handle, share.generation, 0, 0)

    for length, cookie in ((8192, 1), (size, 2)):
        session.send_handoff(GIVE, share, 0, length, cookie)
        got = 0
        while got < length:  # in any pieces
            body, _ = session.wait(RETURN)
            handle, generation, offset, piece, _, flags, direction = \
                struct.unpack("<IIQQQII", body)
            assert (handle, generation, flags, direction) == (5, 77, 0, 3)
            assert offset + piece <= length
            got += piece
    # the first half was inverted twice, the second once
    assert share.memory[:8192] == pattern[:8192]
    assert share.memory[8192:] == bytes(255 - b for b in pattern[8192:])

    session.send_answer(RELEASE, share.handle, share.generation, flags=1)
    body, _ = session.wait(RELEASED)
    assert struct.unpack("<IIII", body) == (share.handle, share.generation, 0, 0)
    share.memory.close()


def as_importer(session):
    """Asks for memory, adds 1 to every byte of what it is given, and returns it in two pieces."""
    session.send(REQUEST, struct.pack("<IIQII64s", 9, 0, 8192, 3, 0, b"memfd:wanted"))
    body, fd = session.wait(OFFER)
    handle, generation, size, flags, direction, granule, method, segments, request, _, count, _ = \
        struct.unpack_from("<IIQIIIIII64sII", body)
    assert flags & OFFER_FD and fd is not None and (method, request) == (0, 9)
    assert segments == count == 1
    address, length = struct.unpack_from("<QQ", body, 112)
    assert length == size == 8192
    share = Share(handle, generation, size, direction,
                  mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE,
                            offset=address))
    os.close(fd)
    session.send_answer(ACCEPT, handle, generation)

    body, _ = session.wait(GIVE)
    got = struct.unpack("<IIQQQII", body)
    assert got[:4] == (handle, generation, 0, size) and got[5:] == (0, direction)
    share.memory[:] = bytes((b + 1) & 0xff for b in share.memory[:])

    lies(session, share, granule)
    session.send_handoff(RETURN, share, size // 2, size // 2, 11)
    session.send_handoff(RETURN, share, size // 2, size // 2, 12)  # twice
    session.expect_reject(RETURN, NOT_OWNER)
    session.send_handoff(RETURN, share, 0, size // 2, 13)

    body, _ = session.wait(RELEASE)
    assert struct.unpack("<IIII", body) == (handle, generation, 0, 1)
    share.memory.close()
    session.send_answer(RELEASED, handle, generation)


def lies(session, share, granule):
    """Each is refused, and the session goes on."""
    good = struct.pack("<IIQQQII", share.handle, share.generation, 0, share.size, 0, 0,
                       share.direction)
    session.send(RETURN, good, epochs=(session.epoch ^ 2, session.other), sequence=0)
    got = None
    while not got or got[0] != REJECT:  # stamped for the life that it was told of
        got = session.packet(1)
        if got and got[0] != REJECT:
            assert got[0] == HEARTBEAT
            session.received = got[1]
    assert got[3] == session.epoch ^ 2 and struct.unpack_from("<HH", got[4]) == (RETURN, STALE)
    session.send(RETURN, good, sequence=session.sent)
    session.expect_reject(RETURN, REPLAY)
    for offset, length in ((0, 0), (share.size, granule), (0, share.size + granule),
                           (2 ** 64 - granule, 2 * granule)):
        session.send_handoff(RETURN, share, offset, length, 0)
        session.expect_reject(RETURN, INVALID)
    stranger = Share(share.handle, share.generation + 1, share.size, share.direction, None)
    session.send_handoff(RETURN, stranger, 0, share.size, 0)
    session.expect_reject(RETURN, NOT_FOUND)
    session.send_answer(ACCEPT, 4711, 1)
    session.expect_reject(ACCEPT, NOT_FOUND)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["main"], ["peer"]):
        sys.exit(__doc__)
    session = Session(sys.argv[1], sys.argv[2:] != ["peer"])
    session.open()
    as_home(session)
    as_importer(session)
    session.close()
    print(f"{'peer' if sys.argv[2:] == ['peer'] else 'main'}: verified")


if __name__ == "__main__":
    main()
