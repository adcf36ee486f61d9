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
            new MountInfo(27, 1, "254:0", "/", "/", Set.of("rw", "relatime"), false, false),
            new MountInfo(
                44,
                27,
                "254:0",
                "/a b",
                "/a b",
                Set.of("rw", "nosuid", "nodev", "relatime"),
                true,
                false),
            new MountInfo(
                61, 44, "254:0", "/u", "/s", Set.of("rw", "nosuid", "relatime"), true, true),
            new MountInfo(62, 44, "0:5", "/", "/dev", Set.of("rw", "nodev"), false, true));
    assertThat(mounts)
        .extracting(MountInfo::hasNoSuidNorDevices)
        .containsExactly(false, true, false, false);
    assertThat(mounts)
        .extracting(MountInfo::isSharedBothWays)
        .containsExactly(false, true, false, false);
  }

  @Test
  void onItselfIsWhatShowsTheSameFilesAsWithoutIt() throws Exception {
    List<MountInfo> all =
        MountInfo.parse(
            """
            1 0 254:0 / / rw - ext4 /dev/vda rw
            2 1 254:0 /w /w rw shared:2 - ext4 /dev/vda rw
            3 1 254:1 / /disk rw - ext4 /dev/vdb rw
            4 3 254:1 / /disk rw shared:3 - ext4 /dev/vdb rw
            5 3 254:1 /a/w /disk/a/w rw shared:4 - ext4 /dev/vdb rw
            6 1 254:1 /sub /bound rw - ext4 /dev/vdb rw
            7 6 254:1 /sub/w /bound/w rw shared:5 - ext4 /dev/vdb rw
            8 1 254:0 /elsewhere /v rw shared:6 - ext4 /dev/vda rw
            9 2 254:1 / /w rw shared:7 - ext4 /dev/vdb rw
            10 99 254:0 /u /u rw - ext4 /dev/vda rw
            """);

    assertThat(all.stream().filter(mount -> mount.isOnItself(all)).map(MountInfo::id))
        .containsExactly(2, 4, 5, 7);
  }

  /** A view that a killed worker left is found by its path, which is that of the root. */
  @Test
  void aPathIsAsItIsElsewhere() throws Exception {
    assertThat(pointOf("/srv/my\\040data/t\\011n\\012b\\134040$1"))
        .isEqualTo("/srv/my data/t\tn\nb\\040$1");
    assertThat(pointOf("/srv/a\rb")).as("which the kernel does not escape").isEqualTo("/srv/a\rb");
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
