/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

/** Reads the {@code st_mode} of Linux. */
final class Modes {
  private static final int TYPE = 0170000;
  private static final int SOCKET = 0140000;
  private static final int LINK = 0120000;
  private static final int FILE = 0100000;
  private static final int BLOCK_DEVICE = 0060000;
  private static final int DIRECTORY = 0040000;
  private static final int CHARACTER_DEVICE = 0020000;
  private static final int FIFO = 0010000;

  private static final int SET_USER = 04000;
  private static final int SET_GROUP = 02000;
  private static final int STICKY = 01000;

  private Modes() {}

  static FileInfo.Type type(int mode) {
    return switch (mode & TYPE) {
      case FILE -> FileInfo.Type.FILE;
      case DIRECTORY -> FileInfo.Type.DIRECTORY;
      default -> FileInfo.Type.OTHER;
    };
  }

  /** Returns a mode as Go prints it, which differs from {@code ls}. */
  static String permissions(int mode) {
    StringBuilder text =
        new StringBuilder(
            switch (mode & TYPE) {
              case DIRECTORY -> "d";
              case LINK -> "L";
              case BLOCK_DEVICE -> "D";
              case CHARACTER_DEVICE -> "Dc";
              case FIFO -> "p";
              case SOCKET -> "S";
              default -> "";
            });
    boolean isCharacterDevice = (mode & TYPE) == CHARACTER_DEVICE;
    int at = isCharacterDevice ? 1 : text.length();
    text.insert(at, (mode & SET_GROUP) == 0 ? "" : "g")
        .insert(at, (mode & SET_USER) == 0 ? "" : "u");
    text.append((mode & STICKY) == 0 ? "" : "t");
    if (text.isEmpty()) {
      text.append('-');
    }
    for (int bit = 8; bit >= 0; bit--) {
      text.append((mode & 1 << bit) == 0 ? '-' : "xwr".charAt(bit % 3));
    }
    return text.toString();
  }
}
