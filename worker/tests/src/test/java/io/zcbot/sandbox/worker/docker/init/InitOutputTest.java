/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InitOutputTest {
  @Test
  void readyIsALineOfItsOwn() throws IOException {
    assertThat(read(frame(1, "zcbot-sandbox ready firewall=container ipv4=16\n")))
        .isEqualTo(new Verdict.Ready(Map.of("firewall", "container", "ipv4", "16")));
    assertThat(read(frame(1, "hello\nzcbot-san"), frame(1, "dbox ready x=1,2 y"), frame(1, "\n")))
        .isEqualTo(new Verdict.Ready(Map.of("x", "1,2")));
  }

  @Test
  void nothingElseIsReady() throws IOException {
    assertThat(read(frame(2, "zcbot-sandbox ready\n"))).isInstanceOf(Verdict.Silent.class);
    assertThat(read(frame(1, "not zcbot-sandbox ready\n"))).isInstanceOf(Verdict.Silent.class);
    assertThat(read(frame(1, "zcbot-sandbox read\n"))).isInstanceOf(Verdict.Silent.class);
    // half a line is no word: init may have been about to go on
    assertThat(read(frame(1, "zcbot-sandbox ready"))).isInstanceOf(Verdict.Silent.class);
    // frames of the two streams don't mix
    assertThat(read(frame(1, "zcbot-"), frame(2, "sandbox ready\n")))
        .isInstanceOf(Verdict.Silent.class);
  }

  @Test
  void failedTellsWhy() throws IOException {
    assertThat(
            read(
                frame(2, "nft: Permission denied\n"),
                frame(1, "zcbot-sandbox failed rules: nft: no rules für IPv6 \n"),
                frame(1, "zcbot-sandbox ready\n")))
        .isEqualTo(new Verdict.Failed(FailureCode.RULES, "nft: no rules für IPv6"));
  }

  @Test
  void failedWithoutACodeIsAFailureToo() throws IOException {
    assertThat(read(frame(1, "zcbot-sandbox failed: no rules\n")))
        .isEqualTo(new Verdict.Failed(FailureCode.UNKNOWN, "no rules"));
    assertThat(read(frame(1, "zcbot-sandbox failed\n")))
        .isEqualTo(new Verdict.Failed(FailureCode.UNKNOWN, ""));
  }

  @Test
  void silenceTellsTheLastWords() throws IOException {
    assertThat(read()).isEqualTo(new Verdict.Silent(""));
    assertThat(read(frame(1, "one\n\n"), frame(2, "two")))
        .isEqualTo(new Verdict.Silent("one | two"));
  }

  @Test
  void aFloodIsBounded() throws IOException {
    byte[] flood = frame(1, "x".repeat(5_000_000) + "\n" + "line\n".repeat(100_000));

    Verdict verdict = read(flood, frame(1, "zcbot-sandbox ready\n"));
    assertThat(verdict).isEqualTo(new Verdict.Ready(Map.of()));

    assertThat(((Verdict.Silent) read(flood)).last()).hasSizeLessThan(10_000);
  }

  @Test
  void aTornStreamIsNoSilence() {
    byte[] frame = frame(1, "zcbot-sandbox ready\n");

    for (int length : new int[] {1, 5, 8, frame.length - 1}) {
      assertThatThrownBy(() -> read(Arrays.copyOf(frame, length))).isInstanceOf(IOException.class);
    }
    assertThatThrownBy(() -> read("zcbot-sandbox ready\n".getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("unknown type");
  }

  private static Verdict read(byte[]... parts) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return InitOutput.read(new ByteArrayInputStream(all.toByteArray()));
  }
}
