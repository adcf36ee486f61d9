/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.io.IOException;

/** A runner said something that no runner says. Nothing it says later can be relied on. */
final class NonsenseException extends IOException {
  private static final long serialVersionUID = 1L;

  NonsenseException(String what) {
    super(what);
  }
}
