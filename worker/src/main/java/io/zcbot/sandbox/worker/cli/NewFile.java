/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file or directory that appears when it is complete. Until then it is beside its place, under
 * another name, and goes with this or with the process.
 */
final class NewFile implements AutoCloseable {
  /** As the kernel follows. */
  private static final int MOST_LINKS = 40;

  /** Of whatever is there: it may be much, and the process may write to it still. */
  private static final FileVisitor<Path> REMOVAL =
      new SimpleFileVisitor<>() {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
          var _ = file.toFile().delete();
          return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
          if (e instanceof NoSuchFileException) { // it is complete, or removed already
            return FileVisitResult.CONTINUE;
          }
          throw e;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e)
            throws IOException {
          if (e != null) {
            throw e;
          }
          var _ = directory.toFile().delete();
          return FileVisitResult.CONTINUE;
        }
      };

  private final Path target;
  private final Path temporary;
  private final Thread atExit;
  private volatile boolean isKept;

  /**
   * Nothing yet.
   *
   * @param target where it will be; a file there will be replaced
   */
  NewFile(Path target) {
    Path absolute = target.toAbsolutePath();
    this.target = absolute;
    this.temporary = absolute.resolveSibling(".sandbox-cp." + UUID.randomUUID());
    this.atExit = Thread.ofPlatform().name("temporary file").unstarted(this::delete);
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /** The place of a copy whose target may be a directory to put it into. */
  static Path placed(Path target, String name) {
    return Files.isDirectory(target) ? target.resolve(name) : target;
  }

  /**
   * The place of a file where a link may be: it stays, and leads to the file, also to a new one.
   */
  static Path behindLinks(Path target) throws IOException {
    if (Files.exists(target)) {
      return target.toRealPath();
    }
    Path place = target;
    for (int links = 0; Files.isSymbolicLink(place); links++) {
      if (links == MOST_LINKS) {
        throw new FileSystemLoopException(target.toString());
      }
      place = place.resolveSibling(Files.readSymbolicLink(place));
    }
    return place;
  }

  /** Where to write. */
  Path temporary() {
    return temporary;
  }

  /** Puts it into its place. */
  void complete() throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Leaves what was written where it is, for its owner to find. */
  void keep() {
    isKept = true;
  }

  @Override
  public void close() {
    delete();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException _) {
      // The process ends, and the hook runs.
    }
  }

  private void delete() {
    if (isKept || !Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      var _ = Files.walkFileTree(temporary, REMOVAL);
    } catch (IOException e) {
      throw new IllegalStateException("could not remove " + temporary, e);
    }
  }
}
