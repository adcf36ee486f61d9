/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SandboxSpecTest {
  /** What it was before there was a parent group: an upgrade must not end sandboxes. */
  @Test
  void theHashOfASpecWithoutAParentGroupIsWhatItWas() {
    assertThat(spec(null).hash()).isEqualTo("404565a0701fce4ebd66857e92c33d7b");
  }

  @Test
  void sandboxesOfAnotherParentGroupAreOfAnotherSpec() {
    assertThat(spec("/sandboxes").hash())
        .isNotEqualTo(spec(null).hash())
        .isNotEqualTo(spec("/others").hash());
  }

  private static SandboxSpec spec(@Nullable String cgroupParent) {
    return new SandboxSpec(
        "image",
        null,
        new ResourceLimits(1L << 30, 1.0, 256, 1L << 20, null, cgroupParent),
        "network",
        NetworkPolicy.DEFAULT);
  }
}
