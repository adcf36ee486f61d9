/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown when a file in a sandbox could not be read, written, listed or removed. Its subclasses are
 * the reasons that callers may want to handle; the message has the path and what to do. What the
 * sandbox says is untrusted, and so is the reason.
 */
public sealed class SandboxFileException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final String path;
  private final String reason;

  SandboxFileException(String path, String reason) {
    this(path, "", reason);
  }

  /**
   * Creates an exception.
   *
   * @param tried what could not be done, the beginning of the message
   */
  SandboxFileException(String path, String tried, String reason) {
    super(tried + reason);
    this.path = path;
    this.reason = reason;
  }

  /** Returns the path in the sandbox, as it was given. */
  public String path() {
    return path;
  }

  /** Returns the reason and what to do, without what was tried. */
  public String reason() {
    return reason;
  }

  /** There is no such file or directory. */
  public static final class NotFound extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    NotFound(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }

  /** There is something with that name already. */
  public static final class Exists extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    Exists(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }

  /** The sandbox's user may not do that there, for example outside of the workspace. */
  public static final class NotPermitted extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    NotPermitted(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }

  /** The disk or the user's quota is full. */
  public static final class NoSpace extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    NoSpace(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }

  /** The path names a directory where a file is needed. */
  public static final class IsDirectory extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    IsDirectory(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }

  /** The path, or a part of it, names a file where a directory is needed. */
  public static final class NotDirectory extends SandboxFileException {
    private static final long serialVersionUID = 1L;

    NotDirectory(String path, String tried, String reason) {
      super(path, tried, reason);
    }
  }
}
