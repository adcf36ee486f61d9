/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.mounts.MappedWorkspaces;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.reap.Purge;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Removes the containers that a stopped worker left on the engine, and announces their end. */
final class PurgeCommand {
  private final Console console;
  private final Engine engine;
  private final KafkaLog log;
  private final WorkerConfig config;
  private final FileCalls files = new FileCalls();
  private final WorkspaceMount root;

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
      WorkerConfig config = context.config();
      try (Engine engine = context.engine(config);
          KafkaLog log = new KafkaLog(config.kafka())) {
        return new PurgeCommand(context.console(), engine, log, config).run(worker, yes, force);
      }
    }
  }

  private PurgeCommand(Console console, Engine engine, KafkaLog log, WorkerConfig config) {
    this.console = console;
    this.engine = engine;
    this.log = log;
    this.config = config;
    this.root = WorkspaceMount.asItIs(real(config.workspaces().root));
  }

  /** The path by which the kernel knows the root. */
  private Path real(Path root) {
    try {
      return files.at(root, root::toRealPath);
    } catch (IOException _) {
      return root; // a worker on another host has it, or it does not answer
    }
  }

  private int run(@Nullable String worker, boolean yes, boolean force)
      throws CommandException, InterruptedException {
    String workerId = worker == null ? config.workerId() : worker;
    List<Container> sandboxes =
        Engines.sandboxes(engine).stream()
            .filter(c -> workerId.equals(c.ownership().workerId()))
            .toList();
    if (sandboxes.isEmpty()) {
      boolean released = releaseLeftSlots(workerId, force);
      boolean cleared = clearViews(workerId, force);
      console.out().println("no container of worker " + workerId + " is on this engine");
      return released && cleared ? ExitCode.OK : ExitCode.FAILED;
    }
    if (!force) {
      refuseIfAlive(workerId);
    }
    if (sandboxes.stream().anyMatch(sandbox -> sandbox.user() != null)) {
      refuseIfUnannounced(workerId, force);
    }
    if (!yes) {
      confirm(workerId, sandboxes.size());
      if (!force) {
        refuseIfAlive(workerId); // it may have been started since
      }
    }
    PurgeAnnouncements announcements = new PurgeAnnouncements(console, log, config, force);
    Set<String> announced = announcements.due(engine, sandboxes);
    Purge purge = Purge.offline(engine, announcements.announcer(workerId));
    int failures = 0;
    for (Container sandbox : sandboxes) {
      try {
        purge.end(sandbox, announced);
        console.out().println("purged " + sandbox.name());
      } catch (EngineException e) {
        failures++;
        console.err().println("could not purge " + sandbox.name() + ": " + e.getMessage());
      } catch (PurgeAnnouncements.NotAnnouncedException e) {
        throw new CommandException(
            e.exitCode(),
            sandbox.name()
                + " is killed and stays, as all behind it, since its end could not be announced: "
                + e.getMessage()
                + ". Run the purge again, or with --force, which tells agent services nothing",
            e);
      }
    }
    // after the containers: a root that does not answer must not keep them
    boolean released = releaseSlots(workerId);
    console.out().println("purged " + (sandboxes.size() - failures) + " of " + sandboxes.size());
    boolean cleared = clearViews(workerId, force);
    return failures == 0 && released && cleared ? ExitCode.OK : ExitCode.FAILED;
  }

  private void confirm(String workerId, int count) throws CommandException {
    if (!console.confirms("Remove " + count + " sandboxes of worker " + workerId + "?")) {
      throw new CommandException(
          ExitCode.USAGE,
          count
              + " sandboxes of worker "
              + workerId
              + " were not removed; add --yes to remove them",
          null);
    }
  }

  private void refuseIfAlive(String workerId) throws CommandException, InterruptedException {
    String tried = "could not purge the sandboxes of worker " + workerId + ": ";
    String sign;
    try {
      sign = RunningWorker.sign(config, workerId, log, files);
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
   * Throws if the end of sandboxes can't be announced. With {@code force}, Kafka may be
   * unavailable; but if it answers that a permission is missing, that is an error in any case.
   */
  private void refuseIfUnannounced(String workerId, boolean force)
      throws CommandException, InterruptedException {
    String tried = "could not purge the sandboxes of worker " + workerId + ": ";
    String missing;
    try {
      missing = AnnouncePermission.missing(log);
    } catch (CommandException e) {
      if (force) {
        return;
      }
      throw new CommandException(
          e.exitCode(),
          tried
              + "whether their end can be announced cannot be determined: "
              + e.getMessage()
              + ". To remove them though agent services are not told, add --force",
          e);
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
  }

  /**
   * Unmounts workspaces that the worker had mounted for sandboxes that were starting. Otherwise
   * nobody can give their users sandboxes, since other workers leave these mounts alone.
   *
   * @return whether none is left on this host
   */
  private boolean clearViews(String workerId, boolean force)
      throws CommandException, InterruptedException {
    MappedWorkspaces views = new MappedWorkspaces(root, maps(), workerId);
    Path path = config.workspaces().root;
    try {
      if (!files.at(path, views::left).isEmpty()) {
        if (!force) {
          refuseIfAlive(workerId);
        }
        files.run(path, views::clearLeft);
      }
      return true;
    } catch (IOException e) {
      String again = "run purge again as root on the host of worker " + workerId;
      tellLeft("workspaces", e, again);
      return false;
    }
  }

  /** Unmounts users' files from slots whose containers somebody else removed. */
  private boolean releaseLeftSlots(String workerId, boolean force)
      throws CommandException, InterruptedException {
    try {
      if (!slots(workerId).areMounted()) {
        return true;
      }
    } catch (IOException e) {
      tellSlotsLeft(workerId, e);
      return false;
    }
    if (!force) {
      refuseIfAlive(workerId);
    }
    return releaseSlots(workerId);
  }

  private boolean releaseSlots(String workerId) {
    MountedSlots slots = slots(workerId);
    boolean released = true;
    try {
      for (String slot : slots.left()) {
        released &= release(slots, slot, workerId);
      }
    } catch (IOException e) {
      tellSlotsLeft(workerId, e);
      return false;
    }
    return released;
  }

  private boolean release(MountedSlots slots, String slot, String workerId) {
    try {
      slots.release(slot);
      return true;
    } catch (IOException e) {
      tellSlotsLeft(workerId, e);
      return false;
    }
  }

  private MountedSlots slots(String workerId) {
    return new MountedSlots(root, maps(), workerId, files);
  }

  private void tellSlotsLeft(String workerId, IOException failure) {
    Path directory = SlotMounts.directory(config.workspaces().root, workerId);
    tellLeft("slots", failure, "unmount what is beneath " + directory + " as root on its host");
  }

  private void tellLeft(String what, IOException failure, String fix) {
    console
        .err()
        .println("some " + what + " may stay mounted: " + failure.getMessage() + "; " + fix);
  }

  /** Maps nothing: it is only for undoing mounts. */
  private static IdMaps maps() {
    return new IdMaps(Workspaces.Owner.UNMAPPED, false);
  }
}
