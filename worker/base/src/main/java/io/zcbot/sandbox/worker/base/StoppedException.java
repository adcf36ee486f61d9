/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import org.jspecify.annotations.Nullable;

/**
 * The worker stopped before something was done. Nothing is lost: the record stays uncommitted, or
 * the next start finds the container.
 */
public final class StoppedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception with what was not done.
   *
   * @param last why the last try failed; null if there was none
   */
  public StoppedException(String message, @Nullable Throwable last) {
    super(message, last);
  }
}
