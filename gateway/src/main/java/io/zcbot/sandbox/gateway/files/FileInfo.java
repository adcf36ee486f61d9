/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What E2B's {@code EntryInfo} says of a file. The sandbox reports it, so it is untrusted. Bytes of
 * names that are not UTF-8 are replaced by U+FFFD; such a file cannot be named in a request.
 *
 * @param name the last part of the path
 * @param type the type; of a symbolic link its target's
 * @param path the absolute path
 * @param size the size in bytes; of a symbolic link its own
 * @param mode the permission bits; of a symbolic link its target's, 0 if it leads nowhere
 * @param permissions the permissions as Go prints them, such as {@code -rw-r--r--}; of a symbolic
 *     link its own
 * @param owner the owner's name, {@code user} for the sandbox's user; the number if it has no name
 * @param group the group's name, {@code user} for the sandbox's own
 * @param modified when the content was modified, within the years 1 to 9999
 * @param symlinkTarget the absolute path to which a symbolic link leads, with all links resolved;
 *     the link's own path if it leads nowhere; null if the file is no symbolic link
 * @param metadata the extended attributes {@code user.e2b.*}, without that prefix
 */
public record FileInfo(
    String name,
    Type type,
    String path,
    long size,
    int mode,
    String permissions,
    String owner,
    String group,
    Instant modified,
    @Nullable String symlinkTarget,
    Map<String, String> metadata) {

  /** The type of a file. E2B has one for symbolic links as well, and reports it of none. */
  public enum Type {
    FILE,
    DIRECTORY,
    OTHER
  }

  public FileInfo {
    metadata = Map.copyOf(metadata);
  }
}
