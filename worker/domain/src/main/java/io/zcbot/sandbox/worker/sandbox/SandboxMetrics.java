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

  /** So many connections or lookups of sandboxes were refused for a reason. */
  default void egressRefused(EgressRefusal reason, int count) {}

  /** Why the proxy for names refused a connection, or its resolver a name. */
  enum EgressRefusal {
    NOT_ALLOWED,
    /** An address in the place of a name. */
    ADDRESS,
    NO_NAME,
    BAD_NAME,
    /** A TLS client hello that is malformed or has several names. */
    HELLO,
    /** A TLS client hello whose name is encrypted. */
    ECH,
    /** Neither TLS nor HTTP, or not the one that belongs to the port. */
    PROTOCOL,
    /** A sandbox had too many connections at a time. */
    CONNECTIONS,
    /** A sandbox made too many requests. */
    REQUESTS,
    NOT_FOUND,
    PRIVATE_ADDRESS,
    FORBIDDEN_ADDRESS,
    /** Its network allows it, what an ensure left of that does not. */
    NARROWED,
    /** The proxy was not told yet what the sandbox may reach. */
    NO_POLICY,
    /** So many were refused at a time that the reason was not passed on. */
    UNKNOWN
  }

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
