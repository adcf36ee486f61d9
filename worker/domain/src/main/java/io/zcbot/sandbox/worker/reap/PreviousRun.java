/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes or takes over the containers that a previous run of this worker left on the engine,
 * before the first ensure is served. Containers of other workers are left alone (I7).
 */
public final class PreviousRun {
  private static final Logger log = LoggerFactory.getLogger(PreviousRun.class);

  /** Each is waited for in turn, while other workers take this one for dead. */
  private static final int MOST_UNANSWERED = 2;

  private final Engine engine;
  private final ProfileEngines engines;
  private final Supplier<Profiles> profiles;
  private final Registry registry;
  private final Capacity capacity;
  private final Purge purge;
  private final Workspaces workspaces;
  private final Time time;

  /** How many workspaces did not answer. */
  private int unanswered;

  public PreviousRun(
      Engine engine,
      ProfileEngines engines,
      Supplier<Profiles> profiles,
      Registry registry,
      Capacity capacity,
      Termination termination,
      Workspaces workspaces,
      Time time) {
    this.engine = engine;
    this.engines = engines;
    this.profiles = profiles;
    this.registry = registry;
    this.capacity = capacity;
    this.purge = new Purge(engine, termination);
    this.workspaces = workspaces;
    this.time = time;
  }

  /**
   * Ends all of them. May be called again after a failure.
   *
   * @return how many containers were ended
   */
  public int purge(SandboxLog log) throws EngineException, InterruptedException {
    List<Container> left = own();
    purge.endAll(left, new ContainersInLog(engine, log).announced(left));
    return left.size();
  }

  /**
   * Takes over what still runs as it should, and ends the rest.
   *
   * @param partitionOf the partition of a user's records
   * @param lastActive taken as the last use of each, on the monotonic clock; the log tells of later
   *     uses
   * @return how many were taken over
   */
  public int adopt(SandboxLog log, ToIntFunction<UserId> partitionOf, long lastActive)
      throws EngineException, InterruptedException {
    List<Container> left = own();
    ContainersInLog inLog = new ContainersInLog(engine, log);
    Map<String, LiveSandbox> listed = inLog.listed(left);
    // The table may lack an entry, or have one of a sandbox that was never announced ready, or
    // whose end another worker announced before it was killed. So announcements decide, but
    // not those from when there were fewer partitions, which the user's worker of now doesn't see.
    Announcements said = inLog.announcedInUsersPartitions(left, listed);
    List<Container> rest = new ArrayList<>();
    for (Container each : left) {
      LiveSandbox entry = listed.get(each.id());
      if (!isOpen(each, entry, said) || !adopt(each, entry, said, partitionOf, lastActive)) {
        rest.add(each);
      }
    }
    Set<String> announced = inLog.announced(rest);
    announced.removeIf(said::isReaped);
    purge.endAll(rest, announced);
    return registry.size();
  }

  /** Whether it was announced ready, and neither its end nor a successor was. */
  private static boolean isOpen(
      Container container, @Nullable LiveSandbox listed, Announcements said) {
    String id = container.id();
    boolean ready =
        said.readyAt(id) != null
            || (listed != null && said.isForgotten(listed.userId(), listed.openedAt()));
    return ready && !said.isReaped(id) && !said.isSuperseded(id);
  }

  /** Adopts by the entry, or by the announcement if the entry is missing or wrong. */
  private boolean adopt(
      Container container,
      @Nullable LiveSandbox listed,
      Announcements said,
      ToIntFunction<UserId> partitionOf,
      long lastActive)
      throws EngineException, InterruptedException {
    if (listed != null && adoptBy(container, listed, said, partitionOf, lastActive)) {
      return true;
    }
    Instant readyAt = said.readyAt(container.id());
    UserId user = Objects.requireNonNull(container.user());
    return readyAt != null
        && adoptBy(
            container,
            new LiveSandbox(user, container.id(), "", "", readyAt),
            said,
            partitionOf,
            lastActive);
  }

  /** Adopts a container; returns whether it was adopted, now or before. */
  private boolean adoptBy(
      Container listed,
      LiveSandbox entry,
      Announcements said,
      ToIntFunction<UserId> partitionOf,
      long lastActive)
      throws EngineException, InterruptedException {
    UserId user = entry.userId();
    Profile profile = profiles.get().find(listed.profile());
    if (profile == null) {
      log.info("{} is of the profile {}, which is gone", listed.id(), listed.profile());
      return false;
    }
    Verified verified =
        engines
            .sandboxes(profile)
            .verify(listed.id(), user, workspaces.of(user))
            .orElse(new Verified(listed, false));
    if (!canBeAdopted(verified, entry) || !hasWorkspace(user)) {
      return false;
    }
    if (registry.get(user) != null) {
      return true;
    }
    Reservation reservation = capacity.tryTake();
    if (reservation == null) {
      return false;
    }
    Container container = verified.container();
    Instant opened = credible(entry.openedAt(), container);
    Sandbox adopted =
        new Sandbox(
            user,
            profile,
            container,
            partitionOf.applyAsInt(user),
            time.nanos() - time.age(lifetimeBegan(opened, container, user, said)),
            lastActive,
            reservation);
    adopted.openedAt(opened);
    adopted.announced(time.now()); // as was just read
    adopted.terms(adopted(profile.idleTtls(), entry, said.terms(container.id())));
    let(adopted);
    registry.add(adopted);
    return true;
  }

  /** The terms of an adopted sandbox: what its agent was told, or else what the entry says. */
  private static Terms adopted(IdleTtls idleTtls, LiveSandbox entry, @Nullable Terms told) {
    Terms terms = told == null ? Terms.of(entry) : told;
    return new Terms(
        idleTtls.adopted(entry.idleTtl(), told == null ? null : told.idleTtl()),
        terms.labels(),
        terms.endsAt(),
        terms.network());
  }

  /**
   * Lets an adopted sandbox reach what its agent was told: what keeps the policies may have been
   * started anew. Until that is done, it reaches what it reached before, or nothing.
   */
  private void let(Sandbox adopted) {
    Network network = adopted.terms().network();
    try {
      engines.sandboxes(adopted.profile()).let(adopted.containerId(), network.allow());
      adopted.reaches(network);
    } catch (EngineException e) {
      log.warn(
          "{} is not known to reach what it may, its next ensure tries again: {}",
          adopted.containerId(),
          e.getMessage());
    }
  }

  /**
   * Corrects the time of an entry: not later than now, since anybody may have written it, but not
   * before the start of the container, whatever the clock says, or the next start would not adopt
   * it.
   */
  private Instant credible(Instant opened, Container container) {
    Instant now = time.now();
    if (!opened.isAfter(now)) {
      return opened;
    }
    Instant started = Objects.requireNonNull(container.startedAt());
    return started.isAfter(now) ? started : now;
  }

  /**
   * When its lifetime began: not before its container was started or, since a slot may have waited
   * long, before its first ready. Or whoever may write to the table could end it by an entry of
   * long ago. The entry itself keeps its time, from which on the next start looks for the ready.
   */
  private static Instant lifetimeBegan(
      Instant opened, Container container, UserId user, Announcements said) {
    Instant started = Objects.requireNonNull(container.startedAt());
    Instant first = said.firstReadyAt(container.id());
    // Where retention may have removed the first ready, the one that is left may be much later.
    Instant least =
        first == null || said.isForgotten(user, started) ? started : later(started, first);
    return later(opened, least);
  }

  private static Instant later(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  /**
   * Whether it runs as announced, and was not restarted since, which would have run its init again.
   */
  private static boolean canBeAdopted(Verified verified, LiveSandbox entry) {
    Container container = verified.container();
    return container.isRunning()
        && container.name().equals(Container.nameOf(entry.userId()))
        && verified.isAsSpecified()
        && container.startedAt() != null
        && isStartOf(entry, container.startedAt());
  }

  /**
   * Whether a container was started then when the entry was made. An entry of an earlier version
   * and an announcement tell only when it was found ready, by another clock than the engine's.
   */
  private static boolean isStartOf(LiveSandbox entry, Instant started) {
    return entry.startedAt() == null
        ? !started.isAfter(entry.openedAt())
        : started.equals(entry.startedAt());
  }

  /**
   * Prepares the workspace as an ensure does, with the current limits. A temporary failure ends
   * nothing: the workspace was fine when the sandbox was made, and the next ensure prepares it.
   * Once a few did not answer, the others are left to their next ensures as well.
   */
  private boolean hasWorkspace(UserId user) {
    if (unanswered >= MOST_UNANSWERED) {
      log.warn("the workspace of {} is not tried before its next ensure, as others hang", user);
      return true;
    }
    try {
      Path _ = workspaces.prepare(user);
      return true;
    } catch (IOException e) {
      if (e instanceof FileCalls.UnansweredException) {
        unanswered++;
      }
      boolean passes = HostShortage.mayPass(e);
      log.warn(
          "could not use the workspace of {}, {}: {}",
          user,
          passes ? "its next ensure tries again" : "its sandbox is ended",
          e.getMessage());
      return passes;
    }
  }

  private List<Container> own() throws EngineException {
    return engine.list().stream().filter(Container::isOurs).toList();
  }
}
