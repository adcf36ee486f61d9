/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The programs of this package, which run in a sandbox. */
enum Program {
  INFO,
  LIST,
  MAKE_DIRECTORY,
  MOVE,
  READ,
  KEEP,
  COMPOSE,
  WATCH,
  WATCHED;

  private static final String COMMON = source("common");

  private final String source = source(name().toLowerCase(Locale.ROOT));

  /**
   * Returns the command: Python without the modules and the variables of the sandbox's user, which
   * also starts faster.
   */
  List<String> command(String... arguments) {
    List<String> command =
        new ArrayList<>(List.of("python3", "-I", "-S", "-c", COMMON + "\n\n" + source));
    command.addAll(List.of(arguments));
    return command;
  }

  private static String source(String name) {
    try (InputStream source = Program.class.getResourceAsStream(name + ".py")) {
      if (source == null) {
        throw new AssertionError("the class path has no " + name + ".py; build the module again");
      }
      return new String(source.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
