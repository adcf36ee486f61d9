/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.Failed;
import org.jspecify.annotations.Nullable;

/** A failed engine call, classified by what the caller should do. */
public final class EngineException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What a failure means for the caller. */
  public enum Kind {
    /** No complete answer, so the outcome is unknown. Look, then try again. */
    UNAVAILABLE(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** The engine can't do it at the moment. Look, then try again. */
    TRANSIENT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** Another container has the name, or is being removed. Look at once. */
    CONFLICT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** The container does not exist, or no longer exists. */
    ABSENT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** The host is out of addresses, disk space or the like. Try again slowly. */
    CAPACITY(true, Failed.Reason.CAPACITY),
    /**
     * The user's workspace can't be accessed at the moment, for example over a network. Try again.
     */
    WORKSPACE(true, Failed.Reason.WORKSPACE),
    /** The image is missing and can't be pulled. */
    IMAGE_MISSING(false, Failed.Reason.IMAGE_MISSING),
    /** The engine refuses the request, and would refuse it again. */
    REJECTED(false, Failed.Reason.REJECTED),
    /** The firewall can't be set up. */
    FIREWALL(false, Failed.Reason.FIREWALL),
    /** The firewall is not in force at the moment. It is set up again before the next try. */
    UNPROTECTED(true, Failed.Reason.FIREWALL);

    private final boolean retryable;
    private final Failed.Reason reason;

    Kind(boolean retryable, Failed.Reason reason) {
      this.retryable = retryable;
      this.reason = reason;
    }

    /** Whether a later try can succeed without anyone changing anything. */
    public boolean isRetryable() {
      return retryable;
    }

    /** The reason in the answer once the worker gives up. */
    public Failed.Reason reason() {
      return reason;
    }
  }

  private final Kind kind;
  private final String operation;

  /**
   * Describes a failed call.
   *
   * @param operation the engine operation, e.g. {@code create}
   * @param problem what the engine said, or what happened instead of an answer
   */
  public EngineException(Kind kind, String operation, String problem, @Nullable Throwable cause) {
    super(operation + ": " + problem, cause);
    this.kind = kind;
    this.operation = operation;
  }

  public Kind kind() {
    return kind;
  }

  public String operation() {
    return operation;
  }

  /** The message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
