/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what all threads are doing, those of users' lanes included, to a file that only the
 * worker's user can read. A host without a JDK has no tool for that.
 */
public final class ThreadDump {
  private static final Logger log = LoggerFactory.getLogger(ThreadDump.class);
  private static final long PAUSE = Duration.ofMinutes(10).toNanos();

  private final Path parent;
  private final LongSupplier nanos;
  private final AtomicLong notBefore;

  /** They are some megabytes each, in a container of its memory, and a restart is due by then. */
  private int left = 3;

  /** Nothing is written yet. */
  public ThreadDump(Path parent, LongSupplier nanos) {
    this.parent = parent;
    this.nanos = nanos;
    this.notBefore = new AtomicLong(nanos.getAsLong());
  }

  /** Writes them unless it did within the last ten minutes, three times at most. Does not block. */
  public void take() {
    if (isDue()) {
      // No virtual thread: perhaps none of them can run.
      Thread.ofPlatform().daemon().name("thread-dump").start(this::write);
    }
  }

  boolean isDue() {
    long now = nanos.getAsLong();
    long due = notBefore.get();
    return now - due >= 0 && notBefore.compareAndSet(due, now + PAUSE);
  }

  private synchronized void write() {
    if (left == 0) {
      return;
    }
    left--;
    try {
      // A new one each time: what cleans up may have removed the last, and others made its name.
      Path directory = Files.createTempDirectory(parent, "zcbot-threads-");
      Path file = directory.toAbsolutePath().resolve("threads.txt");
      ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
          .dumpThreads(file.toString(), ThreadDumpFormat.TEXT_PLAIN);
      log.warn("work stands still; {} tells what each thread is doing", file);
    } catch (IOException | RuntimeException e) {
      log.warn(
          "work stands still, and {} can't have a file that tells why: {}", parent, e.toString());
    }
  }
}
