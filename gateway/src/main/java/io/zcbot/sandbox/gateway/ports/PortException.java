/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import java.io.IOException;

/** A port can't be reached, or what listens there broke off. */
public final class PortException extends IOException {
  private static final long serialVersionUID = 1;

  private final int status;

  /** Creates an error that is answered with an HTTP status, if there is no answer yet. */
  public PortException(int status, String message) {
    super(message);
    this.status = status;
  }

  int status() {
    return status;
  }
}
