/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.client.ClientClosedException;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxTable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows whether Kafka's brokers answer. While they don't, requests are refused at once, and those
 * that wait for an answer of a worker's wait no longer: its client would wait as long as the
 * request may take. Safe for concurrent use.
 */
public final class Brokers implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Brokers.class);

  /** Together the longest time until it is known that brokers are away. */
  private static final Duration INTERVAL = Duration.ofSeconds(2);

  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final SandboxTable table;
  private final Set<Wait> waits = ConcurrentHashMap.newKeySet();
  private final Thread watch;
  private volatile @Nullable String problem;

  /**
   * Watches from now on.
   *
   * @param table is read on each time
   */
  public Brokers(SandboxTable table) {
    this.table = table;
    this.watch = Thread.ofVirtual().name("brokers").start(this::watch);
  }

  /** What needs brokers. */
  @FunctionalInterface
  public interface Use<T, E extends Exception> {
    T get() throws E, InterruptedException;
  }

  /** Returns what is wrong with the brokers; empty if they answer. */
  public Optional<String> problem() {
    return Optional.ofNullable(problem);
  }

  /**
   * Refuses a request while brokers don't answer.
   *
   * @throws E2bException with 503
   */
  void require() {
    String found = problem;
    if (found != null) {
      throw new E2bException(503, found + "; try again", 1);
    }
  }

  /**
   * Does something that may wait for brokers and workers, as long as brokers answer.
   *
   * @throws E2bException with 503 if they don't
   */
  <T, E extends Exception> T use(Use<T, E> use) throws E, InterruptedException {
    return begin(begun -> use.get());
  }

  /** What needs brokers until it has begun. */
  @FunctionalInterface
  interface Beginning<T, E extends Exception> {
    T get(Runnable begun) throws E, InterruptedException;
  }

  /** Does something as {@link #use}, which goes on while brokers are away when it has begun. */
  <T, E extends Exception> T begin(Beginning<T, E> use) throws E, InterruptedException {
    return waiting(
        wait ->
            use.get(
                () -> {
                  if (wait.leave()) {
                    throw away();
                  }
                }));
  }

  /** What needs brokers, and reads what a client sends. */
  @FunctionalInterface
  interface Reading<T, E extends Exception> {
    T get(InputStream body) throws E, InterruptedException;
  }

  /**
   * Does something as {@link #use} with a request's body. A client may take its time to send it,
   * and an interrupted read would close the connection, so that is not interrupted: the next read,
   * or what is done with the bytes, fails instead.
   */
  <T, E extends Exception> T use(InputStream body, Reading<T, E> use)
      throws E, InterruptedException {
    return waiting(wait -> use.get(new Body(body, wait)));
  }

  private interface Waiting<T, E extends Exception> {
    T get(Wait wait) throws E, InterruptedException;
  }

  private <T, E extends Exception> T waiting(Waiting<T, E> use) throws E, InterruptedException {
    require();
    Wait wait = new Wait(Thread.currentThread());
    waits.add(wait);
    try {
      return use.get(wait);
    } catch (Throwable e) {
      if (wait.leave()) {
        throw away();
      }
      throw e;
    } finally {
      waits.remove(wait);
      if (wait.leave()) {
        boolean _ = Thread.interrupted();
      }
    }
  }

  /** Returns how requests are answered while brokers don't answer. */
  static E2bException away() {
    return new E2bException(503, "the brokers don't answer; try again", 1);
  }

  /** A thread that waits. */
  private final class Wait {
    private final Thread thread;
    private boolean isOver;
    private boolean isEnded;
    private boolean isPaused;

    Wait(Thread thread) {
      this.thread = thread;
    }

    synchronized void end() {
      if (!isOver && !isEnded && !isPaused) {
        isEnded = true;
        thread.interrupt();
      }
    }

    /** Returns whether the wait was ended. It isn't interrupted after this. */
    synchronized boolean leave() {
      isOver = true;
      return isEnded;
    }

    /** The thread waits for a client from now on. */
    synchronized void pause() throws IOException {
      requireGoingOn();
      isPaused = true;
    }

    /** The thread waits for brokers again. */
    synchronized void resume() {
      isPaused = false;
      if (problem != null) {
        end();
      }
    }

    /** The caller must not read on: it is interrupted. */
    synchronized void requireGoingOn() throws IOException {
      if (isEnded) {
        throw new InterruptedIOException("the brokers don't answer");
      }
    }
  }

  /** The body of a request whose bytes need brokers. */
  private static final class Body extends InputStream {
    private final InputStream in;
    private final Wait wait;

    Body(InputStream in, Wait wait) {
      this.in = in;
      this.wait = wait;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int from, int count) throws IOException {
      wait.pause();
      int read;
      try {
        read = in.read(to, from, count);
      } finally {
        wait.resume();
      }
      wait.requireGoingOn();
      return read;
    }
  }

  private void watch() {
    try {
      while (true) {
        String found = look();
        if (found != null && problem == null) {
          log.warn("requests are refused: {}", found);
        } else if (found == null && problem != null) {
          log.info("requests are served again");
        }
        problem = found;
        if (found != null) {
          waits.forEach(Wait::end);
        }
        Thread.sleep(INTERVAL);
      }
    } catch (InterruptedException | ClientClosedException e) {
      // the gateway stops
    }
  }

  private @Nullable String look() throws InterruptedException {
    try {
      return table.awaitCurrent(PATIENCE) ? null : "the brokers don't answer";
    } catch (ClientClosedException e) {
      throw e;
    } catch (SandboxException e) {
      return e.getMessage();
    }
  }

  @Override
  public void close() {
    watch.interrupt();
  }
}
