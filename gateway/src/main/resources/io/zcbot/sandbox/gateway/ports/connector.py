# SPDX-License-Identifier: Apache-2.0
# Joins the connections of a gateway with servers that listen on the sandbox's loopback addresses. All of them share
# standard input and output, in frames: one byte that says what it is, the number of the connection, and a number, of
# four bytes each. DATA is followed by as many bytes. Each side sends only so many bytes of a connection as the other
# one gave it room for, with WINDOW, so that a slow reader holds up nobody else.
#
# connector.py NAME GENERATION INHERITS
#
# The output and the time of a command are limited. So before a connector comes to its limit, the gateway starts the
# next one, which INHERITS, and then lets this one MOVE its connections to it.
import errno
import os
import select
import socket
import struct
import sys
import time

HEADER = struct.Struct(">BII")
OPEN, DATA, END, RESET, WINDOW, MOVE, PING, HELLO, MOVED = range(1, 10)
NOT_OPEN, BROKEN = 1, 2  # why there was a RESET
ROOM_FROM_SANDBOX, ROOM_TO_SANDBOX = 64 * 1024, 256 * 1024  # of a new connection
PIECE = 64 * 1024
MAX_OUTPUT = 14 << 20  # less than what the runner drops, by all that can still be written after it
SILENCE = 60  # seconds after which the gateway is gone
PATIENCE = 20  # seconds for a move
ADDRESSES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
# Of a connection that is moved: its number, port, room, bytes taken, bytes to be written, and flags.
MOVING = struct.Struct(">IHIIIB")

streams = {}
written = 0


def send(kind, number, value, data=b""):
    global written
    rest = memoryview(HEADER.pack(kind, number, value) + data)
    written += len(rest)
    while rest:
        rest = rest[os.write(1, rest):]


class Stream:
    def __init__(self, number, port):
        self.number, self.port = number, port
        self.socket = None
        self.is_connecting = False
        self.addresses = list(ADDRESSES)
        self.pending = bytearray()
        self.room = ROOM_FROM_SANDBOX
        self.taken = 0
        self.is_ended = False  # by the gateway
        self.has_ended = False
        self.is_broken = False  # takes no more bytes

    def connect(self):
        """Tries the next address."""
        while self.addresses:
            family, address = self.addresses.pop(0)
            try:
                self.socket = socket.socket(family, socket.SOCK_STREAM)
            except OSError:
                continue
            self.socket.setblocking(False)
            if self.socket.connect_ex((address, self.port)) in (0, errno.EINPROGRESS):
                self.is_connecting = True
                return
            self.socket.close()
        self.reset(NOT_OPEN)

    def reset(self, why):
        send(RESET, self.number, why)
        self.forget()

    def forget(self):
        if self.socket:
            self.socket.close()
        del streams[self.number]

    def wanted(self):
        if self.is_connecting:
            return select.POLLOUT
        wanted = 0
        if not self.has_ended and self.room > 0 and written < MAX_OUTPUT:
            wanted |= select.POLLIN
        if self.pending:
            wanted |= select.POLLOUT
        return wanted

    def ready(self, events):
        if self.is_connecting:
            self.is_connecting = False
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
                self.socket.close()
                self.connect()
                return
            self.addresses = []
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif not self.has_ended and self.room > 0 and events & ~select.POLLOUT:
            self.read()
        if self.number in streams:
            self.write()

    def read(self):
        try:
            data = self.socket.recv(min(PIECE, self.room))
        except BlockingIOError:
            return
        except OSError:
            self.reset(BROKEN)
            return
        if data:
            self.room -= len(data)
            send(DATA, self.number, len(data), data)
        else:
            self.has_ended = True
            send(END, self.number, 0)
            self.forget_if_over()

    def write(self):
        """Writes what waits, and tells the gateway for how much more there is room."""
        count = 0
        if self.is_broken:
            count = len(self.pending)
        elif self.pending:
            try:
                count = self.socket.send(self.pending)
            except BlockingIOError:
                pass
            except OSError:
                self.is_broken = True  # its answer may still come
                count = len(self.pending)
        del self.pending[:count]
        self.taken += count
        if self.taken >= ROOM_TO_SANDBOX // 4:
            send(WINDOW, self.number, self.taken)
            self.taken = 0
        if self.is_ended and not self.pending:
            if not self.is_broken:
                self.is_broken = True
                try:
                    self.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            self.forget_if_over()

    def forget_if_over(self):
        if self.has_ended and self.is_ended and not self.pending:
            self.forget()


def handle(kind, number, value, data):
    stream = streams.get(number)
    if kind == OPEN:
        streams[number] = stream = Stream(number, value)
        stream.connect()
    elif kind == MOVE:
        move(value)
    elif stream is None:
        pass  # it has ended meanwhile
    elif kind == DATA:
        stream.pending += data
        if not stream.is_connecting:
            stream.write()
    elif kind == END:
        stream.is_ended = True
        if not stream.is_connecting:
            stream.write()
    elif kind == RESET:
        stream.forget()
    elif kind == WINDOW:
        stream.room += value


def address(generation):
    return "\0%s-%d" % (sys.argv[1], generation)


def move(generation):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as heir:
        heir.settimeout(PATIENCE)
        heir.connect(address(generation))
        for stream in streams.values():
            flags = (stream.is_connecting | stream.is_ended << 1 | stream.has_ended << 2 | stream.is_broken << 3
                     | bool(stream.addresses) << 4)
            state = MOVING.pack(stream.number, stream.port, stream.room, stream.taken, len(stream.pending), flags)
            socket.send_fds(heir, [state], [stream.socket.fileno()])
            heir.sendall(stream.pending)
    send(MOVED, 0, 0)
    sys.exit(0)


def inherit(listener):
    heritage, _ = listener.accept()
    with heritage:
        heritage.settimeout(PATIENCE)
        while True:
            state, descriptors, _, _ = socket.recv_fds(heritage, MOVING.size, 1)
            if not state:
                return
            state = exactly(heritage, MOVING.size - len(state), state)
            number, port, room, taken, waiting, flags = MOVING.unpack(state)
            stream = streams[number] = Stream(number, port)
            stream.socket = socket.socket(fileno=descriptors[0])
            stream.socket.setblocking(False)
            stream.room, stream.taken = room, taken
            stream.pending = bytearray(exactly(heritage, waiting))
            stream.is_connecting = bool(flags & 1)
            stream.is_ended, stream.has_ended = bool(flags & 2), bool(flags & 4)
            stream.is_broken = bool(flags & 8)
            if not flags & 16:
                stream.addresses = []
            elif stream.socket.family == socket.AF_INET:
                stream.addresses = ADDRESSES[1:]


def exactly(source, count, data=b""):
    while count > 0:
        more = source.recv(min(count, PIECE))
        if not more:
            sys.exit("the connector before this one broke off")
        data += more
        count -= len(more)
    return data


def main():
    if sys.argv[3] == "1":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(address(int(sys.argv[2])))
            listener.listen(1)
            listener.settimeout(3 * PATIENCE)
            send(HELLO, 0, 0)
            inherit(listener)
    else:
        send(HELLO, 0, 0)
    buffer = bytearray()
    heard = time.monotonic()
    while True:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        by_descriptor = {}
        for stream in streams.values():
            wanted = stream.wanted()
            if wanted:
                descriptor = stream.socket.fileno()
                poll.register(descriptor, wanted)
                by_descriptor[descriptor] = stream
        for descriptor, events in poll.poll(SILENCE * 1000):
            if descriptor == 0:
                data = os.read(0, 4 * PIECE)
                if not data:
                    return
                heard = time.monotonic()
                buffer += data
                while len(buffer) >= HEADER.size:
                    kind, number, value = HEADER.unpack_from(buffer)
                    end = HEADER.size + (value if kind == DATA else 0)
                    if len(buffer) < end:
                        break
                    data = bytes(buffer[HEADER.size:end])
                    del buffer[:end]
                    handle(kind, number, value, data)
            else:
                stream = by_descriptor[descriptor]
                if streams.get(stream.number) is stream and stream.socket.fileno() == descriptor:
                    stream.ready(events)
        if time.monotonic() - heard > SILENCE:
            sys.exit("the gateway is gone")


main()
