/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SandboxSpecTest {
  /** Another hash replaces all sandboxes in an upgrade, as the limits of what flows carry do. */
  @Test
  void theHashOfASpecChangesOnPurposeOnly() {
    assertThat(spec(null).hash()).isEqualTo("61f2d86e370f23b02933efa28fbe73e1");
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
