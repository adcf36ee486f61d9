/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Where a copy comes from or goes to. */
sealed interface CopyPath {
  /** A file or directory of a user's sandbox; a relative path begins in the workspace. */
  record InSandbox(UserId user, String path) implements CopyPath {
    /** The last name of the path; {@code sandbox} if it has none. */
    String name() {
      String trimmed = path.replaceAll("/+$", "");
      String name = trimmed.substring(trimmed.lastIndexOf('/') + 1);
      return switch (name) {
        case "", ".", ".." -> "sandbox";
        default -> name;
      };
    }
  }

  /** A file or directory of this machine. */
  record Local(Path path) implements CopyPath {}

  /** Standard input, or standard output. */
  record Standard() implements CopyPath {}

  /** Parses an argument. */
  final class Converter implements ITypeConverter<CopyPath> {
    private static final Pattern REMOTE =
        Pattern.compile("([0-9a-fA-F-]{36}):(.*)", Pattern.DOTALL);

    @Override
    public CopyPath convert(String text) {
      if (text.equals("-")) {
        return new Standard();
      }
      Matcher remote = REMOTE.matcher(text);
      if (remote.matches()) {
        String path = remote.group(2);
        return new InSandbox(Converters.user(remote.group(1)), path.isEmpty() ? "." : path);
      }
      try {
        if (text.isEmpty()) {
          throw new TypeConversionException("write a path, USER:PATH or -");
        }
        return new Local(Path.of(text));
      } catch (InvalidPathException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }
}
