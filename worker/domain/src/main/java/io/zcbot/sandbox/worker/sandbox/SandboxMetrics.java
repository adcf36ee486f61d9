/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;

/** Metrics of the domain and the engine adapter. Thread-safe; no method blocks. */
public interface SandboxMetrics {
  /**
   * An ensure, or an exec whose user has no sandbox, got one or was refused; {@code answer} is a
   * ready's outcome or a failed's reason.
   */
  default void ensured(String answer, Duration took) {}

  default void reaped(Reaped.Reason reason) {}

  /** An ensure is tried again. */
  default void retried(EngineException.Kind because) {}

  /** An engine call ended; {@code result} is {@code ok} or the failure's kind. */
  default void engineCall(String operation, String result, Duration took) {}

  /** A new user's sandbox was made of a warm slot, or was created because that was not possible. */
  default void claimed(String profile, Claim how) {}

  /** A release expired before it was worked on. */
  default void releaseExpired() {}

  /** A command started, so long after its exec was read. */
  default void commandStarted(Duration latency) {}

  /** Output of a command reached the log. */
  default void outputPublished(OutputWay way, int bytes) {}

  /** A command was answered; it took no time if it never started. */
  default void commandEnded(Exited.Reason reason, Duration took) {}

  /** A channel to a sandbox was opened, so that it can run commands. */
  default void channelOpened(ChannelWay way) {}

  /** A sandbox's own runner could not be used, so another one is started in it. */
  default void channelFellBack() {}

  /** How a command's output is published. */
  enum OutputWay {
    /** In its answer. */
    INLINE,
    /** While it runs. */
    STREAMED
  }

  /** How commands get into a sandbox. */
  enum ChannelWay {
    /** Through the streams of its first process, the runner. */
    RUNNER,
    /** Through the streams of a runner that the engine started in it. */
    ENGINE
  }

  /** The result of a claim of a warm slot. */
  enum Claim {
    CLAIMED,
    /** There was no slot, so a sandbox was created. */
    NONE_IDLE,
    /** The workspace could not be mounted. */
    MOUNT_FAILED,
    /** The engine did not rename the slot, or the slot had ended. */
    ENGINE_FAILED
  }

  /** Counts nothing. */
  SandboxMetrics NONE = new SandboxMetrics() {};
}
