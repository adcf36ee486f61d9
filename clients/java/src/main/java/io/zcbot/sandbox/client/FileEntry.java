/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Instant;

/**
 * An entry of a directory in a sandbox. It is untrusted: the sandbox can report anything, and a
 * name can have any character but a slash, including line breaks and control characters.
 *
 * @param name the name without the directory
 * @param kind the kind of entry; symbolic links are not followed
 * @param size the size in bytes
 * @param modifiedAt when the entry was last modified
 * @param isNameExact whether the name is well-formed UTF-8; if not, it cannot be used to access the
 *     file
 */
public record FileEntry(
    String name, Kind kind, long size, Instant modifiedAt, boolean isNameExact) {
  /** The kind of an entry. */
  public enum Kind {
    FILE,
    DIRECTORY,
    SYMBOLIC_LINK,
    OTHER
  }
}
