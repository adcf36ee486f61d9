/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.demand.RefillPace;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.startup.Recovery;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker of one sandbox host: starts its parts in order, and stops them in reverse.
 *
 * <p>{@link #start} waits for the engine and for Kafka as long as necessary, and reports that in
 * the log and in readiness; {@link #close} from another thread ends the wait.
 */
public final class Worker implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Worker.class);

  static final Duration PROBE_INTERVAL = Duration.ofSeconds(5);

  /**
   * Long, because each run reads the live table of all partitions whose users have sandboxes here.
   */
  private static final Duration COMPARISON_INTERVAL = Duration.ofMinutes(5);

  /** How late a sandbox ends at most that an ensure gave an end. */
  private static final Duration ENDS_INTERVAL = Duration.ofSeconds(1);

  private static final Duration COMMANDS_INTERVAL = Duration.ofSeconds(1);
  private static final Duration WATCH_INTERVAL = Duration.ofSeconds(30);

  /** What a start has opened when it notices the stop, such as a mount, it closes itself. */
  private static final Duration START_ENDS = Duration.ofSeconds(10);

  private final WorkerConfig config;
  private final OpenTelemetry openTelemetry;
  private final Closer closer = new Closer();
  private final RunState state = new RunState();
  private final StartRetry retry = new StartRetry(state::isStopping);
  private volatile @Nullable ProfileReload reload;

  /**
   * Creates a worker without starting it; only stores its settings. It makes spans if OpenTelemetry
   * is set up in the process, by its agent or by what is on the class path.
   */
  public Worker(WorkerConfig config) {
    this(config, GlobalOpenTelemetry.get());
  }

  /** As {@link #Worker(WorkerConfig)}, with another destination of spans. */
  public Worker(WorkerConfig config, OpenTelemetry openTelemetry) {
    this.config = config;
    this.openTelemetry = openTelemetry;
  }

  /**
   * Starts the worker; returns when it serves.
   *
   * @throws IOException if the workspace root, the ops address or the engine can't be used
   * @throws TopicsException if the topics do not meet the contract
   * @throws StoppedException if it was closed before or while it started
   * @throws InterruptedException if anything but a close interrupted it
   */
  public void start() throws IOException, TopicsException, InterruptedException {
    state.starting();
    try {
      Exposure exposure = Exposure.open(config, this::startProblem, closer);
      Host host = Host.take(config, exposure, retry, closer);
      Parts parts = new Parts(config, host, exposure, openTelemetry, state, closer);
      exposure.show(host, parts);
      recover(host, parts);
      serve(host, parts);
    } catch (IOException | TopicsException | InterruptedException | RuntimeException e) {
      closer.close();
      if (state.isStopping()) { // which closes what the start uses, and interrupts it
        throw new StoppedException("stopped while it started", e);
      }
      throw e;
    } finally {
      state.startEnded();
    }
  }

  private void recover(Host host, Parts parts)
      throws IOException, TopicsException, InterruptedException {
    var _ = host.sandboxes().sandboxes(config.profiles().usual()); // so that its network is checked
    host.sandboxes().checkFirewalls(); // readiness reports a failure; the timer tries again
    closer.add(host.sandboxes().watchFirewalls());
    new Recovery(
            config,
            parts.domain,
            parts.registry,
            parts.requestReader,
            parts.sandboxLog,
            parts.keyPartitions,
            parts.time)
        .run(retry);
  }

  private void serve(Host host, Parts parts) {
    closer.add(() -> parts.domain.slots().close(config.ops().stopShare(12)));
    closer.add(parts.follower).start();
    closer.add(parts.domain.engineFollower()).start();
    schedule(host, parts, closer.add(parts.timers));
    closer.add(parts.domain.commands());
    closer.add(parts.commandFollower).start();
    if (config.group().restart == GroupConfig.Restart.PURGE) {
      closer.add(() -> reapAtStop(parts));
    }
    closer.add(parts.intake).start();
    closer.add(parts.domain.slots()::stopMaking);
    closer.add(parts.domain.reaper()::hurry);
    reload = parts.profileReload;
    state.serving();
    log.info(
        "worker {} serves ensures as a member of group {}, Kafka at {}",
        config.workerId(),
        config.kafka().groupId(),
        config.kafka().bootstrapServers());
  }

  private void schedule(Host host, Parts parts, Timers timers) {
    timers.every(config.reaper().interval, parts.domain.reaper()::tick);
    timers.every(ENDS_INTERVAL, parts.domain.reaper()::tickEnds);
    timers.every(
        PROBE_INTERVAL, () -> parts.handover.removeUnowned(parts.follower.problem() == null));
    timers.every(COMPARISON_INTERVAL, parts.handover::compareOwned);
    parts.partitionWatch.look();
    timers.every(WATCH_INTERVAL, parts.partitionWatch::look);
    timers.every(COMMANDS_INTERVAL, parts.domain.commands()::tick);
    if (parts.domain.slots().isPossible() || config.profilesFile() != null) {
      timers.every(RefillPace.LOOK, parts.domain.slots()::tick);
    }
    if (parts.domain.slots().goesByDemand() || config.profilesFile() != null) {
      timers.every(PROBE_INTERVAL, parts.pastArrivals::tick);
    }
    timers.everyOnEngine(PROBE_INTERVAL, "ping", host.engine()::ping);
    timers.everyOnEngine(
        config.engine().firewallInterval, "firewall", host.sandboxes()::checkFirewalls);
    timers.everyOnEngine(
        config.engine().reconcileInterval, "reconcile", parts.domain.reconciler()::reconcile);
    timers.everyOnEngine(
        config.engine().reconcileInterval, "sweep", () -> parts.domain.slots().sweep());
  }

  /** Reaps what the release of the partitions left, so that the next start need not purge it. */
  private void reapAtStop(Parts parts) throws InterruptedException {
    try {
      parts
          .domain
          .reaper()
          .reapAll(Reaped.Reason.SHUTDOWN, _ -> true, List.of())
          .get(config.ops().stopShare(6).toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      log.warn("not all sandboxes were reaped in time; the next start purges the rest");
    } catch (ExecutionException e) {
      log.warn("not all sandboxes were reaped; the next start purges the rest", e);
    }
  }

  private @Nullable String startProblem() {
    return switch (state.phase()) {
      case NEW, STARTING -> {
        String problem = retry.problem();
        yield problem == null ? "starting" : problem;
      }
      case SERVING -> null;
      case STOPPING -> "stopping";
    };
  }

  /** Reads the file of profiles again, if there is one and the worker serves. Never blocks. */
  public void reload() {
    ProfileReload serving = reload;
    if (serving == null) {
      log.warn("the worker does not serve yet; the file of profiles is not read again");
    } else {
      serving.begin();
    }
  }

  /**
   * Blocks until the worker is closed, or must not go on.
   *
   * @return why it must not go on, so that the caller closes it: somebody changed the number of
   *     partitions of the topics; null if it is closed
   */
  public @Nullable String awaitStop() throws InterruptedException {
    return state.awaitStop();
  }

  /**
   * Stops the worker: reads no more, lets running work end, reaps or keeps this worker's sandboxes
   * as configured, commits what is done. Takes about the configured stop time-out at most; a second
   * call blocks until the first is done.
   */
  @Override
  public void close() {
    if (state.stopping()) {
      log.info("stopping");
    }
    closer.close();
    try {
      if (!state.awaitStartEnd(START_ENDS)) {
        log.warn(
            "the start goes on after {} s, although it was interrupted", START_ENDS.toSeconds());
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    state.stopped();
  }
}
