/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.cli.archive.TarInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Copies a file or a directory into a sandbox. */
final class Upload {
  private final CopiedSandbox sandbox;
  private final CopyProgress progress;
  private final String target;

  Upload(CopiedSandbox sandbox, CopyProgress progress, String target) {
    this.sandbox = sandbox;
    this.progress = progress;
    this.target = target;
  }

  /** Copies a local file or directory; returns how many links, devices and pipes were left out. */
  long of(Path source) throws IOException, CommandException, InterruptedException {
    Path real = source.toRealPath();
    String name = String.valueOf(real.getFileName());
    if (Files.isDirectory(real)) {
      return directory(real, name);
    }
    if (!Files.isRegularFile(real)) {
      throw new IOException(source + " is neither a file nor a directory");
    }
    progress.whole(Files.size(real));
    try (InputStream content = Files.newInputStream(real)) {
      file(content, name, Files.isExecutable(real));
    }
    return 0;
  }

  /** Copies a stream, which has no name, into a file. */
  long of(InputStream content) throws IOException, CommandException, InterruptedException {
    file(content, "", false);
    return 0;
  }

  private void file(InputStream content, String name, boolean isExecutable)
      throws IOException, CommandException, InterruptedException {
    String path = sandbox.target(target, name, false);
    sandbox.writeFile(path, new CountedInput(content, -1, progress::at), isExecutable);
  }

  private long directory(Path source, String name)
      throws IOException, CommandException, InterruptedException {
    List<Path> all;
    try (Stream<Path> found = Files.walk(source)) {
      all = found.sorted().toList();
    } catch (UncheckedIOException e) {
      throw new IOException(e.getMessage(), e);
    }
    List<TarInput.Entry> entries = new ArrayList<>();
    long skipped = 0;
    for (Path path : all) {
      Path inside = source.relativize(path);
      if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
        entries.add(TarInput.directory(inside.toString().isEmpty() ? "." : text(inside)));
      } else if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        entries.add(TarInput.file(text(inside), path));
      } else if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        skipped++;
      } else {
        throw new NoSuchFileException(path.toString());
      }
    }
    String path = sandbox.target(target, name, true);
    try (TarInput archive = new TarInput(entries)) {
      sandbox.writeDirectory(path, new CountedInput(archive, -1, progress::at));
    }
    return skipped;
  }

  /**
   * Returns a path as text. Refuses names that are not valid in this locale: Java replaces invalid
   * bytes by one character, so that two names could become equal.
   */
  private static String text(Path path) throws IOException {
    String text = path.toString();
    if (!isSame(path, text)) {
      throw new IOException(
          "the file name "
              + text
              + " is not text in "
              + System.getProperty("sun.jnu.encoding")
              + "; rename it, or set LC_ALL=C.UTF-8 if it is UTF-8");
    }
    return text;
  }

  private static boolean isSame(Path path, String text) {
    try {
      return path.equals(Path.of(text));
    } catch (InvalidPathException _) {
      return false;
    }
  }
}
