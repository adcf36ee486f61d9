/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BodyMemoryTest {
  private static final int LARGEST = 8 << 20;

  private final BodyMemory memory = new BodyMemory();
  private final List<BodyMemory.Part> parts = new ArrayList<>();

  private boolean hold(String tenant, int bytes) {
    BodyMemory.Part part = memory.part();
    part.isOf(tenant);
    parts.add(part);
    return part.hold(bytes);
  }

  @Test
  void aTenantFillsItsShareOnly() throws Exception {
    assertThat(hold("one", LARGEST)).isTrue();
    assertThat(hold("one", LARGEST)).isFalse();
    assertThat(hold("one", 1000)).isTrue();
    assertThat(hold("two", LARGEST)).isTrue();
    int small = 0;
    while (hold("one", 10_000)) { // each counts with what its objects may take
      small++;
    }
    assertThat(small).isBetween(5, 15);
    assertThat(hold("three", LARGEST)).isTrue();
    assertThat(hold("four", LARGEST)).as("beyond what there is for all").isFalse();
    parts.forEach(BodyMemory.Part::close);
    parts.forEach(BodyMemory.Part::close);
    assertThat(hold("four", LARGEST)).isTrue();
  }

  @Test
  void whatIsTakenBesidesAMessageAddsUp() throws Exception {
    try (BodyMemory.Part part = memory.part()) {
      part.isOf("one");
      assertThat(part.hold(1000)).isTrue();
      assertThat(part.take(LARGEST)).isTrue();
      assertThat(part.hold(2000)).isTrue();
      assertThat(part.take(LARGEST)).isTrue();
      assertThat(part.take(LARGEST)).isFalse();
      assertThat(hold("one", LARGEST)).isFalse();
    }
    assertThat(hold("one", LARGEST)).isTrue();
  }

  @Test
  void aMessageIsReadAsFarAsThereIsRoom() throws Exception {
    assertThat(hold("one", LARGEST)).isTrue();
    try (BodyMemory.Part part = memory.part()) {
      part.isOf("one");
      assertThat(part.read(new ByteArrayInputStream(new byte[1000]), 1000)).hasSize(1000);
      assertThat(part.read(new ByteArrayInputStream(new byte[LARGEST]), LARGEST)).isNull();
    }
    parts.forEach(BodyMemory.Part::close);
    try (BodyMemory.Part part = memory.part()) {
      assertThat(part.read(new ByteArrayInputStream(new byte[LARGEST]), LARGEST)).hasSize(LARGEST);
      assertThat(part.read(new ByteArrayInputStream(new byte[100_000]), 10).length)
          .isBetween(11, 20_000);
    }
  }
}
