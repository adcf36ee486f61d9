/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * Tells whether a file is still the one that was read.
 *
 * @param text differs if the file's content does: a rename gives it another inode
 */
public record FileStamp(String text) {
  /** Returns the stamp of a file as it is now, which need not exist. */
  public static FileStamp of(Path file) throws IOException {
    if (!Files.exists(file)) {
      return new FileStamp("none");
    }
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return new FileStamp(
        attributes.fileKey() + " " + attributes.lastModifiedTime() + " " + attributes.size());
  }
}
