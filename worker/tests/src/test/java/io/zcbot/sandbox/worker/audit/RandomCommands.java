/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Commands of {@link Histories}: streamed or not, read and announced twice, lost, not started. */
final class RandomCommands {
  private static final Exited.Reason[] NOT_STARTED = {
    Exited.Reason.EXPIRED, Exited.Reason.REJECTED, Exited.Reason.NO_SANDBOX, Exited.Reason.FAILED
  };

  private final TestLog log;
  private final Random random;
  private final int partitions;
  long count;
  long duplicates;

  /** Where and when a command ran, on the log's clock. */
  record Run(ContainerRef container, long started, long ended, Exited.Reason reason) {}

  RandomCommands(TestLog log, Random random, int partitions) {
    this.log = log;
    this.random = random;
    this.partitions = partitions;
  }

  /**
   * An exec and its answer.
   *
   * @param clock of the worker, against that of the log
   */
  void ran(UserId user, int partition, long asked, Run run, long clock) {
    String id = ask(user, partition, asked, (run.ended - asked) / 1000);
    Instant started = Instant.ofEpochMilli(run.started + clock);
    int outputs = chance(0.5) ? 0 : 1 + random.nextInt(4);
    for (int seq = 0; seq < outputs; seq++) {
      long t = run.started + (run.ended - run.started) * seq / outputs;
      Output output =
          new Output(
              EventIds.output(user, id, seq),
              user,
              id,
              Instant.ofEpochMilli(t + clock),
              seq,
              OutputStreamName.STDERR,
              Data.of("out"));
      log.add(partition, t, t + clock, output);
      if (chance(0.1)) {
        log.add(partition, t, t + clock, output);
        duplicates++;
      }
    }
    long counted = run.reason == Exited.Reason.LOST ? 0 : outputs;
    answer(user, partition, id, run.ended + clock, run, started, counted);
  }

  /** An exec that is answered without a start. */
  void refused(UserId user, int partition, long asked, long clock) {
    String id = ask(user, partition, asked, 0);
    Exited.Reason reason = NOT_STARTED[random.nextInt(NOT_STARTED.length)];
    answer(user, partition, id, asked + 5 + clock, new Run(null, 0, asked + 5, reason), null, 0);
  }

  private String ask(UserId user, int partition, long t, long seconds) {
    String id = new UUID(random.nextLong(), random.nextLong()).toString();
    Exec exec =
        SampleEvents.exec(
            id,
            user,
            Instant.ofEpochMilli(t),
            null,
            chance(0.3) ? Instant.ofEpochMilli(t + 30_000) : null,
            new Exec.Program.Shell("true"),
            false,
            seconds > 30 || chance(0.3) ? Duration.ofSeconds(seconds + 1) : null);
    count++;
    if (chance(0.15) && partitions > 1) {
      log.add((partition + 1) % partitions, t - 1, exec);
      duplicates++;
    }
    log.add(partition, t, exec);
    return id;
  }

  private void answer(
      UserId user,
      int partition,
      String id,
      long time,
      Run run,
      @Nullable Instant started,
      long outputs) {
    Exited exited =
        SampleEvents.exited(
            EventIds.exited(user, id),
            user,
            id,
            Instant.ofEpochMilli(time),
            run.reason,
            run.reason == Exited.Reason.EXITED ? 0 : null,
            outputs,
            run.container == null ? new WorkerRef("host", "worker") : run.container,
            started,
            started == null ? 0 : Math.max(0, time - started.toEpochMilli()));
    log.add(partition, run.ended, time, exited);
    if (chance(0.1)) {
      log.add(partition, run.ended + 400, time + 400, exited);
      duplicates++;
    }
  }

  private boolean chance(double p) {
    return random.nextDouble() < p;
  }
}
