/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.init.FailureCode;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices a change of the host's rules within milliseconds, and has them set again. From then until
 * they are, nothing is announced ready. If they can't be watched, a change is noticed by the next
 * regular check.
 */
public final class RulesWatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RulesWatch.class);
  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

  /** What is watched. */
  interface Rules {
    /** How it ended; null if there is nothing to watch just now. */
    @Nullable Verdict watch() throws EngineException;

    /** They may be gone. */
    void doubt();

    /** Sets them, if that can be done. */
    void check();

    /** Why they are not known to be in force; null if they are. */
    @Nullable String problem();
  }

  private final Rules rules;
  private final Duration shortestPause;
  private final LongSupplier nanoTime;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread = Thread.ofVirtual().name("firewall-watch").unstarted(this::run);

  private RulesWatch(Rules rules, Duration shortestPause, LongSupplier nanoTime) {
    this.rules = rules;
    this.shortestPause = shortestPause;
    this.nanoTime = nanoTime;
  }

  /** Starts to watch, if there are rules. */
  public static RulesWatch start(HostFirewall firewall) {
    return firewall.isWanted()
        ? start(firewall, PAUSE, System::nanoTime)
        : new RulesWatch(firewall, PAUSE, System::nanoTime);
  }

  static RulesWatch start(Rules rules, Duration shortestPause, LongSupplier nanoTime) {
    RulesWatch watch = new RulesWatch(rules, shortestPause, nanoTime);
    watch.thread.start();
    return watch;
  }

  private void run() {
    Duration pause = shortestPause;
    boolean brief = false;
    while (closed.getCount() > 0) {
      try {
        long began = nanoTime.getAsLong();
        Verdict end = rules.watch();
        boolean wasBrief = brief;
        brief = nanoTime.getAsLong() - began < shortestPause.toNanos();
        if (end != null) {
          requireChange(end);
          rules.doubt();
          rules.check();
        }
        pause = shortestPause;
        // nobody notices a change in a pause; without one, programs that set other rules never rest
        if (end != null && rules.problem() == null && !(brief && wasBrief)) {
          continue;
        }
      } catch (EngineException e) {
        if (closed.getCount() == 0) {
          return;
        }
        log.warn(
            "The host's firewall is not watched for {} s; it is checked all the same: {}",
            pause.toSeconds(),
            e.getMessage());
        pause =
            pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
                ? pause.multipliedBy(2)
                : LONGEST_PAUSE;
      }
      try {
        if (closed.await(pause.toNanos(), TimeUnit.NANOSECONDS)) {
          return;
        }
      } catch (InterruptedException _) {
        return;
      }
    }
  }

  /** Throws if the helper ended for another reason. */
  private static void requireChange(Verdict end) throws EngineException {
    String said =
        switch (end) {
          case Verdict.Failed failed ->
              failed.code() == FailureCode.RULES ? null : EngineErrors.clean(failed.reason());
          case Verdict.Silent silent -> EngineErrors.clean(silent.last());
          case Verdict.Ready _, Verdict.SlotReady _ -> "it behaves like a sandbox";
        };
    if (said != null) {
      throw EngineErrors.exception(
          Kind.UNPROTECTED,
          Operation.FIREWALL,
          "the helper container that watches the rules ended: " + said,
          "build the image from sandbox-image/firewall.Dockerfile of this worker's version",
          null);
    }
  }

  /** Ends the watching; its container goes. */
  @Override
  public void close() {
    closed.countDown();
    if (thread.getState() == Thread.State.NEW) {
      return; // there was nothing to watch
    }
    thread.interrupt();
    try {
      var _ = thread.join(Duration.ofSeconds(5));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
