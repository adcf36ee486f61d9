/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The files that belong to this repository, without what builds and editors leave in it. */
final class RepositoryFiles {
  static final Path ROOT = Path.of("../..").toAbsolutePath().normalize();

  /** Directories that hold no sources, where git can't tell. */
  private static final Set<String> NOT_SOURCES =
      Set.of("target", ".git", "data", ".idea", ".venv", "build", "node_modules");

  private RepositoryFiles() {}

  /** Their paths from the root. */
  static List<Path> all() throws IOException {
    List<Path> listed = Files.exists(ROOT.resolve(".git")) ? listed() : List.of();
    return listed.isEmpty() ? walked() : listed;
  }

  /** As git lists them, with those that are not added yet; empty if it can't. */
  private static List<Path> listed() throws IOException {
    // In a shell, as there may be no git; and whoever runs the tests may not own the files.
    String command = "git -c safe.directory='*' ls-files -z --cached --others --exclude-standard";
    Process git =
        new ProcessBuilder("sh", "-c", command)
            .directory(ROOT.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String paths = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return Stream.of(paths.split("\0"))
        .filter(path -> !path.isEmpty())
        .map(Path::of)
        .distinct()
        .filter(path -> Files.isRegularFile(ROOT.resolve(path), NOFOLLOW_LINKS))
        .toList();
  }

  private static List<Path> walked() throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        ROOT,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
            boolean skipped =
                !directory.equals(ROOT) && NOT_SOURCES.contains(directory.getFileName().toString());
            return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile()) {
              files.add(ROOT.relativize(file));
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return files;
  }
}
