/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.events.OutputStreamName;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Answers that the interpreter of no image gives, but what runs in its place may. */
class InterpreterTest {
  private static OutputPiece piece(int length) {
    return new OutputPiece(OutputStreamName.STDOUT, new byte[length]);
  }

  @Test
  void anAnswerThatIsTooLongIsLeft() {
    ByteArrayOutputStream kept = new ByteArrayOutputStream();
    Interpreter.Reader reader = new Interpreter.Reader(kept::writeBytes, 1000);
    reader.take(
        new OutputPiece(
            OutputStreamName.STDOUT, "{\"status\": 200}\n".getBytes(StandardCharsets.UTF_8)));
    reader.take(piece(600));
    reader.take(piece(400));
    assertThatThrownBy(() -> reader.take(piece(1)))
        .isInstanceOf(InterpreterException.class)
        .hasMessageContaining("no code interpreter");
    assertThat(kept.size()).isEqualTo(1000);
  }
}
