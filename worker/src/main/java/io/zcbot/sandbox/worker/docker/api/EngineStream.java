/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A streamed answer, read on a virtual thread of its own. */
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
        Thread.ofVirtual()
            .name("engine-" + operation.label())
            .unstarted(
                () -> {
                  try {
                    run(source, reader);
                  } finally {
                    connection.release();
                  }
                });
  }

  /** Returns once the engine has begun to answer with a success. */
  public static <T> EngineStream<T> open(
      EngineCalls calls, Operation operation, Source source, Reader<T> reader)
      throws EngineException {
    EngineStream<T> stream = new EngineStream<>(calls, operation, source, reader);
    stream.thread.start();
    try {
      calls.await(operation, stream.opened, stream.connection);
    } catch (EngineException | RuntimeException e) {
      stream.close();
      throw e;
    }
    return stream;
  }

  /** What the reader makes of the stream; exceptional if it threw. */
  public CompletableFuture<T> outcome() {
    return outcome;
  }

  /** The stream should not have ended: the engine may be gone, and its other sockets with it. */
  public void broke() {
    calls.renew(connection);
  }

  /** Ends the stream and returns once the reader has; it must not block for long. */
  public void stop() throws InterruptedException {
    thread.interrupt();
    thread.join();
  }

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
        // at once: closing the body may first read it to its end
        outcome.completeExceptionally(t);
      }
    } catch (Throwable t) {
      opened.completeExceptionally(t);
      outcome.completeExceptionally(t);
    }
  }

  /** Sends the request; returns once the engine has begun to answer with a success. */
  public interface Source {
    InputStream open(EngineRequests requests) throws IOException;
  }

  /** Takes in what the engine sends, until it has seen enough or the stream ends. */
  public interface Reader<T> {
    T read(InputStream body) throws IOException;
  }
}
