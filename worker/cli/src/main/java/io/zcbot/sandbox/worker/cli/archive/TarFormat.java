/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

/**
 * Offsets and lengths of the fields of a header, and other constants of the format that GNU tar
 * calls {@code gnu}.
 */
final class TarFormat {
  static final int BLOCK = 512;
  static final int NAME = 0;
  static final int NAME_LENGTH = 100;
  static final int MODE = 100;
  static final int OWNER = 108;
  static final int GROUP = 116;
  static final int NUMBER_LENGTH = 8;
  static final int SIZE = 124;
  static final int TIME = 136;
  static final int LONG_NUMBER_LENGTH = 12;
  static final int CHECKSUM = 148;
  static final int CHECKSUM_LENGTH = 8;
  static final int TYPE = 156;
  static final int MAGIC = 257;
  static final String MAGIC_TEXT = "ustar  ";

  static final char FILE = '0';
  static final char OLD_FILE = '\0';
  static final char DIRECTORY = '5';
  static final char LONG_NAME = 'L';

  /** The name of the entry that holds a long name. */
  static final String LONG_NAME_ENTRY = "././@LongLink";

  /** PATH_MAX of Linux, including the terminating NUL. */
  static final int LONGEST_NAME = 4096;

  /** Computes a header's checksum, in which the checksum field counts as spaces. */
  static long checksum(byte[] header) {
    long sum = 0;
    for (int i = 0; i < BLOCK; i++) {
      sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LENGTH ? ' ' : header[i] & 0xff;
    }
    return sum;
  }

  /** Returns the number of bytes that fill the last block of a content. */
  static int padding(long size) {
    return (int) (-size & (BLOCK - 1));
  }

  private TarFormat() {}
}
