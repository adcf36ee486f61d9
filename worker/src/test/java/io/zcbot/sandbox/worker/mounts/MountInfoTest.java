/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MountInfoTest {
  @Test
  void readsWhatTheKernelWrites() throws Exception {
    List<MountInfo> mounts =
        MountInfo.parse(
            """
            27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
            44 27 254:0 /a\\040b /a\\040b rw,nosuid,nodev,relatime shared:2 - ext4 /dev/vda rw
            61 44 254:0 /u /s rw,nosuid,relatime shared:3 master:2 - ext4 /dev/vda rw
            62 44 0:5 / /dev rw,nodev master:7 propagate_from:2 - devtmpfs shared:9 rw
            """);

    assertThat(mounts)
        .containsExactly(
            new MountInfo(27, "/", Set.of("rw", "relatime"), false, false),
            new MountInfo(44, "/a b", Set.of("rw", "nosuid", "nodev", "relatime"), true, false),
            new MountInfo(61, "/s", Set.of("rw", "nosuid", "relatime"), true, true),
            new MountInfo(62, "/dev", Set.of("rw", "nodev"), false, true));
    assertThat(mounts)
        .extracting(MountInfo::hasNoSuidNorDevices)
        .containsExactly(false, true, false, false);
    assertThat(mounts)
        .extracting(MountInfo::isSharedBothWays)
        .containsExactly(false, true, false, false);
  }

  /** A view that a killed worker left is found by its path, which is that of the root. */
  @Test
  void aPathIsAsItIsElsewhere() throws Exception {
    assertThat(pointOf("/srv/my\\040data/t\\011n\\012b\\134040$1"))
        .isEqualTo("/srv/my data/t\tn\nb\\040$1");
    assertThat(pointOf("/srv/B\u00c3\u00a4r")).as("bytes of UTF-8").isEqualTo("/srv/B\u00e4r");
  }

  private static String pointOf(String written) throws IOException {
    return MountInfo.parse("27 1 254:0 / " + written + " rw - ext4 /dev/vda rw\n")
        .getFirst()
        .point();
  }

  @Test
  void refusesWhatIsNoMountinfo() {
    assertThatThrownBy(() -> MountInfo.parse("27 1 254:0 /\n"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("too few fields");
    assertThatThrownBy(() -> MountInfo.parse("x 1 254:0 / / rw - ext4\n"))
        .isInstanceOf(IOException.class);
  }

  @Test
  void readsTheMountOfADescriptor() throws Exception {
    assertThat(MountInfo.mountId("pos:\t0\nflags:\t012300000\nmnt_id:\t44\nino:\t2\n"))
        .isEqualTo(44);
    assertThatThrownBy(() -> MountInfo.mountId("pos:\t0\n"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has no mount id");
  }
}
