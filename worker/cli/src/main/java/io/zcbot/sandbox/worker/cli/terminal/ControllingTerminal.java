/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import io.zcbot.sandbox.events.TerminalSize;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The controlling terminal of this process. Uses the program {@code stty}, because Java has no API
 * for that.
 */
public final class ControllingTerminal implements AutoCloseable {
  private static final File DEVICE = new File("/dev/tty");
  private static final long PATIENCE_SECONDS = 5;

  /** Bound of the output to read from stty. */
  private static final int MOST_BYTES = 1024;

  private final String before;
  private final Thread atExit;
  private boolean isRestored;

  private ControllingTerminal(String before) {
    this.before = before;
    this.atExit = Thread.ofPlatform().name("terminal").unstarted(this::restore);
  }

  /**
   * Puts the terminal into raw mode until this is closed or the process ends, in any way but
   * SIGKILL. In raw mode every key is read at once and none has a special meaning.
   *
   * @throws IOException if the process has no terminal, or its mode can't be changed
   */
  public static ControllingTerminal raw() throws IOException {
    ControllingTerminal terminal = new ControllingTerminal(stty("-g").strip());
    // before the change, because a signal may end the process in between
    Runtime.getRuntime().addShutdownHook(terminal.atExit);
    try {
      stty("raw", "-echo");
    } catch (IOException e) {
      terminal.close();
      throw e;
    }
    return terminal;
  }

  /** Returns the terminal's size; null if there is no terminal or its size is unknown. */
  public static @Nullable TerminalSize size() {
    try {
      return parse(stty("size"));
    } catch (IOException _) {
      return null;
    }
  }

  /** Parses rows and columns; null if they are 0, as for a terminal whose size was never set. */
  static @Nullable TerminalSize parse(String size) {
    String[] numbers = size.strip().split(" ", -1);
    try {
      return new TerminalSize(Integer.parseInt(numbers[1]), Integer.parseInt(numbers[0]));
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException _) {
      return null;
    }
  }

  @Override
  public void close() {
    restore();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException _) {
      // the process is ending, and the hook runs
    }
  }

  private synchronized void restore() {
    if (!isRestored) {
      isRestored = true;
      try {
        stty(before);
      } catch (IOException _) {
        // the terminal is gone, so there is nothing to restore
      }
    }
  }

  private static String stty(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("stty"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectInput(DEVICE).redirectErrorStream(true).start();
    try {
      String said =
          new String(process.getInputStream().readNBytes(MOST_BYTES), StandardCharsets.US_ASCII);
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new IOException(
            "could not " + String.join(" ", command) + ": " + said.strip().replace('\n', ' '));
      }
      return said;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted");
    } finally {
      process.destroyForcibly();
    }
  }
}
