/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * How much memory one scrape of a worker's metrics allocates: all users wait while the young
 * generation, of 16 MiB, is collected. Isolated, because it counts the allocations of all threads.
 */
@Tag("engine")
@Tag("kafka")
@Isolated
class ScrapeAllocationIT {
  private static final int SCRAPES = 20;
  private static final long MOST_BYTES = 4_000_000;

  private static final byte[] REQUEST =
      "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".getBytes(US_ASCII);

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final byte[] buffer = new byte[1 << 16];
  private Deployment deployment;

  @BeforeEach
  void work() throws Exception {
    deployment = new Deployment().withOps();
    deployment.start("a");
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    deployment.agent().activity(user);
    deployment.agent().exec(user, "e", "'command':['true']");
    deployment.log().awaitExited("e");
  }

  @AfterEach
  void close() throws Exception {
    deployment.close();
  }

  @Test
  void aScrapeAllocatesLittle() throws Exception {
    scrape(); // loads what is used

    long least = Long.MAX_VALUE; // during one of them nobody else was at work
    for (int i = 0; i < SCRAPES; i++) {
      long before = threads.getTotalThreadAllocatedBytes();
      scrape();
      least = Math.min(least, threads.getTotalThreadAllocatedBytes() - before);
    }
    assertThat(least).as("bytes for each scrape").isLessThan(MOST_BYTES);
  }

  /** Scrapes as Prometheus does, with a client that allocates almost nothing itself. */
  private void scrape() throws IOException {
    long bytes = 0;
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), deployment.ops().port())) {
      socket.getOutputStream().write(REQUEST);
      InputStream answer = socket.getInputStream();
      for (int read; (read = answer.read(buffer)) >= 0; ) {
        bytes += read;
      }
    }
    assertThat(bytes).as("bytes of the page").isGreaterThan(100_000);
  }
}
