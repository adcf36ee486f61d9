/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.TerminalSize;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A command to start.
 *
 * @param arguments the program, looked up in the sandbox's {@code PATH}, and its arguments
 * @param environment variables that are added to those of the sandbox
 * @param directory where it starts; null for the workspace
 * @param timeout after which its process tree is killed
 * @param terminal the size of its terminal; null for no terminal
 * @param window how many bytes of output it may write before more are allowed
 * @param readsNothing whether its standard input ends at once
 * @param wantsPid whether the observer is to be told the program's process id
 */
public record CommandRequest(
    List<String> arguments,
    Map<String, String> environment,
    @Nullable String directory,
    Duration timeout,
    @Nullable TerminalSize terminal,
    int window,
    boolean readsNothing,
    boolean wantsPid) {
  public CommandRequest {
    arguments = List.copyOf(arguments);
    environment = Map.copyOf(environment);
  }

  /** A command that may get input, and whose process id nobody wants. */
  public CommandRequest(
      List<String> arguments,
      Map<String, String> environment,
      @Nullable String directory,
      Duration timeout,
      @Nullable TerminalSize terminal,
      int window) {
    this(arguments, environment, directory, timeout, terminal, window, false, false);
  }
}
