/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * Records the result of each attack, one per line: row, profile, result, test, reason. The scripts
 * print the table from it.
 */
final class RowResults implements TestWatcher {
  private static final Path FILE = Path.of("target", "security", "results.tsv");

  @Override
  public void testSuccessful(ExtensionContext context) {
    note(context, "ok", "");
  }

  @Override
  public void testFailed(ExtensionContext context, Throwable cause) {
    note(context, "FAILED", "");
  }

  @Override
  public void testAborted(ExtensionContext context, Throwable cause) {
    note(context, "n/a", String.valueOf(cause.getMessage()).replace("Assumption failed: ", ""));
  }

  @Override
  public void testDisabled(ExtensionContext context, Optional<String> reason) {
    if (!reason.orElse("").contains(InFullRuns.REASON)) { // then, nothing is expected of this run
      note(context, "n/a", reason.orElse("disabled"));
    }
  }

  private static void note(ExtensionContext context, String result, String reason) {
    String profile =
        context
            .getTestInstance()
            .filter(Attacks.class::isInstance)
            .map(Attacks.class::cast)
            .stream()
            .map(attacks -> attacks.profile.title())
            .findFirst()
            .orElse("any");
    String test =
        context.getRequiredTestClass().getSimpleName()
            + "."
            + context.getRequiredTestMethod().getName();
    StringBuilder lines = new StringBuilder();
    rows(context.getRequiredTestMethod(), context.getRequiredTestClass())
        .forEach(
            number ->
                lines
                    .append(number)
                    .append('\t')
                    .append(profile)
                    .append('\t')
                    .append(result)
                    .append('\t')
                    .append(test)
                    .append('\t')
                    .append(reason.replaceAll("\\s+", " "))
                    .append('\n'));
    try {
      Files.createDirectories(FILE.getParent());
      Files.writeString(FILE, lines, CREATE, APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<Integer> rows(AnnotatedElement method, AnnotatedElement type) {
    Row row =
        method.isAnnotationPresent(Row.class)
            ? method.getAnnotation(Row.class)
            : type.getAnnotation(Row.class);
    return java.util.Arrays.stream(row.value()).boxed();
  }
}
