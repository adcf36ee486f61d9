/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.zcbot.sandbox.worker.base.Threads;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a dump of all threads, including the virtual threads of users' lanes, to a file that only
 * the worker's user can read. Hosts without a JDK have no tool for that, and the one of JDK 25
 * ({@code HotSpotDiagnosticMXBean.dumpThreads}, also behind {@code jcmd Thread.dump_to_file}) may
 * crash the JVM while virtual threads park (JDK-8364343). Thread-safe.
 */
public final class ThreadDump {
  private static final Logger log = LoggerFactory.getLogger(ThreadDump.class);
  private static final long PAUSE = Duration.ofMinutes(10).toNanos();

  private final Path parent;
  private final LongSupplier nanos;
  private final AtomicLong notBefore;

  /**
   * Dumps that may still be written. A dump has some megabytes, which in a container may be memory,
   * and after three a restart is due.
   */
  private int left = 3;

  /**
   * Creates what writes dumps.
   *
   * @param parent the directory in which each dump gets a directory of its own
   * @param nanos monotonic clock, in nanoseconds
   */
  public ThreadDump(Path parent, LongSupplier nanos) {
    this.parent = parent;
    this.nanos = nanos;
    this.notBefore = new AtomicLong(nanos.getAsLong());
  }

  /**
   * Starts a thread that writes a dump, unless one was written within the last ten minutes or three
   * were written in total. Does not block.
   */
  public void take() {
    if (isDue()) {
      // a platform thread, because perhaps no virtual thread can run
      Thread.ofPlatform().daemon().name("thread-dump").start(this::write);
    }
  }

  /** Claims the next dump; true for at most one caller within ten minutes. */
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
      // A new directory each time: a cleanup may have deleted the last one, and another user may
      // have taken its name.
      Path directory = Files.createTempDirectory(parent, "zcbot-threads-");
      Path file = directory.toAbsolutePath().resolve("threads.txt");
      writeTo(file);
      log.warn("the worker makes no progress; {} has a dump of all its threads", file);
    } catch (IOException | RuntimeException e) {
      log.warn(
          "the worker makes no progress, and no thread dump could be written to {}: {}",
          parent,
          e.toString());
    }
  }

  static void writeTo(Path file) throws IOException {
    try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
      Thread.getAllStackTraces().forEach((thread, stack) -> print(thread, stack, out));
      Threads.running().forEach(thread -> print(thread, thread.getStackTrace(), out));
      if (out.checkError()) {
        throw new IOException("the file could not be written");
      }
    }
  }

  private static void print(Thread thread, StackTraceElement[] stack, PrintWriter out) {
    String kind = thread.isVirtual() ? "virtual " : "";
    out.println(
        "\"" + thread.getName() + "\" #" + thread.threadId() + " " + kind + thread.getState());
    for (StackTraceElement frame : stack) {
      out.println("\tat " + frame);
    }
    out.println();
  }
}
