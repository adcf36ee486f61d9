/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;

/** Metrics of the domain and the engine adapter. */
public interface SandboxMetrics {
  /** An ensure was answered; {@code answer} is a ready's outcome or a failed's reason. */
  default void ensured(String answer, Duration took) {}

  default void reaped(Reaped.Reason reason) {}

  /** An ensure is tried again. */
  default void retried(EngineException.Kind because) {}

  /** An engine call ended; {@code result} is {@code ok} or the failure's kind. */
  default void engineCall(String operation, String result, Duration took) {}

  /** A sandbox was made of a warm slot, or was to be, or would have been. */
  default void claimed(Claim how) {}

  /** A release came too late to be worked on. */
  default void releaseExpired() {}

  /** A command runs; its exec was read so long before. */
  default void commandStarted(Duration latency) {}

  /** The log has output of a command. */
  default void outputPublished(OutputWay way, int bytes) {}

  /** A command was answered; it took no time if it never started. */
  default void commandEnded(Exited.Reason reason, Duration took) {}

  /** A sandbox can be told to run commands. */
  default void channelOpened(ChannelWay way) {}

  /** A sandbox's own runner could not be used, so another is started in it. */
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
    /** By the streams of its first process, the runner. */
    RUNNER,
    /** By the streams of a runner that the engine started in it. */
    ENGINE
  }

  /** What a warm slot was to a new user. */
  enum Claim {
    CLAIMED,
    /** A new user's sandbox was created, since there was no slot for it. */
    NONE_PARKED,
    /** The workspace could not be mounted. */
    MOUNT_FAILED,
    /** The engine did not give the slot its new name, or it had ended. */
    ENGINE_FAILED
  }

  /** Counts nothing. */
  SandboxMetrics NONE = new SandboxMetrics() {};
}
