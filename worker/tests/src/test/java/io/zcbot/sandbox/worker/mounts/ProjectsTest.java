/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import org.junit.jupiter.api.Test;

/** Sizes and offsets match the kernel's headers. */
class ProjectsTest {
  private static long offset(StructLayout struct, String field) {
    return struct.byteOffset(PathElement.groupElement(field));
  }

  @Test
  void structsAreLaidOutAsTheKernelHasThem() {
    assertThat(Projects.FSXATTR.byteSize()).isEqualTo(28);
    assertThat(offset(Projects.FSXATTR, "fsx_projid")).isEqualTo(12);
    assertThat(Projects.DQBLK.byteSize()).isEqualTo(72);
    assertThat(offset(Projects.DQBLK, "dqb_curspace")).isEqualTo(16);
    assertThat(offset(Projects.DQBLK, "dqb_curinodes")).isEqualTo(40);
    assertThat(offset(Projects.DQBLK, "dqb_valid")).isEqualTo(64);
    assertThat(Projects.STATV.byteSize()).isEqualTo(256);
    assertThat(offset(Projects.STATV, "qs_flags")).isEqualTo(2);
  }
}
