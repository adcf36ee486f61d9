/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/**
 * Runs a log through the fold: one thread reads, others decode and fold the records of their share
 * of the users. The results and their order depend only on the log, not on the number of threads.
 */
public final class Replay {
  private static final int BATCH = 4096;

  /** The size of a batch; several are in memory at a time. */
  static final long BATCH_BYTES = 8L << 20;

  private static final int BATCHES_AHEAD = 4;
  private static final Comparator<Reported> ORDER =
      Comparator.comparingInt(Reported::at).thenComparing(reported -> key(reported.finding));

  private final Rules rules;
  private final Consumer<Observation> out;
  private final Progress progress;
  private final int shards;

  /** Is called with the progress from time to time. */
  @FunctionalInterface
  public interface Progress {
    /**
     * Reports the progress.
     *
     * @param share of the log, from 0 to 1
     * @param records read so far
     */
    void at(double share, long records);
  }

  /** A finding, and the index in its batch of the record that led to it. */
  private record Reported(int at, Observation finding) {}

  /**
   * Creates a replay.
   *
   * @param out is called with the findings, on the thread that runs the replay
   */
  public Replay(Rules rules, Consumer<Observation> out, Progress progress) {
    this(rules, out, progress, Runtime.getRuntime().availableProcessors());
  }

  Replay(Rules rules, Consumer<Observation> out, Progress progress, int shards) {
    this.rules = rules;
    this.out = out;
    this.progress = progress;
    this.shards = shards;
  }

  /**
   * Reads the source to its end, and judges it.
   *
   * @throws IOException if it can't be read
   */
  public Summary run(LogSource source) throws IOException, InterruptedException {
    List<Shard> workers = new ArrayList<>();
    for (int i = 0; i < shards; i++) {
      workers.add(new Shard(rules, source.coverage(), i, shards));
    }
    try {
      Deque<List<Future<List<Reported>>>> underWay = new ArrayDeque<>();
      long count = 0;
      long latest = Long.MIN_VALUE;
      boolean more = true;
      while (more) {
        List<LogRecord> batch = new ArrayList<>(BATCH);
        long bytes = 0;
        while (batch.size() < BATCH && bytes < BATCH_BYTES) {
          LogRecord record = source.next();
          if (record == null) {
            more = false;
            break;
          }
          batch.add(record);
          bytes += record.bytes();
          latest = Math.max(latest, record.time());
        }
        count += batch.size();
        long now = latest;
        underWay.add(workers.stream().map(w -> w.submit(batch, now)).toList());
        if (underWay.size() > BATCHES_AHEAD) {
          tellOf(underWay.remove());
        }
        progress.at(source.progress(), count);
      }
      while (!underWay.isEmpty()) {
        tellOf(underWay.remove());
      }
      return finish(workers, source);
    } finally {
      workers.forEach(Shard::close);
    }
  }

  private Summary finish(List<Shard> workers, LogSource source) {
    Map<String, Purge> purges = new HashMap<>();
    for (Shard worker : workers) {
      worker.fold.purges().forEach((id, purge) -> purges.merge(id, purge, Purge::later));
    }
    Counters all = new Counters();
    List<Reported> reported = new ArrayList<>();
    for (Shard worker : workers) {
      all.add(worker.fold.finish(source.end().toEpochMilli(), purges));
      reported.addAll(worker.reported);
    }
    report(reported);
    return all.summary(source.end());
  }

  private void tellOf(List<Future<List<Reported>>> shardsOfBatch) throws InterruptedException {
    List<Reported> reported = new ArrayList<>();
    for (Future<List<Reported>> shard : shardsOfBatch) {
      try {
        reported.addAll(shard.get());
      } catch (ExecutionException e) {
        if (e.getCause() instanceof Error error) {
          throw error; // above all, out of memory
        }
        throw new IllegalStateException("folding the records failed", e);
      }
    }
    report(reported);
  }

  private void report(List<Reported> reported) {
    reported.sort(ORDER);
    reported.forEach(each -> out.accept(each.finding));
  }

  /** The sort key of findings at the end of a batch, which come from several shards: by user. */
  private static String key(Observation finding) {
    return switch (finding) {
      case AuditedEnsure ensure -> ensure.user().toString();
      case AuditedCommand command -> command.user().toString();
      case Session session -> session.user().toString();
      case Violation violation ->
          violation.user() == null
              ? violation.evidence().getFirst().toString()
              : violation.user().toString();
    };
  }

  /** One fold with a thread, for the records whose keys are assigned to it. */
  private static final class Shard implements AutoCloseable {
    final Fold fold;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(Replay::thread);
    private final int number;
    private final int of;
    private final long window;
    private List<Reported> reported = new ArrayList<>();
    private int at;

    Shard(Rules rules, Coverage known, int number, int of) {
      this.fold = new Fold(rules, known, finding -> reported.add(new Reported(at, finding)));
      this.window = rules.window().toMillis();
      this.number = number;
      this.of = of;
    }

    Future<List<Reported>> submit(List<LogRecord> batch, long now) {
      return thread.submit(() -> fold(batch, now));
    }

    private List<Reported> fold(List<LogRecord> batch, long now) {
      for (at = 0; at < batch.size(); at++) {
        LogRecord record = batch.get(at);
        if (record.shard(of) == number) {
          fold.accept(record);
        }
      }
      if (!batch.isEmpty()) {
        fold.forgetBefore(now - window);
      }
      List<Reported> all = reported;
      reported = new ArrayList<>();
      return all;
    }

    @Override
    public void close() {
      thread.shutdownNow();
    }
  }

  private static Thread thread(Runnable run) {
    return Thread.ofPlatform().name("fold").daemon().unstarted(run);
  }
}
