/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.concat;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.engine;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class StandardOutputTest {
  private static byte[] read(byte[]... parts) throws IOException {
    return new StandardOutput(new ByteArrayInputStream(concat(parts))).readAllBytes();
  }

  @Test
  void standardErrorIsLeftOut() throws IOException {
    assertThat(
            read(
                engine(1, text("one ")),
                engine(2, text("never mind")),
                engine(1, new byte[0]),
                engine(0, new byte[0]),
                engine(1, text("two"))))
        .isEqualTo(text("one two"));
    assertThat(read()).isEmpty();
  }

  /** On gVisor a command can write it, as fast as it is read. */
  @Test
  void standardErrorHasABound() throws IOException {
    byte[] most = engine(2, new byte[StandardOutput.MAX_STDERR]);
    assertThat(read(most, engine(1, text("one")))).isEqualTo(text("one"));
    assertThatExceptionOfType(NonsenseException.class)
        .isThrownBy(() -> read(most, engine(1, text("one")), engine(2, text("x"))))
        .withMessageContaining("standard error");
  }

  @Test
  void anEndWithinAFrameIsNoEnd() {
    byte[] whole = engine(1, text("one"));
    for (int length = 1; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatExceptionOfType(EOFException.class).isThrownBy(() -> read(part));
    }
    assertThatExceptionOfType(EOFException.class)
        .isThrownBy(() -> read(Arrays.copyOf(engine(2, text("one")), 9)));
  }

  /** As the engine reports that it could not start an exec. */
  @Test
  void plainTextIsShown() {
    assertThatExceptionOfType(NonsenseException.class)
        .isThrownBy(() -> read(text("OCI runtime exec failed: no such file\r\n")))
        .withMessageContaining("OCI runtime exec failed: no such file");
  }

  @Property(tries = 1000)
  void anyBytesEnd(@ForAll @Size(max = 200) byte[] bytes) {
    try {
      assertThat(read(bytes)).hasSizeLessThan(bytes.length + 1);
    } catch (EOFException | NonsenseException e) {
      // as it should
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
