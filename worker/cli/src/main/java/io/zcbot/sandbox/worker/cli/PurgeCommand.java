/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.mounts.MappedWorkspaces;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import io.zcbot.sandbox.worker.reap.ContainersInLog;
import io.zcbot.sandbox.worker.reap.Purge;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Removes what a stopped worker left on this host, and announces the end of its sandboxes: ends
 * containers as the worker's own start does, and unmounts what it had mounted. What fails is
 * reported instead of retried, and unlike a start, it needs neither an engine that is fit for
 * sandboxes, nor a worker's permissions, nor, with force, Kafka.
 */
final class PurgeCommand {
  private final Console console;
  private final Engine engine;
  private final KafkaLog log;
  private final WorkerConfig config;
  private final boolean force;
  private final String tried;
  private final FileCalls files = new FileCalls();
  private final MountedSlots slots;
  private final MappedWorkspaces views;

  /** The command {@code purge}. */
  @Command(
      name = "purge",
      description = "Remove a worker's sandboxes from this engine and announce them as reaped.")
  static final class Typed implements Callable<Integer> {
    private final CommandContext context;

    @Option(
        names = "--worker",
        paramLabel = "ID",
        description = "The worker's id (default: that of this host's worker).")
    private @Nullable String worker;

    @Option(
        names = {"-y", "--yes"},
        description = "Do not ask for confirmation.")
    private boolean yes;

    @Option(
        names = "--force",
        description = "Purge even if that worker is alive, or if that cannot be determined.")
    private boolean force;

    Typed(CommandContext context) {
      this.context = context;
    }

    @Override
    public Integer call() throws CommandException, InterruptedException {
      WorkerConfig config = context.configOf(worker);
      try (Engine engine = context.engine(config);
          KafkaLog log = new KafkaLog(config.kafka())) {
        return new PurgeCommand(context.console(), engine, log, config, force).run(yes);
      }
    }
  }

  /**
   * Creates a purge; does nothing yet.
   *
   * @param config with the id of the worker whose sandboxes are removed
   * @param force whether to go on if the worker is alive, or if Kafka is unavailable
   */
  PurgeCommand(Console console, Engine engine, KafkaLog log, WorkerConfig config, boolean force) {
    this.console = console;
    this.engine = engine;
    this.log = log;
    this.config = config;
    this.force = force;
    this.tried = "could not purge the sandboxes of worker " + config.workerId() + ": ";
    WorkspaceMount root = WorkspaceMount.asItIs(real(config.workspaces().root));
    IdMaps none = new IdMaps(Workspaces.Owner.UNMAPPED, false); // it only undoes mounts
    this.slots = new MountedSlots(root, none, config.workerId(), files);
    this.views = new MappedWorkspaces(root, none, config.workerId());
  }

  /** The path by which the kernel knows the root. */
  private Path real(Path root) {
    try {
      return files.at(root, root::toRealPath);
    } catch (IOException _) {
      return root; // a worker on another host has it, or it does not answer
    }
  }

  private int run(boolean yes) throws CommandException, InterruptedException {
    List<Container> containers =
        Engines.sandboxes(engine).stream()
            .filter(c -> config.workerId().equals(c.ownership().workerId()))
            .toList();
    boolean isAllEnded = true;
    if (containers.isEmpty()) {
      console.out().println("no container of worker " + config.workerId() + " is on this engine");
      if (!isMounted()) {
        return ExitCode.OK;
      }
      refuseIfAlive();
    } else {
      refuseIfAlive();
      if (!yes) {
        confirm(containers.size());
        refuseIfAlive(); // it may have been started since
      }
      isAllEnded = end(containers, announced(containers));
    }
    // after the containers: a root that does not answer must not keep them
    boolean areSlotsReleased =
        undo(
            "slots",
            slots::releaseLeft,
            "unmount what is beneath "
                + SlotMounts.directory(config.workspaces().root, config.workerId())
                + " as root on its host");
    boolean areViewsCleared =
        undo(
            "workspaces",
            () -> files.run(config.workspaces().root, views::clearLeft),
            "run purge again as root on the host of worker " + config.workerId());
    return isAllEnded && areSlotsReleased && areViewsCleared ? ExitCode.OK : ExitCode.FAILED;
  }

  private void confirm(int count) throws CommandException {
    if (!console.confirms("Remove " + count + " sandboxes of worker " + config.workerId() + "?")) {
      throw new CommandException(
          ExitCode.USAGE,
          count
              + " sandboxes of worker "
              + config.workerId()
              + " were not removed; add --yes to remove them",
          null);
    }
  }

  private void refuseIfAlive() throws CommandException, InterruptedException {
    if (force) {
      return;
    }
    String sign;
    try {
      sign = RunningWorker.sign(config, log, files);
    } catch (CommandException e) {
      throw new CommandException(
          e.exitCode(),
          tried
              + "whether it is alive cannot be determined: "
              + e.getMessage()
              + ". If you know that it is not alive, add --force",
          e);
    }
    if (sign != null) {
      throw new CommandException(
          ExitCode.FAILED,
          tried
              + "it is alive ("
              + sign
              + ") and serves them; stop it, which reaps them, or add --force",
          null);
    }
  }

  /**
   * Returns the ids of the containers whose end is to be announced. Not all are: if another worker
   * serves a user by now, it has announced that end, and its own sandbox is in the tables. With
   * {@code force}, Kafka may be unavailable; but if it answers that a permission is missing, that
   * is an error in any case.
   */
  private Set<String> announced(List<Container> containers)
      throws CommandException, InterruptedException {
    if (containers.stream().allMatch(container -> container.user() == null)) {
      return Set.of();
    }
    String missing;
    Set<String> announced;
    try {
      announced = readAnnounced(containers);
      missing = AnnouncePermission.missing(log);
    } catch (EngineException e) {
      throw Engines.failed(e); // nothing was removed yet
    } catch (CommandException e) {
      boolean isDenied = isDenied(e);
      if (force && !isDenied) {
        announceNoMore(e);
        return Set.of();
      }
      String hint = ". To remove them though agent services are not told, add --force";
      throw new CommandException(e.exitCode(), tried + e.getMessage() + (isDenied ? "" : hint), e);
    }
    if (missing != null) {
      throw new CommandException(
          ExitCode.CONFIG,
          tried
              + missing
              + ", so their end could not be announced; nothing was removed. 'topics acls' prints"
              + " what the role operator needs",
          null);
    }
    return announced;
  }

  private Set<String> readAnnounced(List<Container> containers)
      throws CommandException, EngineException {
    try (RangeReader reader = log.ranges(Topic.LIVE, Topic.READY, Topic.REAPED)) {
      return new ContainersInLog(engine, reader.sandboxes(KafkaSandboxLog.MAX_BYTES))
          .announced(containers);
    } catch (KafkaException e) {
      throw log.failed("read what was announced of the sandboxes", e);
    }
  }

  private static boolean isDenied(Throwable failure) {
    Throwable cause = failure;
    while (cause != null && !(cause instanceof AuthorizationException)) {
      cause = cause.getCause();
    }
    return cause != null;
  }

  /**
   * Ends containers one after the other.
   *
   * @param announced ids of those whose end is announced
   * @return whether all were ended
   */
  boolean end(List<Container> containers, Set<String> announced)
      throws CommandException, InterruptedException {
    PurgeLog to = new PurgeLog(log);
    Identity identity = new Identity(config.workerId(), config.host(), config.engineAddress());
    Purge purge =
        Purge.offline(
            engine,
            new Announcer(to, to, to, identity, Time.system(), SandboxMetrics.NONE, _ -> {}));
    Set<String> unannounced = announced;
    int ended = 0;
    for (Container container : containers) {
      try {
        try {
          purge.end(container, unannounced);
        } catch (PurgeLog.NotAnnouncedException e) {
          requireForce(container, e.failure());
          // Each further attempt would wait for its time-out.
          announceNoMore(e.failure());
          unannounced = Set.of();
          purge.end(container, unannounced);
        }
        ended++;
        console.out().println("purged " + container.name());
      } catch (EngineException e) {
        console.err().println("could not purge " + container.name() + ": " + e.getMessage());
      }
    }
    console.out().println("purged " + ended + " of " + containers.size());
    return ended == containers.size();
  }

  private void requireForce(Container container, CommandException failure) throws CommandException {
    if (!force) {
      throw new CommandException(
          failure.exitCode(),
          container.name()
              + " is killed and stays, as all behind it, since its end could not be announced: "
              + failure.getMessage()
              + ". Run the purge again, or with --force, which tells agent services nothing",
          failure);
    }
  }

  private void announceNoMore(CommandException why) {
    console
        .err()
        .println(
            "the sandboxes are removed, but cannot be announced as reaped: " + why.getMessage());
  }

  /** Whether the worker may have left anything mounted, for slots or sandboxes that started. */
  private boolean isMounted() {
    try {
      return slots.areMounted() || !files.at(config.workspaces().root, views::left).isEmpty();
    } catch (IOException _) {
      return true; // which undoing it reports
    }
  }

  /**
   * Unmounts what the worker had mounted. Otherwise nobody can give its users sandboxes, since
   * other workers leave these mounts alone.
   */
  private boolean undo(String what, FileCalls.Step step, String fix) {
    try {
      step.run();
      return true;
    } catch (IOException e) {
      tellMounted(what, e, fix);
      for (Throwable other : e.getSuppressed()) {
        tellMounted(what, other, fix);
      }
      return false;
    }
  }

  private void tellMounted(String what, Throwable failure, String fix) {
    console
        .err()
        .println("some " + what + " may stay mounted: " + failure.getMessage() + "; " + fix);
  }
}
