/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes execs. Nothing in an exec may do more than a program of the user's in the
 * sandbox can do.
 */
final class ExecCodec {
  /** In characters. The id is in the key and in the value of each entry of the command table. */
  static final int MAX_ID_LENGTH = 256;

  static final int MAX_ARGUMENTS = 4096;
  static final int MAX_VARIABLES = 1024;

  /** The limit of the kernel for one argument, such as the script of a shell. */
  static final int MAX_ARGUMENT_BYTES = 128 * 1024;

  static final int MAX_VARIABLE_BYTES = 64 * 1024;
  static final int MAX_DIRECTORY_BYTES = 4095;
  static final Duration MAX_TIMEOUT = Duration.ofHours(24);
  static final int MAX_OUTPUT_BYTES = 16 << 20;

  /** The fields of a terminal's size, and room for some unknown ones, which are ignored. */
  static final FieldParser.Wanted TERMINAL = new FieldParser.Wanted(16);

  private static final Map<String, FieldParser.Wanted> NESTED =
      Map.of(
          "command",
          new FieldParser.Wanted(MAX_ARGUMENTS),
          "env",
          new FieldParser.Wanted(MAX_VARIABLES),
          "tty",
          TERMINAL);

  private ExecCodec() {}

  static void write(Exec exec, FieldWriter out) {
    out.time("requested_at", exec.requestedAt())
        .text("requested_by", exec.requestedBy())
        .time("expires_at", exec.expiresAt());
    switch (exec.program()) {
      case Exec.Program.Command command -> out.texts("command", command.arguments());
      case Exec.Program.Shell shell -> out.text("shell", shell.script());
    }
    DataFields.write(out, "stdin", exec.stdin().length() == 0 ? null : exec.stdin());
    boolean isInputExpected = exec.terminal() != null;
    out.bool("input", exec.inputFollows() == isInputExpected ? null : exec.inputFollows());
    if (!exec.environment().isEmpty()) {
      out.texts("env", new TreeMap<>(exec.environment()));
    }
    out.text("cwd", exec.directory())
        .seconds("timeout_seconds", exec.timeout())
        .number("max_output_bytes", exec.maxOutputBytes())
        .bool("stream", exec.stream() ? true : null);
    if (exec.terminal() != null) {
      write("tty", exec.terminal(), out);
    }
    out.bool("ensure", exec.ensure() ? null : false)
        .bool("announce_start", exec.announceStart() ? true : null);
    ProfileName.writeRequested(exec.profile(), out);
  }

  static Exec exec(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Requests.fields(value, Topic.EXEC, origin, NESTED);
    UserId user = RecordKey.agreedUser(in, key);
    Data stdin = DataFields.read(in, "stdin");
    Long maxOutput = in.optionalWithin("max_output_bytes", 0, MAX_OUTPUT_BYTES);
    TerminalSize terminal = terminal(in, "tty");
    return new Exec(
        Requests.eventId(in, origin, MAX_ID_LENGTH),
        user,
        Requests.time(in, "requested_at", origin),
        in.optionalText("requested_by"),
        in.optionalInstant("expires_at"),
        program(in),
        stdin == null ? Data.EMPTY : stdin,
        in.bool("input", terminal != null),
        environment(in),
        directory(in),
        Requests.seconds(in, "timeout_seconds", MAX_TIMEOUT.toSeconds()),
        maxOutput == null ? null : maxOutput.intValue(),
        in.bool("stream", false),
        terminal,
        in.bool("ensure", true),
        in.bool("announce_start", false),
        ProfileName.requested(in));
  }

  private static Exec.Program program(Fields in) throws EventFormatException {
    List<String> command = Literals.list(in, "command");
    String shell = Literals.text(in, "shell");
    if (command != null && shell != null) {
      throw in.refusal("shell", "is given together with command; send one of the two");
    }
    if (shell != null) {
      return withinLimit(in, "shell", new Exec.Program.Shell(shell));
    }
    if (command == null) {
      throw in.refusal(
          "command", "missing; send command, an array of strings, or shell, a string for bash -c");
    }
    if (command.isEmpty() || command.getFirst().isEmpty()) {
      throw in.refusal("command", "names no program; its first element must be one");
    }
    return withinLimit(in, "command", new Exec.Program.Command(command));
  }

  private static Exec.Program withinLimit(Fields in, String field, Exec.Program program)
      throws EventFormatException {
    long bytes = 0;
    for (String argument : program.arguments()) {
      bytes += Utf8.length(argument) + 1;
    }
    if (bytes > MAX_ARGUMENT_BYTES) {
      throw in.refusal(
          field,
          "takes "
              + bytes
              + " bytes, counting a NUL for each argument; at most "
              + MAX_ARGUMENT_BYTES
              + " are allowed; send long input as stdin");
    }
    return program;
  }

  private static Map<String, String> environment(Fields in) throws EventFormatException {
    Map<String, String> environment = Literals.map(in, "env");
    long bytes = 0;
    for (Map.Entry<String, String> variable : environment.entrySet()) {
      String name = variable.getKey();
      if (name.isEmpty()) {
        throw in.refusal("env", "has a variable without a name; give it one");
      }
      if (name.indexOf('=') >= 0) {
        throw in.refusal(
            "env", "the name " + UntrustedText.quoteName(name) + " has a =; remove it");
      }
      bytes += Utf8.length(name) + Utf8.length(variable.getValue()) + 2;
    }
    if (bytes > MAX_VARIABLE_BYTES) {
      throw in.refusal(
          "env",
          "takes "
              + bytes
              + " bytes, counting = and a NUL for each variable; at most "
              + MAX_VARIABLE_BYTES
              + " are allowed");
    }
    return environment;
  }

  private static @Nullable String directory(Fields in) throws EventFormatException {
    String directory = Literals.text(in, "cwd");
    if (directory == null) {
      return null;
    }
    if (!directory.startsWith("/")) {
      throw in.refusal("cwd", "is not absolute; begin it with a /");
    }
    int bytes = Utf8.length(directory);
    if (bytes > MAX_DIRECTORY_BYTES) {
      throw in.refusal(
          "cwd", "takes " + bytes + " bytes; at most " + MAX_DIRECTORY_BYTES + " are allowed");
    }
    return directory;
  }

  static void write(String field, TerminalSize size, FieldWriter out) {
    out.object(field, to -> to.number("columns", size.columns()).number("rows", size.rows()));
  }

  static @Nullable TerminalSize terminal(Fields in, String field) throws EventFormatException {
    Fields size = in.optionalObject(field);
    return size == null ? null : new TerminalSize(side(size, "columns"), side(size, "rows"));
  }

  private static int side(Fields size, String field) throws EventFormatException {
    return (int) (long) size.required(field, size.optionalWithin(field, 1, TerminalSize.MAX));
  }
}
