/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ports of 127.0.0.1 on which nobody listens. Each is given out once by a process, and all are
 * below 32768, from where Linux assigns ports to connections by default: such a port could be taken
 * before a server listens on it.
 */
public final class FreePort {
  private static final int FIRST = 20_000;
  private static final int COUNT = 12_000;
  private static final AtomicInteger NEXT =
      new AtomicInteger(ThreadLocalRandom.current().nextInt(COUNT));

  private FreePort() {}

  /**
   * One of them.
   *
   * @throws IOException if all are in use
   */
  public static int next() throws IOException {
    for (int attempts = 0; attempts < COUNT; attempts++) {
      int candidate = FIRST + Math.floorMod(NEXT.getAndIncrement(), COUNT);
      try (ServerSocket _ = new ServerSocket(candidate, 1, InetAddress.ofLiteral("127.0.0.1"))) {
        return candidate;
      } catch (IOException _) {
        // In use: the next one.
      }
    }
    throw new IOException(
        "no port of 127.0.0.1 from " + FIRST + " to " + (FIRST + COUNT - 1) + " is free");
  }
}
