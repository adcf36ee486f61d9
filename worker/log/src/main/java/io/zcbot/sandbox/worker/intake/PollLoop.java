/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that reads topics, and starts over with a new consumer after any failure. Without that,
 * a failed thread would leave a worker that looks healthy and serves nobody.
 */
final class PollLoop {
  private static final Logger log = LoggerFactory.getLogger(PollLoop.class);

  private static final Duration REBUILD_DELAY = Duration.ofSeconds(1);

  /** How far the wall clock may be set back without a new consumer, which costs some seconds. */
  private static final Duration SMALL_STEP = Duration.ofSeconds(10);

  private static final Duration LOOK_AT_CLOCK = Duration.ofSeconds(1);

  private final String what;
  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Polling polling;
  private final Time time;
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;
  private final LoopMonitor monitor;
  private final ReadProblem problem;
  private volatile @Nullable Consumer<byte[], byte[]> consumer;
  private volatile boolean isSetBack;

  /** What the loop does with a consumer. Called on the loop's thread. */
  interface Polling {
    /**
     * Polls until the loop stops. The stop may wake the consumer up. Afterwards the loop calls
     * {@link #close}, whether or not this method failed.
     */
    void poll(Consumer<byte[], byte[]> consumer);

    /** Closes a consumer within a bounded time. */
    void close(Consumer<byte[], byte[]> consumer);
  }

  /**
   * Creates a loop that is not started yet.
   *
   * @param name of its thread
   * @param what is read, for log and health
   */
  PollLoop(
      String name,
      String what,
      Supplier<Consumer<byte[], byte[]>> consumers,
      Polling polling,
      Time time) {
    this.what = what;
    this.consumers = consumers;
    this.polling = polling;
    this.time = time;
    this.thread = Thread.ofPlatform().name(name).unstarted(this::run);
    this.monitor = new LoopMonitor(thread, time);
    this.problem = new ReadProblem(what, log, time);
  }

  void start() {
    monitor.start();
    Threads.start(thread.getName() + "-clock", this::watchClock);
  }

  /**
   * Wakes the consumer up if the wall clock was set back. Its timers stand still then until the
   * clock is where it was: it sends no heartbeats, and a poll that finds nothing does not return.
   */
  private void watchClock() {
    Instant latest = time.now();
    while (!isStopping()) {
      pause(LOOK_AT_CLOCK);
      Instant now = time.now();
      if (now.isBefore(latest.minus(SMALL_STEP))) {
        log.warn("the wall clock was set back: starting over to read {} ({})", what, now);
        isSetBack = true;
        wakeUp();
        latest = now;
      } else if (now.isAfter(latest)) {
        latest = now;
      }
    }
  }

  /**
   * Why only a restart of the worker helps: the thread is dead or stuck; null if neither. Any
   * thread.
   */
  @Nullable String fatalProblem() {
    return monitor.problem();
  }

  /** Why nothing is read; null while reading works. Any thread. */
  @Nullable String problem() {
    return problem.text();
  }

  boolean isStopping() {
    return stop.getCount() == 0;
  }

  /**
   * A sign of life from the thread, due at least once within {@link LoopMonitor#LIMIT}.
   *
   * @throws WakeupException if the consumer was to wake up because the wall clock was set back
   */
  void round() {
    monitor.round();
    if (isSetBack && !isStopping()) {
      throw new WakeupException();
    }
  }

  /** The consumer was woken up; fails unless the loop is to stop. */
  void woken(WakeupException why) {
    if (!isStopping()) {
      throw why;
    }
  }

  /** Records were read. */
  void read() {
    problem.read();
  }

  /**
   * Nothing failed, though nothing may have been read.
   *
   * @param fetching whether the consumer fetches any partition
   */
  void works(boolean fetching) {
    problem.works(fetching);
  }

  /** Reading does not work; the thread tries again with the same consumer. */
  void fails(String reason) {
    problem.is(reason);
  }

  private void run() {
    while (!isStopping()) {
      monitor.round();
      try {
        pollWithNewConsumer();
      } catch (WakeupException _) {
        // The loop is to stop, or to start over because the wall clock was set back.
      } catch (Throwable e) {
        if (!isStopping()) {
          problem.failed(e);
          pause(REBUILD_DELAY);
        }
      }
    }
    problem.stopped();
  }

  private void pollWithNewConsumer() {
    isSetBack = false;
    Consumer<byte[], byte[]> fresh = consumers.get();
    consumer = fresh;
    try {
      polling.poll(fresh);
    } finally {
      try {
        polling.close(fresh);
      } catch (KafkaException e) {
        log.warn("the consumer of {} did not close cleanly: {}", what, e.getMessage());
      }
    }
  }

  /** Waits, but no longer than until the loop stops. */
  void pause(Duration delay) {
    try {
      var _ = stop.await(delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      stop.countDown();
    }
  }

  /** Ends the loop, and waits for the end of its thread up to a limit. Any other thread. */
  void stop(Duration limit) {
    monitor.stopping();
    stop.countDown();
    wakeUp();
    try {
      if (thread.getState() != Thread.State.NEW && !thread.join(limit)) {
        log.warn("thread {} did not end in time", thread.getName());
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void wakeUp() {
    Consumer<byte[], byte[]> current = consumer;
    if (current != null) {
      current.wakeup();
    }
  }
}
