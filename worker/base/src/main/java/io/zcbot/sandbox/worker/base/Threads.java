/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts threads. That fails if the JVM needs another native thread, also to run virtual ones, and
 * the host or a cgroup has reached its limit of processes. Whoever started the thread would then
 * wait for work that nobody does, so the process ends with code 3, as it does when the heap is
 * exhausted ({@code -XX:+ExitOnOutOfMemoryError} does not include threads): a restart recovers.
 */
public final class Threads {
  private static final Logger log = LoggerFactory.getLogger(Threads.class);

  private static final int OUT_OF_MEMORY = 3;

  /** Without a lock for all, since a thread starts for nearly every record. */
  private static final Set<Thread> running = ConcurrentHashMap.newKeySet();

  private Threads() {}

  /**
   * Returns the virtual threads of this class that have begun and not ended. {@link
   * Thread#getAllStackTraces} has platform threads only.
   */
  public static Set<Thread> running() {
    return Set.copyOf(running);
  }

  /** Returns a new virtual thread, which is not started yet. */
  public static Thread virtual(String name, Runnable task) {
    return Thread.ofVirtual().name(name).unstarted(() -> run(task));
  }

  private static void run(Runnable task) {
    Thread current = Thread.currentThread();
    running.add(current);
    try {
      task.run();
    } finally {
      running.remove(current);
    }
  }

  /** Starts a new virtual thread with a task, or ends the process. */
  public static Thread start(String name, Runnable task) {
    return start(virtual(name, task));
  }

  /** Starts a thread, or ends the process. */
  public static Thread start(Thread thread) {
    orEnd(thread::start);
    return thread;
  }

  /** Runs what starts a thread, or ends the process if that can't be started. */
  public static void orEnd(Runnable start) {
    try {
      start.run();
    } catch (OutOfMemoryError e) {
      log.error(
          "the process ends, since it can't start a thread; raise the limit of processes of its"
              + " host, unit or container",
          e);
      Runtime.getRuntime().halt(OUT_OF_MEMORY);
    }
  }
}
