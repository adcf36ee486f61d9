/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Exec;
import java.util.List;
import java.util.regex.Pattern;

/** What a command runs, for people: on one line, cut, without control characters. */
public final class ProgramText {
  /** The longest text, in characters. */
  public static final int MAX_LENGTH = 80;

  private static final Pattern SPACE = Pattern.compile("\\s+");
  private static final Pattern UNSAFE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");

  private ProgramText() {}

  /** A program with its arguments, or the script that a shell runs. */
  public static String of(Exec.Program program) {
    return switch (program) {
      case Exec.Program.Shell shell -> cut(clean(head(shell.script())), MAX_LENGTH);
      case Exec.Program.Command command -> cut(joined(command.arguments()), MAX_LENGTH);
    };
  }

  private static String joined(List<String> arguments) {
    StringBuilder line = new StringBuilder();
    for (String argument : arguments) {
      if (line.length() > MAX_LENGTH) {
        break;
      }
      line.append(line.isEmpty() ? "" : " ").append(quoted(clean(head(argument))));
    }
    return line.toString();
  }

  /** So that the bounds of an argument can be seen; not to be executed. */
  private static String quoted(String argument) {
    return PLAIN.matcher(argument).matches()
        ? argument
        : "'" + argument.replace("'", "'\\''") + "'";
  }

  /** What can be shown of a text at most: the rest need not be looked at. */
  private static String head(String text) {
    return text.length() <= 2 * MAX_LENGTH ? text : text.substring(0, 2 * MAX_LENGTH);
  }

  private static String clean(String text) {
    return UNSAFE.matcher(SPACE.matcher(text).replaceAll(" ")).replaceAll("?");
  }

  /** At most so many characters of a line, none of them cut in two. */
  public static String cut(String line, int most) {
    if (line.length() <= most) {
      return line;
    }
    int end = most - 1;
    return line.substring(0, Character.isHighSurrogate(line.charAt(end - 1)) ? end - 1 : end) + "…";
  }
}
