/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Unpacks an archive that a sandbox sent, and that may be hostile, into a new directory. It creates
 * no links, so no name leads out of the directory; no entry replaces another one; owners, times and
 * special modes are ignored.
 */
public final class TarUnpacker {
  private final long mostBytes;
  private final long mostEntries;
  private long bytes;
  private long entries;
  private long skipped;

  /**
   * Unpacks one archive.
   *
   * @param mostBytes limit of all files together
   * @param mostEntries limit of their number
   */
  public TarUnpacker(long mostBytes, long mostEntries) {
    this.mostBytes = mostBytes;
    this.mostEntries = mostEntries;
  }

  /**
   * Unpacks.
   *
   * @param to an empty directory that nobody else writes to
   * @throws IOException if the archive can't be trusted, or the disk is full; what was unpacked by
   *     then stays
   */
  public void unpack(InputStream archive, Path to) throws IOException {
    TarReader reader = new TarReader(archive);
    for (TarReader.Entry entry = reader.next(); entry != null; entry = reader.next()) {
      entries++;
      if (entries > mostEntries) {
        throw new IOException("the archive has more than " + mostEntries + " entries");
      }
      Path path = resolve(to, entry);
      switch (entry.kind()) {
        case OTHER -> skipped++;
        case DIRECTORY -> directory(path);
        case FILE -> {
          bytes += entry.size();
          if (bytes > mostBytes) {
            throw new IOException("the archive has more than " + mostBytes + " bytes");
          }
          file(reader, entry, path);
        }
      }
    }
  }

  private static Path resolve(Path to, TarReader.Entry entry) throws IOException {
    try {
      return to.resolve(String.join("/", entry.path()));
    } catch (InvalidPathException e) {
      throw new IOException("the archive has a name that can't be used here", e);
    }
  }

  private static void directory(Path path) throws IOException {
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(path);
    }
  }

  private static void file(TarReader reader, TarReader.Entry entry, Path path) throws IOException {
    if (entry.path().isEmpty()) {
      throw new IOException("the archive has a file without a name");
    }
    Path parent = path.getParent();
    if (parent != null) {
      directory(parent);
    }
    try (OutputStream file =
        Files.newOutputStream(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      reader.copyTo(file);
    }
    if (entry.isExecutable()) {
      var _ = path.toFile().setExecutable(true, false);
    }
  }

  /** How many links, devices and pipes were left out. */
  public long skipped() {
    return skipped;
  }
}
