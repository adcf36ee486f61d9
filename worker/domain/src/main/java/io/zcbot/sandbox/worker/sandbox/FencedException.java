/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

/**
 * Another worker owns the user's partition by now, so nothing may be created or announced any more.
 */
public final class FencedException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a reason. */
  public FencedException(String message) {
    super(message);
  }
}
