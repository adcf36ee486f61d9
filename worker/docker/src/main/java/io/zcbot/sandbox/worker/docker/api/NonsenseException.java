/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.IOException;

/** A peer violated the protocol of a stream. Nothing that it sends later can be trusted. */
public final class NonsenseException extends IOException {
  private static final long serialVersionUID = 1L;

  public NonsenseException(String what) {
    super(what);
  }
}
