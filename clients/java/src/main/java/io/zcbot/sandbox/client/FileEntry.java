/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Instant;

/**
 * Something in a directory of a sandbox, as the sandbox says. It is hostile: a name can have any
 * character but a slash, line breaks and control characters included.
 *
 * @param name without its directory
 * @param kind what it is; a symbolic link is not followed
 * @param size in bytes
 * @param modifiedAt when it was written last
 * @param isNameExact whether the name is UTF-8; if not, it can't be used to reach the file
 */
public record FileEntry(
    String name, Kind kind, long size, Instant modifiedAt, boolean isNameExact) {
  /** What an entry is. */
  public enum Kind {
    FILE,
    DIRECTORY,
    SYMBOLIC_LINK,
    OTHER
  }
}
