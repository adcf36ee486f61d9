/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A response that the engine streams. Its own virtual thread sends the request and reads the
 * response with the given reader.
 */
public final class EngineStream<T> implements AutoCloseable {
  private final CompletableFuture<@Nullable Void> opened = new CompletableFuture<>();
  private final CompletableFuture<T> outcome = new CompletableFuture<>();
  private final EngineCalls calls;
  private final EngineConnection connection;
  private final Thread thread;

  private EngineStream(EngineCalls calls, Operation operation, Source source, Reader<T> reader)
      throws EngineException {
    this.calls = calls;
    this.connection = calls.connection(operation);
    this.thread =
        Threads.virtual(
            "engine-" + operation.label(),
            () -> {
              try {
                run(source, reader);
              } finally {
                connection.release();
              }
            });
  }

  /**
   * Opens a stream; returns when the engine begins to answer with a success.
   *
   * @throws EngineException if the engine refuses, or does not answer within the call time-out
   */
  public static <T> EngineStream<T> open(
      EngineCalls calls, Operation operation, Source source, Reader<T> reader)
      throws EngineException {
    EngineStream<T> stream = new EngineStream<>(calls, operation, source, reader);
    Threads.start(stream.thread);
    try {
      calls.await(operation, stream.opened, stream.connection);
    } catch (EngineException | RuntimeException e) {
      stream.close();
      throw e;
    }
    return stream;
  }

  /**
   * Completes with the reader's result, or exceptionally with what the reader or the source threw.
   */
  public CompletableFuture<T> outcome() {
    return outcome;
  }

  /**
   * Reports that the stream broke unexpectedly. The pool of connections is replaced, because the
   * engine may be gone and its other sockets dead.
   */
  public void broke() {
    calls.renew(connection);
  }

  /**
   * Interrupts the reader and waits until it has ended. Blocks for as long as the reader ignores
   * the interrupt.
   */
  public void stop() throws InterruptedException {
    thread.interrupt();
    thread.join();
  }

  /** Interrupts the reader and does not wait for it. */
  @Override
  public void close() {
    thread.interrupt();
  }

  private void run(Source source, Reader<T> reader) {
    try (InputStream body = source.open(connection.requests())) {
      opened.complete(null);
      try {
        outcome.complete(reader.read(body));
      } catch (Throwable t) {
        // completed before the body is closed: closing may first read it to its end
        outcome.completeExceptionally(t);
      }
    } catch (Throwable t) {
      opened.completeExceptionally(t);
      outcome.completeExceptionally(t);
    }
  }

  /** Sends the request, and returns when the engine begins to answer with a success. */
  public interface Source {
    InputStream open(EngineRequests requests) throws IOException;
  }

  /** Reads the response until it has seen enough or the stream ends. */
  public interface Reader<T> {
    T read(InputStream body) throws IOException;
  }
}
