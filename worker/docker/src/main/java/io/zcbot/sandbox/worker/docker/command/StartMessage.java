/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Encodes a request as the message from which a runner starts a command. */
final class StartMessage {
  static final int MAX = 256 << 10;

  private static final int TERMINAL = 1;
  private static final int TELL_MEMORY = 2;
  private static final int TELL_PID = 4;

  private StartMessage() {}

  /**
   * Encodes a request.
   *
   * @param tellsPid whether the runner can tell the process id of a program
   * @throws IllegalArgumentException if no runner could read it; the message is meant for the
   *     requester
   */
  static byte[] of(CommandRequest request, boolean tellsPid) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      TerminalSize terminal = request.terminal();
      out.writeInt(Math.clamp(request.timeout().toMillis(), 1, Integer.MAX_VALUE));
      out.writeByte(
          TELL_MEMORY
              | (terminal == null ? 0 : TERMINAL)
              | (request.wantsPid() && tellsPid ? TELL_PID : 0));
      out.writeShort(terminal == null ? 0 : terminal.columns());
      out.writeShort(terminal == null ? 0 : terminal.rows());
      out.writeInt(request.window());
      out.writeInt(request.arguments().size());
      out.writeInt(request.environment().size());
      write(out, request.directory() == null ? "" : request.directory());
      for (String argument : request.arguments()) {
        write(out, argument);
      }
      for (Map.Entry<String, String> variable : request.environment().entrySet()) {
        write(out, variable.getKey() + "=" + variable.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException("a byte array can be written to", e);
    }
    if (bytes.size() > MAX) {
      throw new IllegalArgumentException(
          "the arguments and the environment take %d bytes, but at most %d can be passed"
              .formatted(bytes.size(), MAX));
    }
    return bytes.toByteArray();
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("an argument or a variable contains a NUL character");
    }
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.writeByte(0);
  }
}
