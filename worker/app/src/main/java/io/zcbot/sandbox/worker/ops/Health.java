/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The worker's health checks, by name. A failing live check means that only a restart helps; a
 * failing ready check means that the worker can't do its work at the moment.
 *
 * <p>Checks report what is already known and must not make calls of their own; one that takes
 * longer than 2 s counts as failing. Checks run on virtual threads whenever a probe or the metrics
 * ask. Thread-safe.
 */
public final class Health {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  private final Map<String, Supplier<Status>> live = new ConcurrentSkipListMap<>();
  private final Map<String, Supplier<Status>> ready = new ConcurrentSkipListMap<>();
  private final Set<String> standstills = ConcurrentHashMap.newKeySet();
  private final Duration limit;
  private volatile Runnable onStandstill = () -> {};

  /** The state of a check. */
  public sealed interface Status {
    /** Nothing is wrong. */
    record Ok() implements Status {}

    /** The worker works, with a restriction. */
    record Warning(String reason) implements Status {}

    /** The worker cannot do this part of its work. */
    record Failing(String reason) implements Status {}
  }

  /** The results of all live or all ready checks at one moment. */
  record Report(Map<String, Status> checks) {
    boolean isOk() {
      return checks.values().stream().noneMatch(Status.Failing.class::isInstance);
    }
  }

  /** Creates health without checks, which is live and ready. */
  public Health() {
    this(LIMIT);
  }

  Health(Duration limit) {
    this.limit = limit;
  }

  /**
   * Sets an action that runs each time a live check is found failing, or progress checks and no
   * other ready check, such as a thread dump. It runs on the thread that asked and must not block.
   */
  public void onStandstill(Runnable action) {
    onStandstill = action;
  }

  /**
   * Adds a live check.
   *
   * @param problem why it fails; null while it does not
   */
  public void live(String name, Supplier<@Nullable String> problem) {
    standstills.add(name);
    live.put(name, check(problem, Status.Failing::new));
  }

  /**
   * Adds a ready check.
   *
   * @param problem why it fails; null while it does not
   */
  public void ready(String name, Supplier<@Nullable String> problem) {
    ready.put(name, check(problem, Status.Failing::new));
  }

  /**
   * Adds a ready check of whether work makes progress; its failure is a standstill, unless another
   * ready check tells the cause.
   *
   * @param problem why there is no progress; null while there is
   */
  public void progress(String name, Supplier<@Nullable String> problem) {
    standstills.add(name);
    ready(name, problem);
  }

  /**
   * Adds a ready check that can only warn.
   *
   * @param problem what it warns of; null while there is nothing
   */
  public void warning(String name, Supplier<@Nullable String> problem) {
    ready.put(name, check(problem, Status.Warning::new));
  }

  private static Supplier<Status> check(
      Supplier<@Nullable String> problem, Function<String, Status> unless) {
    return () -> {
      String found = problem.get();
      return found == null ? new Status.Ok() : unless.apply(found);
    };
  }

  Report liveness() throws InterruptedException {
    return run(live);
  }

  Report readiness() throws InterruptedException {
    return run(ready);
  }

  private Report run(Map<String, Supplier<Status>> checks) throws InterruptedException {
    List<Map.Entry<String, Supplier<Status>>> entries = List.copyOf(checks.entrySet());
    // not closed, because close() would wait for a check that hangs
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
      if (isStandstill(report)) {
        onStandstill.run();
      }
      return new Report(report);
    } finally {
      threads.shutdownNow();
    }
  }

  /** Not while Kafka or the engine is away, which nothing that the threads do explains. */
  private boolean isStandstill(Map<String, Status> report) {
    List<String> failing =
        report.keySet().stream()
            .filter(name -> report.get(name) instanceof Status.Failing)
            .toList();
    return !failing.isEmpty() && standstills.containsAll(failing);
  }

  private Status statusOf(Future<Status> result) throws InterruptedException {
    try {
      return result.get();
    } catch (CancellationException _) {
      return new Status.Failing("the check did not answer within " + limit.toMillis() + " ms");
    } catch (ExecutionException e) {
      return new Status.Failing("the check itself failed: " + e.getCause());
    }
  }
}
