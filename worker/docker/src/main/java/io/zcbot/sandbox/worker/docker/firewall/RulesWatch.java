/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.init.FailureCode;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches the host's rules on a virtual thread. Notices a change within milliseconds and sets the
 * rules again; until they are set, no sandbox is announced as ready. If the rules can't be watched,
 * a change is noticed by the next periodic check, and the watch is tried again after 1 s to 1 min.
 */
public final class RulesWatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RulesWatch.class);
  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

  private final HostFirewall firewall;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread = Threads.virtual("firewall-watch", this::run);

  private RulesWatch(HostFirewall firewall) {
    this.firewall = firewall;
  }

  /** Starts the watch; does nothing if the spec has no rules on the host. */
  public static RulesWatch start(HostFirewall firewall) {
    RulesWatch watch = new RulesWatch(firewall);
    if (firewall.isWanted()) {
      Threads.start(watch.thread);
    }
    return watch;
  }

  private void run() {
    Duration pause = PAUSE;
    while (closed.getCount() > 0) {
      try {
        Verdict end = firewall.watch();
        if (end != null) {
          requireChange(end);
          firewall.doubt();
          firewall.check();
        }
        pause = PAUSE;
      } catch (EngineException e) {
        pause = failed(pause, e.getMessage());
      } catch (RuntimeException e) { // or nobody would watch the rules any more
        pause = failed(pause, "an unexpected failure; please report this: " + e);
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

  /** Tells of a failure, unless it is that of a close; returns the pause before the next try. */
  private Duration failed(Duration before, @Nullable String why) {
    Duration twice = before.multipliedBy(2);
    Duration pause = twice.compareTo(LONGEST_PAUSE) < 0 ? twice : LONGEST_PAUSE;
    if (closed.getCount() > 0) {
      log.warn(
          "The host's firewall is not watched for {} s; it is checked all the same: {}",
          pause.toSeconds(),
          why);
    }
    return pause;
  }

  /** Throws if the helper ended for another reason than a change of the rules. */
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

  /** Ends the watch and waits up to 5 s for its thread, which removes the helper. */
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
