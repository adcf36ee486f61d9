/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * Makes a directory that programs can run from: the usual one, or one of the build where that is
 * mounted noexec.
 */
final class ProgramDirectory implements TempDirFactory {
  @Override
  public Path createTempDirectory(
      AnnotatedElementContext elementContext, ExtensionContext extensionContext)
      throws IOException {
    Path usual = Files.createTempDirectory("junit-");
    Path program =
        Files.createFile(
            usual.resolve("program"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    boolean runs = Files.isExecutable(program);
    Files.delete(program);
    if (runs) {
      return usual;
    }
    Files.delete(usual);
    return Files.createTempDirectory(Path.of("target").toAbsolutePath(), "junit-");
  }
}
