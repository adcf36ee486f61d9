/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Detects use of which no record tells: a running command of the log, a command that somebody runs
 * with the engine's exec, and, if the operator wants it, the processor time of processes. The
 * engine is asked only about sandboxes that may be reaped soon. The calls block for the engine, in
 * the user's lane.
 */
public final class HiddenUse {
  /** Whether a sandbox is in use. */
  enum Answer {
    USED,
    /** Used only by the engine's exec, and for so long that the exec may hang. */
    USED_FOR_LONG,
    UNUSED,
    /** Not known, because processor time was not measured since the last use. */
    UNKNOWN
  }

  /** The processor time that a sandbox had taken at an instant. */
  private record Look(Duration cpuTime, long at) {}

  /** A period in which only the engine's execs used a sandbox. */
  private record Hold(long since, long touched) {}

  /** The engine's exec has no time-out, so one that hangs would hold a sandbox for ever. */
  static final Duration LONGEST_HOLD = Duration.ofHours(1);

  private final Engine engine;
  private final SandboxCommands commands;
  private final @Nullable Double busyShare;
  private final Time time;
  private final Map<Sandbox, Look> looks = Collections.synchronizedMap(new WeakHashMap<>());
  private final Map<Sandbox, Hold> holds = Collections.synchronizedMap(new WeakHashMap<>());

  /**
   * Starts without measurements.
   *
   * @param busyShare the share of a core above which processes count as use; null if they never do
   */
  public HiddenUse(Engine engine, SandboxCommands commands, @Nullable Double busyShare, Time time) {
    this.engine = engine;
    this.commands = commands;
    this.busyShare = busyShare;
    this.time = time;
  }

  /** Whether processor time counts and a first measurement since the last use is missing. */
  boolean wantsLook(Sandbox sandbox) {
    return busyShare != null && lookSinceUse(sandbox) == null;
  }

  void look(Sandbox sandbox) throws EngineException {
    looks.put(sandbox, new Look(engine.cpuTime(sandbox.containerId()), time.nanos()));
  }

  /** Asks the engine whether a sandbox is in use; use that it finds counts as last use. */
  Answer ask(Sandbox sandbox) throws EngineException {
    if (commands.areIn(sandbox)) {
      return Answer.USED; // noted as a use once one runs
    }
    if (engine.hasRunningExec(sandbox.containerId())) {
      return held(sandbox);
    }
    holds.remove(sandbox);
    if (busyShare == null) {
      return Answer.UNUSED;
    }
    Look before = lookSinceUse(sandbox);
    look(sandbox);
    Look now = lookSinceUse(sandbox);
    if (before == null || now == null) {
      return Answer.UNKNOWN; // or the sandbox was used meanwhile
    }
    double share =
        (double) now.cpuTime().minus(before.cpuTime()).toNanos()
            / Math.max(1, now.at() - before.at());
    if (share <= busyShare) {
      return Answer.UNUSED;
    }
    sandbox.touch(now.at(), Reaped.Use.CPU);
    return Answer.USED;
  }

  private Answer held(Sandbox sandbox) {
    long now = time.nanos();
    Hold before = holds.get(sandbox);
    long since =
        before != null && sandbox.lastActive() - before.touched() <= 0
            ? before.since()
            : sandbox.lastActive();
    sandbox.touch(now, Reaped.Use.EXEC);
    holds.put(sandbox, new Hold(since, now));
    return now - since < LONGEST_HOLD.toNanos() ? Answer.USED : Answer.USED_FOR_LONG;
  }

  /**
   * The last measurement; null if it is older than the last use, and so says nothing about the time
   * since.
   */
  private @Nullable Look lookSinceUse(Sandbox sandbox) {
    Look look = looks.get(sandbox);
    return look == null || look.at() - sandbox.lastActive() < 0 ? null : look;
  }
}
