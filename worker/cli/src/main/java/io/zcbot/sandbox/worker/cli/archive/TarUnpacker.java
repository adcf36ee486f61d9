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
 * Unpacks an archive that a sandbox sent, and that may be hostile, into a new directory. Creates no
 * links, so no name leads out of the directory. No entry replaces another one. Owners, times and
 * special modes are ignored. Not thread-safe.
 */
public final class TarUnpacker {
  /**
   * Maximum number of names in a path. Each name may cost a directory, and an archive names them
   * more cheaply than they can be removed.
   */
  private static final int DEEPEST = 100;

  private final long mostBytes;
  private final long mostEntries;
  private long bytes;
  private long entries;
  private long skipped;

  /**
   * Creates an unpacker for one archive.
   *
   * @param mostBytes maximum size of all files together
   * @param mostEntries maximum number of files and directories
   */
  public TarUnpacker(long mostBytes, long mostEntries) {
    this.mostBytes = mostBytes;
    this.mostEntries = mostEntries;
  }

  /**
   * Unpacks the archive.
   *
   * @param to an empty directory that nobody else writes to
   * @throws IOException if the archive is refused or the disk is full; what was unpacked until then
   *     remains
   */
  public void unpack(InputStream archive, Path to) throws IOException {
    TarReader reader = new TarReader(archive);
    for (TarReader.Entry entry = reader.next(); entry != null; entry = reader.next()) {
      count();
      Path path = resolve(to, entry);
      switch (entry.kind()) {
        case OTHER -> skipped++;
        case DIRECTORY -> {
          parents(to, entry);
          var _ = directory(path);
        }
        case FILE -> {
          bytes += entry.size();
          if (bytes > mostBytes) {
            throw new IOException("the archive has more than " + mostBytes + " bytes");
          }
          parents(to, entry);
          file(reader, entry, path);
        }
      }
    }
  }

  private void count() throws IOException {
    entries++;
    if (entries > mostEntries) {
      throw new IOException("the archive has more than " + mostEntries + " entries");
    }
  }

  private static Path resolve(Path to, TarReader.Entry entry) throws IOException {
    if (entry.path().size() > DEEPEST) {
      throw new IOException("the archive has an entry more than " + DEEPEST + " names deep");
    }
    try {
      return to.resolve(String.join("/", entry.path()));
    } catch (InvalidPathException e) {
      throw new IOException("the archive has a name that can't be used here", e);
    }
  }

  /** Creates the parent directories of an entry that have no entry before it. */
  private void parents(Path to, TarReader.Entry entry) throws IOException {
    Path path = to;
    for (String name : entry.path().subList(0, Math.max(0, entry.path().size() - 1))) {
      path = path.resolve(name);
      if (directory(path)) {
        count();
      }
    }
  }

  /** Creates a directory; returns false if it exists. */
  private static boolean directory(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    var _ = Files.createDirectory(path);
    return true;
  }

  private static void file(TarReader reader, TarReader.Entry entry, Path path) throws IOException {
    if (entry.path().isEmpty()) {
      throw new IOException("the archive has a file without a name");
    }
    try (OutputStream file =
        Files.newOutputStream(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      reader.copyTo(file);
    }
    if (entry.isExecutable()) {
      var _ = path.toFile().setExecutable(true, false);
    }
  }

  /** Returns the number of links, devices and pipes that were left out. */
  public long skipped() {
    return skipped;
  }
}
