/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.events.OutputStreamName;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How a watch's output is read, in pieces as no real command writes them reliably. */
class WatchOutputTest {
  private final List<String> seen = new ArrayList<>();
  private final WatchOutput output =
      new WatchOutput(
          "/d", () -> seen.add("start"), event -> seen.add(event.type() + " " + event.name()));

  private void take(byte[] bytes) {
    output.take(new OutputPiece(OutputStreamName.STDOUT, bytes));
  }

  @Test
  void eventsAreReadWhereverTheOutputIsDivided() {
    byte[] bytes = "start\0CREATE\0a\0000\0WRITE\0ü\0000\0REMOVE\0b/c\0000\0".getBytes(UTF_8);
    String[] expected = {"start", "CREATE a", "WRITE ü", "REMOVE b/c"};
    take(bytes);
    assertThat(seen).containsExactly(expected);
    seen.clear();
    WatchOutput divided =
        new WatchOutput("/d", () -> seen.add("start"), e -> seen.add(e.type() + " " + e.name()));
    for (byte each : bytes) {
      divided.take(new OutputPiece(OutputStreamName.STDOUT, new byte[] {each}));
    }
    assertThat(seen).containsExactly(expected);
  }

  @Test
  void nonsenseIsRefusedAndNothingGrows() {
    assertThatThrownBy(() -> take("stop\0".getBytes(UTF_8)))
        .isInstanceOf(SandboxFileSystemException.class);
    take("start\0CREATE\0a\0001\0".getBytes(UTF_8));
    byte[] field = new byte[60 << 10];
    Arrays.fill(field, (byte) 'x');
    field[field.length - 1] = 0;
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 100; i++) {
                take(field);
              }
            })
        .isInstanceOf(SandboxFileSystemException.class);
    for (int i = 0; i < 1000; i++) {
      output.take(new OutputPiece(OutputStreamName.STDERR, field));
    }
    assertThat(output.message().length()).isLessThan(10_000);
  }
}
