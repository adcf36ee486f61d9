/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.Failed;
import org.jspecify.annotations.Nullable;

/** An engine call that did not do what was asked, classified by what to do about it. */
public final class EngineException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What a failure means for the caller. */
  public enum Kind {
    /** No answer, or half of one: the outcome is unknown. Look, then try again. */
    UNAVAILABLE(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** The engine answered that it can't right now. Look, then try again. */
    TRANSIENT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** Another container stands under the name or goes away just now. Look at once. */
    CONFLICT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** The container is not there (any more). */
    ABSENT(true, Failed.Reason.ENGINE_UNAVAILABLE),
    /** Addresses, disk or the like ran out. Try again slowly. */
    CAPACITY(true, Failed.Reason.CAPACITY),
    /** The user's workspace can't be looked at just now, as if a network is away. Try again. */
    WORKSPACE(true, Failed.Reason.WORKSPACE),
    /** No such image, and it can't be pulled. */
    IMAGE_MISSING(false, Failed.Reason.IMAGE_MISSING),
    /** The engine refuses the request as such: it would refuse it again. */
    REJECTED(false, Failed.Reason.REJECTED),
    /** The firewall can't be put in force. */
    FIREWALL(false, Failed.Reason.FIREWALL),
    /** The firewall is not in force just now. It is set again before the next try. */
    UNPROTECTED(true, Failed.Reason.FIREWALL);

    private final boolean retryable;
    private final Failed.Reason reason;

    Kind(boolean retryable, Failed.Reason reason) {
      this.retryable = retryable;
      this.reason = reason;
    }

    /** Whether trying the same again, later, can succeed without anyone changing anything. */
    public boolean isRetryable() {
      return retryable;
    }

    /** What the requester is told once it is given up. */
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
   * @param problem what the engine said or what happened instead of an answer
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
