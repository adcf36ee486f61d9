/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A watch of a directory, which runs until it is closed or fails, also by an exception of its
 * consumer. Safe for concurrent use; a consumer may close it.
 */
public final class Watch implements AutoCloseable {
  /** Time to set the watches: a recursive one may have many directories. */
  private static final Duration START = Duration.ofSeconds(90);

  /** Starts a command. */
  interface Start {
    RunningCommand start() throws InterruptedException;
  }

  private final RunningCommand command;
  private final String directory;
  private final Consumer<FileEvent> consumer;
  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();

  /** Whether the end is wanted. */
  private volatile boolean isClosed;

  private Watch(RunningCommand command, String directory, Consumer<FileEvent> consumer) {
    this.command = command;
    this.directory = directory;
    this.consumer = consumer;
  }

  static Watch start(Start start, String directory, Consumer<FileEvent> consumer)
      throws InterruptedException {
    Watch watch = new Watch(start.start(), directory, consumer);
    Thread.ofVirtual().name("zcbot-gateway-watch").start(watch::run);
    boolean isStarted = false;
    try {
      watch.started.get(START.toSeconds(), TimeUnit.SECONDS);
      isStarted = true;
      return watch;
    } catch (ExecutionException e) {
      throw unchecked(e);
    } catch (TimeoutException e) {
      throw new SandboxFileSystemException(
          Kind.INTERNAL, "the watch was not set within " + START.toSeconds() + " s; try again", e);
    } finally {
      if (!isStarted) {
        watch.close();
      }
    }
  }

  private void run() {
    try (command) {
      WatchOutput output = new WatchOutput(directory, () -> started.complete(null), consumer);
      Exited _ = command.forEachPiece(output::take);
      if (!isClosed) {
        throw failure(command.await(), output);
      }
      end(null);
    } catch (InterruptedException | RuntimeException e) {
      end(isClosed ? null : e);
    }
  }

  private static RuntimeException failure(CommandResult result, WatchOutput output) {
    return result.isOk()
        ? SandboxFileSystemException.nonsense()
        : SandboxFileSystemException.of(result, output.message());
  }

  private void end(@Nullable Throwable failure) {
    if (failure == null) {
      started.completeExceptionally(new IllegalStateException("the watch was closed"));
      ended.complete(null);
    } else {
      started.completeExceptionally(failure);
      ended.completeExceptionally(failure);
    }
  }

  /**
   * Waits until the watch is closed.
   *
   * @throws CommandTimeoutException if its time is over
   * @throws SandboxFileSystemException if it failed, for example because there were too many events
   * @throws SandboxException if its command failed, for example because the sandbox has ended
   */
  public void await() throws InterruptedException {
    try {
      ended.get();
    } catch (ExecutionException e) {
      throw unchecked(e);
    }
  }

  private static RuntimeException unchecked(ExecutionException e) {
    return e.getCause() instanceof RuntimeException cause
        ? cause
        : new SandboxFileSystemException(Kind.INTERNAL, "the watch failed: " + e.getMessage(), e);
  }

  /** Leaves the watch's command running. */
  void leave() {
    isClosed = true;
    command.detach();
  }

  /** Ends the watch without waiting for it. The consumer may get an event more. */
  @Override
  public void close() {
    isClosed = true;
    command.close();
  }
}
