/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import io.zcbot.sandbox.worker.reap.ContainersInLog;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthorizationException;

/**
 * Announces the end of what {@code sandbox purge} removes. After a first failure, the purge ends,
 * or, if it is forced, nothing more is published, because each attempt would wait for its time-out.
 */
final class PurgeAnnouncements {
  private final Console console;
  private final KafkaLog log;
  private final WorkerConfig config;
  private final boolean force;
  private boolean isPossible = true;

  /** The container was killed and stays, so that its end can still be announced. */
  static final class NotAnnouncedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    NotAnnouncedException(CommandException cause) {
      super(cause.getMessage(), cause);
      exitCode = cause.exitCode();
    }

    int exitCode() {
      return exitCode;
    }
  }

  /**
   * Announces nothing yet.
   *
   * @param force whether to go on, announcing nothing, if Kafka is unavailable
   */
  PurgeAnnouncements(Console console, KafkaLog log, WorkerConfig config, boolean force) {
    this.console = console;
    this.log = log;
    this.config = config;
    this.force = force;
  }

  /**
   * Returns the ids of the containers whose end is to be announced. Not all are: if another worker
   * serves a user by now, it has announced that end, and its own sandbox is in the tables.
   */
  Set<String> due(Engine engine, List<Container> sandboxes) throws CommandException {
    if (sandboxes.stream().allMatch(sandbox -> sandbox.user() == null)) {
      return Set.of();
    }
    try {
      return announced(engine, sandboxes);
    } catch (EngineException e) {
      throw Engines.failed(e); // nothing was removed yet
    } catch (CommandException e) {
      boolean isRefused = isDenied(e);
      if (force && !isRefused) {
        stop(e);
        return Set.of();
      }
      throw new CommandException(
          e.exitCode(),
          "could not purge the sandboxes: "
              + e.getMessage()
              + (isRefused
                  ? ""
                  : ". To remove them though agent services are not told, add --force"),
          e);
    }
  }

  private static boolean isDenied(Throwable failure) {
    Throwable cause = failure;
    while (cause != null && !(cause instanceof AuthorizationException)) {
      cause = cause.getCause();
    }
    return cause != null;
  }

  private Set<String> announced(Engine engine, List<Container> sandboxes)
      throws CommandException, EngineException {
    try (RangeReader reader = log.ranges(Topic.LIVE, Topic.READY, Topic.REAPED)) {
      return new ContainersInLog(engine, reader.sandboxes(KafkaSandboxLog.MAX_BYTES))
          .announced(sandboxes);
    } catch (KafkaException e) {
      throw log.failed("read what was announced of the sandboxes", e);
    }
  }

  Announcer announcer(String workerId) {
    return new Announcer(
        event -> tell(() -> log.publish(event)),
        new LiveSandboxTable() {
          @Override
          public void open(LiveSandbox sandbox) {
            throw new IllegalStateException("a purge does not create a sandbox");
          }

          @Override
          public void close(UserId user, String containerId) throws InterruptedException {
            tell(() -> log.removeLive(user, containerId));
          }
        },
        new CurrentSandboxes() {
          @Override
          public void enter(CurrentSandbox sandbox) {
            throw new IllegalStateException("a purge does not create a sandbox");
          }

          @Override
          public void remove(UserId user) throws InterruptedException {
            purge(user);
          }

          @Override
          public void purge(UserId user) throws InterruptedException {
            tell(() -> log.removeCurrent(user));
          }
        },
        new Identity(workerId, config.host(), config.engineAddress()),
        Time.system(),
        SandboxMetrics.NONE,
        _ -> {});
  }

  private interface Telling {
    void run() throws CommandException, InterruptedException;
  }

  private void tell(Telling telling) throws InterruptedException {
    if (!isPossible) {
      return;
    }
    try {
      telling.run();
    } catch (CommandException e) {
      if (!force) {
        throw new NotAnnouncedException(e);
      }
      stop(e);
    }
  }

  private void stop(CommandException why) {
    isPossible = false;
    console
        .err()
        .println(
            "the sandboxes are removed, but cannot be announced as reaped: " + why.getMessage());
  }
}
