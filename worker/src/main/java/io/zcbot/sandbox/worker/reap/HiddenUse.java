/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Use that goes on without a record: a command of the log that runs, what somebody runs in a
 * sandbox with the engine's exec, and, if the operator wants it, what its processes take of a core.
 * The engine is asked only about sandboxes that are about to be reaped.
 */
public final class HiddenUse {
  /** Whether a sandbox is in use. */
  enum Answer {
    USED,
    /** It is, but by the engine's exec alone and for so long that the exec may hang. */
    USED_FOR_LONG,
    UNUSED,
    /** It was never looked at since its last use, so nobody knows what happened since. */
    UNKNOWN
  }

  /** The processor time that it had taken at an instant. */
  private record Look(Duration cpuTime, long at) {}

  /** Execs that nothing else came after. */
  private record Hold(long since, long touched) {}

  /** The engine's exec has no time-out, and nobody would ever end one that hangs. */
  static final Duration LONGEST_HOLD = Duration.ofHours(1);

  private final Engine engine;
  private final SandboxCommands commands;
  private final @Nullable Double busyShare;
  private final Time time;
  private final Map<Sandbox, Look> looks = Collections.synchronizedMap(new WeakHashMap<>());
  private final Map<Sandbox, Hold> holds = Collections.synchronizedMap(new WeakHashMap<>());

  /**
   * Nothing was looked at yet.
   *
   * @param busyShare the share of a core beyond which processes are use; null if they never are
   */
  public HiddenUse(Engine engine, SandboxCommands commands, @Nullable Double busyShare, Time time) {
    this.engine = engine;
    this.commands = commands;
    this.busyShare = busyShare;
    this.time = time;
  }

  /** Whether processor time counts and a first look is missing, from which to measure it. */
  boolean wantsLook(Sandbox sandbox) {
    return busyShare != null && lookSinceUse(sandbox) == null;
  }

  void look(Sandbox sandbox) throws EngineException {
    looks.put(sandbox, new Look(engine.cpuTime(sandbox.containerId()), time.nanos()));
  }

  /** Asks the engine, and notes use as such. */
  Answer ask(Sandbox sandbox) throws EngineException {
    if (commands.areIn(sandbox)) {
      sandbox.touch(time.nanos(), Reaped.Use.COMMAND);
      return Answer.USED;
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
      return Answer.UNKNOWN; // or it was used just now
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

  /** What an agent did before its last use is no sign that something goes on since. */
  private @Nullable Look lookSinceUse(Sandbox sandbox) {
    Look look = looks.get(sandbox);
    return look == null || look.at() - sandbox.lastActive() < 0 ? null : look;
  }
}
