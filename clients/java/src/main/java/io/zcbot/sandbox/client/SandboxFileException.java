/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/** Thrown when a file in a sandbox could not be read, written, listed or removed. */
public final class SandboxFileException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final String path;

  SandboxFileException(String path, String message) {
    super(message);
    this.path = path;
  }

  /** Returns the path in the sandbox. */
  public String path() {
    return path;
  }
}
