/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.PullImageCmd;
import com.github.dockerjava.api.model.PullResponseItem;
import com.github.dockerjava.api.model.ResponseItem;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SharedAttempts;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pulls an image that the engine does not have. Concurrent callers share one pull, and a failed one
 * is not repeated for 10 s. Thread-safe; calls block.
 */
public final class ImagePull {
  private static final Logger log = LoggerFactory.getLogger(ImagePull.class);
  private static final Duration FAILURE_HOLDS = Duration.ofSeconds(10);

  private final EngineCalls calls;
  private final String image;
  private final String advice;
  private final Duration timeout;
  private final LongSupplier nanoTime;
  private final SharedAttempts attempts = new SharedAttempts(Operation.PULL);
  private volatile @Nullable PastFailure lastFailure;

  /**
   * Creates what pulls one image.
   *
   * @param advice what an operator should do if there is no such image, for error messages
   * @param timeout maximum time of a pull
   * @param nanoTime monotonic clock, in nanoseconds
   */
  public ImagePull(
      EngineCalls calls, String image, String advice, Duration timeout, LongSupplier nanoTime) {
    this.calls = calls;
    this.image = image;
    this.advice = advice;
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  /** Whether an image's name contains its digest, and so can't be given to another image. */
  public static boolean isByDigest(String image) {
    return image.contains("@sha256:");
  }

  /**
   * Pulls the image, unless that failed moments ago: then throws that failure again, so that a
   * queue of ensures does not repeat the pull.
   */
  public void run() throws EngineException {
    attempts.run(this::pull);
  }

  private void pull() throws EngineException {
    // Within the attempt: before it, another one could fail between this look and its start.
    PastFailure last = lastFailure;
    if (last != null && nanoTime.getAsLong() - last.at < FAILURE_HOLDS.toNanos()) {
      throw last.failure;
    }
    if (isByDigest(image)) {
      log.info("Pulling image {}", image);
    } else {
      log.warn(
          "Pulling image {} by a name that can be given to another image; name it by its digest,"
              + " or build it on this host",
          image);
    }
    try (Progress progress = new Progress()) {
      calls.call(
          Operation.PULL,
          timeout,
          engine -> {
            command(engine.docker()).exec(progress);
            return progress.ended.get();
          });
      lastFailure = null;
    } catch (EngineException e) {
      EngineException failure = meaning(e);
      if (failure.kind() == Kind.IMAGE_MISSING) {
        lastFailure = new PastFailure(nanoTime.getAsLong(), failure);
      }
      throw failure;
    }
  }

  /**
   * Classifies a failed pull: unless the engine is unavailable or out of capacity, there is no
   * image.
   */
  private EngineException meaning(EngineException e) {
    boolean timedOut = e.getCause() instanceof TimeoutException;
    if (e.kind() == Kind.CAPACITY || (e.kind() == Kind.UNAVAILABLE && !timedOut)) {
      return e;
    }
    return EngineErrors.exception(
        Kind.IMAGE_MISSING,
        Operation.PULL,
        "the engine does not have the image "
            + image
            + ", and pulling it failed: "
            + EngineErrors.clean(e.getMessage()),
        advice,
        e);
  }

  private PullImageCmd command(DockerClient client) {
    PullImageCmd command = client.pullImageCmd(image);
    boolean tagged = image.indexOf(':', image.lastIndexOf('/') + 1) >= 0 || image.contains("@");
    // without a tag the engine would pull all tags
    return tagged ? command : command.withTag("latest");
  }

  private record PastFailure(long at, EngineException failure) {}

  /**
   * Completes when the pull ends. The engine reports failures within a stream that began with a
   * success, and docker-java calls this on its own threads.
   *
   * <p>Closing it ends a pull that still runs. The lock closes the race between close() and a late
   * onStart(), which would otherwise leave the stream open.
   */
  private static final class Progress implements ResultCallback<PullResponseItem> {
    final CompletableFuture<@Nullable Void> ended = new CompletableFuture<>();
    private volatile @Nullable String error;
    private @Nullable Closeable stream;
    private boolean closed;

    @Override
    public synchronized void onStart(Closeable closeable) {
      stream = closeable;
      if (closed) {
        end();
      }
    }

    @Override
    public void onNext(PullResponseItem item) {
      ResponseItem.ErrorDetail detail = item.getErrorDetail();
      if (detail != null) {
        error = String.valueOf(detail.getMessage());
      }
    }

    @Override
    public void onError(Throwable failure) {
      ended.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      String said = error;
      if (said == null) {
        ended.complete(null);
      } else {
        ended.completeExceptionally(EngineErrors.refused(Operation.PULL, 500, said, null));
      }
    }

    @Override
    public synchronized void close() {
      closed = true;
      end();
    }

    private void end() {
      Closeable open = stream;
      if (open != null && !ended.isDone()) {
        try {
          open.close();
        } catch (IOException e) {
          log.debug("Closing a pull failed", e);
        }
      }
    }
  }
}
