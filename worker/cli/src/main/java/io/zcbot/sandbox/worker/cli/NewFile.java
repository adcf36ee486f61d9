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
 * A file or directory that appears under its path when it is complete, by an atomic rename. Until
 * then it has a temporary name in the same directory. If it is not completed, it is removed when
 * this is closed or the process exits.
 */
final class NewFile implements AutoCloseable {
  /** The number of symbolic links that the kernel follows. */
  private static final int MOST_LINKS = 40;

  /**
   * Removes a directory tree. Tolerates files that vanish, because it can run in the shutdown hook
   * while another thread still writes or completes the file.
   */
  private static final FileVisitor<Path> REMOVAL =
      new SimpleFileVisitor<>() {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
          var _ = file.toFile().delete();
          return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
          if (e instanceof NoSuchFileException) { // completed or removed by another thread
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
   * Creates nothing yet, and registers the removal at exit.
   *
   * @param target the final path; an existing file is replaced
   */
  NewFile(Path target) {
    Path absolute = target.toAbsolutePath();
    this.target = absolute;
    this.temporary = absolute.resolveSibling(".sandbox-cp." + UUID.randomUUID());
    this.atExit = Thread.ofPlatform().name("temporary file").unstarted(this::delete);
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /** Returns the path of a copy: inside the target if that is a directory. */
  static Path destination(Path target, String name) {
    return Files.isDirectory(target) ? target.resolve(name) : target;
  }

  /**
   * Resolves symbolic links, so that a link stays and the file that it leads to is replaced or
   * created.
   */
  static Path behindLinks(Path target) throws IOException {
    if (Files.exists(target)) {
      return target.toRealPath();
    }
    Path resolved = target;
    for (int links = 0; Files.isSymbolicLink(resolved); links++) {
      if (links == MOST_LINKS) {
        throw new FileSystemLoopException(target.toString());
      }
      resolved = resolved.resolveSibling(Files.readSymbolicLink(resolved));
    }
    return resolved;
  }

  /** The path to write to. */
  Path temporary() {
    return temporary;
  }

  /** Moves it to its final path. */
  void complete() throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Leaves the temporary file in place, for its owner to find. */
  void keep() {
    isKept = true;
  }

  @Override
  public void close() {
    delete();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException _) {
      // the process is ending, and the hook runs
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
