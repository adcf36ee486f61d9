/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Site;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What was read about one command: its exec, its outputs, and its first answer. */
final class TrackedCommand {
  private final String execId;
  private @Nullable Asked asked;
  private @Nullable Answer answer;
  private @Nullable Start start;
  private long nextSeq;
  private long outputs;
  private long streamed;

  // Each violation is reported once.
  boolean reported;
  boolean answeredAgainReported;
  boolean startedAgainReported;
  boolean gapReported;

  /**
   * The exec of a command.
   *
   * @param due when its answer is due, in milliseconds since 1970
   */
  record Asked(String line, long time, long due, RecordPosition position) {}

  /** An exited event without its output, which may be large. */
  record Answer(
      String eventId,
      Exited.Reason reason,
      @Nullable Integer exitCode,
      @Nullable Integer signal,
      boolean isOutOfMemory,
      Site site,
      @Nullable Instant startedAt,
      long tookMs,
      @Nullable Long cpuMs,
      long outputs,
      long inlineBytes,
      boolean isCut,
      @Nullable String profile,
      long time,
      RecordPosition position) {
    static Answer of(Exited exited, @Nullable String profile, long time, RecordPosition position) {
      Duration cpu = exited.cpu();
      return new Answer(
          exited.eventId(),
          exited.reason(),
          exited.exitCode(),
          exited.signal(),
          exited.oomKilled(),
          exited.site(),
          exited.startedAt(),
          Math.min(exited.tookMs(), FoldContext.MAX_MS),
          cpu == null ? null : Math.min(cpu.toMillis(), FoldContext.MAX_MS),
          exited.outputCount(),
          length(exited.stdout()) + length(exited.stderr()),
          exited.truncated(),
          profile,
          time,
          position);
    }

    private static long length(@Nullable Data data) {
      return data == null ? 0 : data.length();
    }

    /** The start that it names; null if it names none. */
    @Nullable Start start() {
      return startedAt == null ? null : new Start(startedAt, site.containerId(), 0, time, position);
    }
  }

  /**
   * A start, as a started or exited event names it.
   *
   * @param pid 0 if the event does not name it
   */
  record Start(
      Instant at, @Nullable String containerId, int pid, long time, RecordPosition position) {
    boolean isAnotherThan(Start other) {
      return !at.equals(other.at)
          || !Objects.equals(containerId, other.containerId)
          || (pid != 0 && other.pid != 0 && pid != other.pid);
    }

    @Override
    public String toString() {
      return at + " in container " + containerId + (pid == 0 ? "" : " as process " + pid);
    }
  }

  TrackedCommand(String execId) {
    this.execId = execId;
  }

  String execId() {
    return execId;
  }

  @Nullable Asked asked() {
    return asked;
  }

  @Nullable Answer answer() {
    return answer;
  }

  /** The first start that an event names; null if none does. */
  @Nullable Start start() {
    return start;
  }

  boolean isOpen() {
    return asked != null && answer == null;
  }

  /** The number of its outputs in the log. */
  long outputs() {
    return outputs;
  }

  void asked(Exec exec, long time, long due, RecordPosition position) {
    asked = new Asked(ProgramText.of(exec.program()), time, due, position);
  }

  /** Notes an answer; the first one counts. */
  void answered(Answer now) {
    if (answer == null) {
      answer = now;
    }
  }

  /** Notes a start; the first one counts, and the first one with a process id. */
  void started(Start now) {
    Start first = start;
    if (first == null || (first.pid == 0 && now.pid != 0 && !now.isAnotherThan(first))) {
      start = now;
    }
  }

  /**
   * Notes an output.
   *
   * @return how many outputs are missing before it; negative if it is a repetition
   */
  long wrote(Output output) {
    long missing = output.seq() - nextSeq;
    if (missing >= 0) {
      nextSeq = output.seq() + 1;
      outputs++;
      streamed += output.data().length();
    }
    return missing;
  }

  /** How many of the outputs that its answer counts are missing. */
  long missing() {
    return answer == null ? 0 : Math.max(0, answer.outputs - outputs);
  }

  /** The result for a command whose exec was read. */
  AuditedCommand asObservation(UserId user, Asked exec) {
    Answer known = answer;
    return new AuditedCommand(
        user,
        execId,
        Instant.ofEpochMilli(exec.time),
        exec.line,
        exec.position,
        known == null
            ? null
            : new AuditedCommand.Answer(
                known.reason,
                known.exitCode,
                known.signal,
                known.isOutOfMemory,
                known.site,
                known.profile,
                Instant.ofEpochMilli(known.time),
                latency(exec, known),
                known.tookMs,
                known.cpuMs,
                new AuditedCommand.Written(outputs, streamed + known.inlineBytes, known.isCut),
                known.position));
  }

  static long latency(Asked exec, Answer answer) {
    return Math.clamp(answer.time - exec.time, 0, FoldContext.MAX_MS);
  }
}
