/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer, whose writes end when the client takes nothing for a while. The server has
 * no such bound, and who waits behind a write may hold what others need. Only for virtual threads:
 * an interrupt closes the socket that such a thread waits for.
 *
 * <p>All failures are {@link ClientGoneException}s: nothing else is behind the stream.
 */
public final class TimedOutput extends OutputStream {
  /** How long a client may take nothing. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final ScheduledExecutorService CLOCK =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("slow clients").factory());

  private final OutputStream out;
  private final Duration patience;

  /** Creates a body that writes to the server's. */
  public TimedOutput(OutputStream out) {
    this(out, PATIENCE);
  }

  TimedOutput(OutputStream out, Duration patience) {
    this.out = out;
    this.patience = patience;
  }

  /** The client has closed the connection, or took nothing for too long. */
  public static final class ClientGoneException extends IOException {
    private static final long serialVersionUID = 1;

    private ClientGoneException(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** One write; interrupted while it lasts and at no other time. */
  private static final class Write implements Runnable {
    private final Thread writer = Thread.currentThread();
    private boolean isDone;
    private boolean isInterrupted;

    @Override
    public synchronized void run() {
      if (!isDone) {
        isInterrupted = true;
        writer.interrupt();
      }
    }

    /** Returns whether it was interrupted, and leaves no interrupt behind. */
    synchronized boolean done() {
      isDone = true;
      return isInterrupted && Thread.interrupted();
    }
  }

  private interface Action {
    void run() throws IOException;
  }

  private void timed(Action action) throws ClientGoneException {
    Write write = new Write();
    Future<?> bound = CLOCK.schedule(write, patience.toNanos(), TimeUnit.NANOSECONDS);
    Exception failure = null;
    try {
      action.run();
    } catch (IOException | RuntimeException e) { // the server reports a lost connection as either
      failure = e;
    }
    boolean isSlow = write.done();
    boolean _ = bound.cancel(false);
    if (isSlow) {
      throw new ClientGoneException(
          "the client took nothing for " + patience.toSeconds() + " s", failure);
    }
    if (failure != null) {
      throw new ClientGoneException("the client is gone", failure);
    }
  }

  @Override
  public void write(int b) throws ClientGoneException {
    timed(() -> out.write(b));
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws ClientGoneException {
    timed(() -> out.write(bytes, offset, length));
  }

  @Override
  public void flush() throws ClientGoneException {
    timed(out::flush);
  }

  @Override
  public void close() throws ClientGoneException {
    timed(out::close);
  }
}
