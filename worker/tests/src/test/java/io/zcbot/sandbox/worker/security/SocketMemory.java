/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

/** An attack on memory that the kernel keeps outside of a process: datagrams that nobody reads. */
final class SocketMemory {
  /**
   * The least number of bytes that one socket holds, if the kernel's default for it is as usual.
   */
  static final int HELD = 200_000;

  private SocketMemory() {}

  /**
   * A program in Python that creates sockets, fills them, takes a thousand pages of memory, and
   * prints how many bytes it can read from the sockets. The kernel refuses no datagram over the
   * limit of a control group; it kills the program when that takes the next page.
   */
  static String attack(int sockets) {
    return """
    import socket
    pairs, held, datagram, room = [], 0, b'x' * 32000, bytearray(32000)
    for i in range(%d):
        reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        reader.bind(('127.0.0.1', 0))
        writer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        writer.connect(reader.getsockname())
        for each in reader, writer: each.setblocking(False)
        pairs.append((reader, writer))
    for reader, writer in pairs:
        try:
            for i in range(20): writer.send(datagram)
        except OSError: pass
    taken = bytearray(4096 * 1000)
    for reader, writer in pairs:
        try:
            while True: held += reader.recv_into(room)
        except OSError: pass
    print(held)"""
        .formatted(sockets);
  }
}
