/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import org.jspecify.annotations.Nullable;

/**
 * Thrown when a request could not be fulfilled, for example because Kafka refused it. The
 * subclasses are the cases in which callers may want to act differently.
 */
public class SandboxException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SandboxException(String message) {
    super(message);
  }

  SandboxException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
