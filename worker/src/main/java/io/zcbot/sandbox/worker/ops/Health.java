/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Named checks. A live check that fails says that only a restart helps; a ready check that fails
 * says that the worker can't do its work right now.
 *
 * <p>Checks report what is known and should not go and look; one that takes longer than the limit
 * counts as failing.
 */
public final class Health {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  private final Map<String, Supplier<Status>> live = new ConcurrentSkipListMap<>();
  private final Map<String, Supplier<Status>> ready = new ConcurrentSkipListMap<>();
  private final Duration limit;

  /** How a check stands. */
  public sealed interface Status {
    /** As it should be. */
    record Ok() implements Status {}

    /** Works, and is weaker than it could be. */
    record Warning(String reason) implements Status {}

    /** Not as it should be. */
    record Failing(String reason) implements Status {}

    /** As it should be. */
    static Status ok() {
      return new Ok();
    }

    /** Works, and is weaker than it could be, because of … */
    static Status warning(String reason) {
      return new Warning(reason);
    }

    /** Not as it should be, because of … */
    static Status failing(String reason) {
      return new Failing(reason);
    }
  }

  /** All checks of one kind at one moment. */
  record Report(Map<String, Status> checks) {
    boolean isOk() {
      return checks.values().stream().noneMatch(Status.Failing.class::isInstance);
    }
  }

  /** No checks yet: live and ready. */
  public Health() {
    this(LIMIT);
  }

  Health(Duration limit) {
    this.limit = limit;
  }

  /** Adds or replaces a live check. */
  public void live(String name, Supplier<Status> check) {
    live.put(name, check);
  }

  /** Adds or replaces a ready check. */
  public void ready(String name, Supplier<Status> check) {
    ready.put(name, check);
  }

  Report liveness() throws InterruptedException {
    return run(live);
  }

  Report readiness() throws InterruptedException {
    return run(ready);
  }

  private Report run(Map<String, Supplier<Status>> checks) throws InterruptedException {
    List<Map.Entry<String, Supplier<Status>>> entries = List.copyOf(checks.entrySet());
    // Not closed: that would wait for a check that hangs.
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    try {
      List<Future<Status>> results =
          threads.invokeAll(
              entries.stream().map(e -> (Callable<Status>) () -> e.getValue().get()).toList(),
              limit.toMillis(),
              TimeUnit.MILLISECONDS);
      Map<String, Status> report = new LinkedHashMap<>();
      for (int i = 0; i < entries.size(); i++) {
        report.put(entries.get(i).getKey(), statusOf(results.get(i)));
      }
      return new Report(report);
    } finally {
      threads.shutdownNow();
    }
  }

  private Status statusOf(Future<Status> result) throws InterruptedException {
    try {
      return result.get();
    } catch (CancellationException _) {
      return Status.failing("the check gave no answer within " + limit.toMillis() + " ms");
    } catch (ExecutionException e) {
      return Status.failing("the check itself failed: " + e.getCause());
    }
  }
}
