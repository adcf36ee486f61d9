/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Site;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes and publishes the answers to execs (I11). Thread-safe. */
final class CommandAnswers {
  private static final Logger log = LoggerFactory.getLogger(CommandAnswers.class);
  private static final int MAX_MESSAGE = 1000;

  private final EventSink sink;
  private final Identity identity;
  private final Time time;
  private final SandboxMetrics metrics;

  CommandAnswers(EventSink sink, Identity identity, Time time, SandboxMetrics metrics) {
    this.sink = sink;
    this.identity = identity;
    this.time = time;
    this.metrics = metrics;
  }

  /** The container, host and worker that answers name. */
  ContainerRef containerOf(Sandbox sandbox) {
    return new ContainerRef(
        Container.nameOf(sandbox.user()),
        sandbox.containerId(),
        identity.host(),
        identity.workerId());
  }

  /** Announces that the program of a command was executed. */
  Started announced(CommandEntry entry, int pid) {
    return new Started(
        EventIds.started(entry.userId(), entry.execId()),
        entry.userId(),
        entry.execId(),
        entry.startedAt(),
        pid,
        entry.container());
  }

  /** The answer to an exec whose command was not started. */
  Exited unstarted(CommandKey key, ExecOutcome ending) {
    Site site = new WorkerRef(identity.host(), identity.workerId());
    return exited(key, ending, site, null, Duration.ZERO, null, null, 0, false);
  }

  /**
   * The answer to an exec whose command was started.
   *
   * @param took from its start to its end
   */
  Exited started(CommandEntry entry, ExecOutcome ending, Duration took, CommandOutput output) {
    return exited(
        CommandKey.of(entry),
        ending,
        entry.container(),
        entry.startedAt(),
        took,
        output.of(OutputStreamName.STDOUT),
        output.of(OutputStreamName.STDERR),
        output.count(),
        output.isTruncated());
  }

  /** The answer to an exec whose command a former owner of its partition entered in the table. */
  Exited lost(CommandEntry entry) {
    return exited(
        CommandKey.of(entry),
        ExecOutcome.lost(
            "the worker "
                + entry.container().workerId()
                + " does not serve this user any more. It had started the command or was about to,"
                + " so the command may have run; how it ended is not known"),
        entry.container(),
        entry.startedAt(),
        Duration.ZERO,
        null,
        null,
        0,
        false);
  }

  private Exited exited(
      CommandKey key,
      ExecOutcome ending,
      Site site,
      @Nullable Instant startedAt,
      Duration took,
      @Nullable Data stdout,
      @Nullable Data stderr,
      long outputs,
      boolean truncated) {
    String message = ending.message();
    return new Exited(
        EventIds.exited(key.user(), key.execId()),
        key.user(),
        key.execId(),
        time.now(),
        ending.reason(),
        ending.exitCode(),
        ending.signal(),
        stdout,
        stderr,
        outputs,
        truncated,
        ending.survivors(),
        site,
        startedAt,
        took.toMillis(),
        ending.cpu(),
        message == null || message.length() <= MAX_MESSAGE
            ? message
            : message.substring(0, MAX_MESSAGE) + "…",
        ending.retryable(),
        ending.outOfMemory() != null,
        ending.outOfMemory() == null ? null : ending.outOfMemory().limit());
  }

  /**
   * Publishes an answer and returns once the log has it. If the log refuses the output, for example
   * because it is too large for the topic, the answer is published without it.
   */
  void publish(Exited exited, RequestContext request, Fence fence)
      throws FencedException, InterruptedException {
    EventSink answering = sink.answering(request);
    try {
      answering.publish(exited, fence);
    } catch (StoppedException e) {
      throw e;
    } catch (RuntimeException e) {
      if (exited.stdout() == null) {
        throw e;
      }
      log.warn("the answer is published without the command's output: {}", e.toString());
      Exited cut = withoutOutput(exited);
      answering.publish(cut, fence);
      published(cut);
      return;
    }
    published(exited);
  }

  /** Counts and logs a published answer. */
  void published(Exited exited) {
    metrics.commandEnded(exited.reason(), Duration.ofMillis(exited.tookMs()));
    metrics.outputPublished(
        SandboxMetrics.OutputWay.INLINE, length(exited.stdout()) + length(exited.stderr()));
    log.debug("command ended ({}) after {} ms", exited.reason().wire(), exited.tookMs());
  }

  private static int length(@Nullable Data data) {
    return data == null ? 0 : data.length();
  }

  /** The answer without output, for a topic that accepts less than workers publish. */
  private static Exited withoutOutput(Exited exited) {
    return new Exited(
        exited.eventId(),
        exited.userId(),
        exited.execId(),
        exited.exitedAt(),
        exited.reason(),
        exited.exitCode(),
        exited.signal(),
        Data.EMPTY,
        Data.EMPTY,
        0,
        true,
        exited.survivors(),
        exited.site(),
        exited.startedAt(),
        exited.tookMs(),
        exited.cpu(),
        "the log refused the answer with the command's output",
        false,
        exited.oomKilled(),
        exited.memoryLimit());
  }
}
