/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.SandboxFileException;
import org.jspecify.annotations.Nullable;

/**
 * Thrown when an operation on files fails. The message is E2B's where it has one. It may come from
 * the sandbox, so it is untrusted; it has no control characters and a bounded length.
 */
public final class SandboxFileSystemException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private static final int MOST_SHOWN = 1000;

  private final Kind kind;

  /** The reason of a failure. */
  public enum Kind {
    NOT_FOUND,
    ALREADY_EXISTS,
    /** Also for a file where a directory is needed, and the other way round. */
    INVALID_ARGUMENT,
    NO_SPACE,
    PERMISSION,
    /** The result is larger than an operation returns. */
    TOO_LARGE,
    INTERNAL
  }

  SandboxFileSystemException(Kind kind, String message) {
    this(kind, message, null);
  }

  SandboxFileSystemException(Kind kind, String message, @Nullable Throwable cause) {
    super(printable(message), cause);
    this.kind = kind;
  }

  /** Returns the reason. */
  public Kind kind() {
    return kind;
  }

  /**
   * Returns the failure of a program of this package, whose exit codes are in {@code common.py}.
   */
  static SandboxFileSystemException of(CommandResult result) {
    return of(result, result.stderr());
  }

  /**
   * @param message what the program wrote to standard error
   */
  static SandboxFileSystemException of(CommandResult result, String message) {
    Kind kind =
        switch (result.exitCode()) {
          case 41 -> Kind.NOT_FOUND;
          case 42 -> Kind.ALREADY_EXISTS;
          case 43 -> Kind.PERMISSION;
          case 44 -> Kind.NO_SPACE;
          case 45, 46, 47 -> Kind.INVALID_ARGUMENT;
          case 48 -> Kind.TOO_LARGE;
          default -> Kind.INTERNAL;
        };
    String said = message.strip();
    if (kind == Kind.INTERNAL && said.isEmpty()) {
      said =
          result.isOutOfMemory()
              ? "the sandbox has too little memory left for this"
              : "the operation's command ended with exit code " + result.exitCode();
    }
    return new SandboxFileSystemException(kind, said);
  }

  /** Returns the failure of an operation of the client's own. */
  static SandboxFileSystemException of(SandboxFileException failure) {
    String path = failure.path();
    return switch (failure) {
      case SandboxFileException.NotFound _ ->
          new SandboxFileSystemException(
              Kind.NOT_FOUND, "path '" + path + "' does not exist", failure);
      case SandboxFileException.Exists _ ->
          new SandboxFileSystemException(
              Kind.ALREADY_EXISTS, "path already exists: " + path, failure);
      case SandboxFileException.NotPermitted _ ->
          new SandboxFileSystemException(Kind.PERMISSION, "permission denied: " + path, failure);
      case SandboxFileException.NoSpace _ ->
          new SandboxFileSystemException(Kind.NO_SPACE, "not enough disk space available", failure);
      case SandboxFileException.IsDirectory _ ->
          new SandboxFileSystemException(
              Kind.INVALID_ARGUMENT, "path is a directory: " + path, failure);
      case SandboxFileException.NotDirectory _ ->
          new SandboxFileSystemException(
              Kind.INVALID_ARGUMENT,
              "a part of the path is a file and not a directory: " + path,
              failure);
      case SandboxFileException _ ->
          new SandboxFileSystemException(
              Kind.INTERNAL, String.valueOf(failure.getMessage()), failure);
    };
  }

  static SandboxFileSystemException nonsense() {
    return new SandboxFileSystemException(
        Kind.INTERNAL, "what the sandbox says of its files makes no sense");
  }

  private static String printable(String text) {
    String printable = text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]", "?");
    return printable.substring(0, Math.min(printable.length(), MOST_SHOWN));
  }
}
