/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;

/** What archives of images say, whatever they have; ImagesIT has archives of an engine. */
class ImageFilesTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes);

  private void add(TarArchiveEntry entry) throws IOException {
    tar.putArchiveEntry(entry);
    tar.closeArchiveEntry();
  }

  private void file(String path, int mode) throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(path);
    entry.setMode(mode);
    add(entry);
  }

  private void link(String path, String target) throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(path, TarConstants.LF_SYMLINK);
    entry.setLinkName(target);
    add(entry);
  }

  private ImageFiles read(String... wanted) throws IOException {
    tar.finish();
    return ImageFiles.read(new ByteArrayInputStream(bytes.toByteArray()), Set.of(wanted));
  }

  @Test
  void programsAreFoundByLinksOfFilesAndDirectories() throws Exception {
    link("bin", "usr/bin");
    link("usr/bin/sh", "dash");
    file("usr/bin/dash", 0100755);
    link("usr/bin/bash", "/opt/../opt/./shells/bash");
    file("opt/shells/bash", 0100755);
    file("usr/bin/mine", 0100750);
    link("usr/bin/dangling", "nowhere");
    assertThat(
            read("/bin/sh", "/bin/bash", "/bin/mine", "/bin/dangling", "/bin/none").executables())
        .containsExactlyInAnyOrder("/bin/sh", "/bin/bash");
  }

  @Test
  void busyboxIsAShellByAHardLink() throws Exception {
    file("bin/busybox", 0100755);
    TarArchiveEntry entry = new TarArchiveEntry("bin/sh", TarConstants.LF_LINK);
    entry.setLinkName("bin/busybox");
    entry.setMode(0100755);
    add(entry);
    assertThat(read("/bin/sh").executables()).containsExactly("/bin/sh");
  }

  @Test
  void linksInCirclesLeadNowhere() throws Exception {
    link("bin", "bin");
    link("a", "b");
    link("b", "a");
    assertThat(read("/bin/sh", "/a/sh").executables()).isEmpty();
  }

  @Test
  void whatIsDangerousOrOfNoUseIsFound() throws Exception {
    file("usr/bin/su", 0104755);
    file("usr/bin/wall", 0102755);
    TarArchiveEntry ping = new TarArchiveEntry("usr/bin/ping");
    ping.setMode(0100755);
    ping.addPaxHeader("SCHILY.xattr.security.capability", "0123456789");
    add(ping);
    file("usr/lib/secret.so", 0100600);
    file("etc/shadow", 0100640);
    file("workspace/lost", 0100644);
    file("tmp/", 040777);
    file("tmp/lost", 0100644);
    ImageFiles files = read();
    assertThat(files.privileged())
        .isEqualTo(
            new ImageFiles.Found(3, List.of("/usr/bin/su", "/usr/bin/wall", "/usr/bin/ping")));
    assertThat(files.unreadable())
        .isEqualTo(new ImageFiles.Found(1, List.of("/usr/lib/secret.so")));
    assertThat(files.hidden())
        .isEqualTo(new ImageFiles.Found(2, List.of("/workspace/lost", "/tmp/lost")));
  }

  @Test
  void ofManyFilesSomeAreKept() throws Exception {
    for (int i = 0; i < 1000; i++) {
      file("usr/bin/su" + i, 0104755);
    }
    ImageFiles.Found found = read().privileged();
    assertThat(found.count()).isEqualTo(1000);
    assertThat(found.first()).hasSize(ImageFiles.SHOWN);
  }

  @Test
  void anArchiveThatEndsEarlyIsAnError() throws Exception {
    TarArchiveEntry entry = new TarArchiveEntry("usr/bin/dash");
    entry.setSize(5000);
    tar.putArchiveEntry(entry);
    tar.write(new byte[5000]);
    tar.closeArchiveEntry();
    tar.finish();
    byte[] half = Arrays.copyOf(bytes.toByteArray(), 2000);
    assertThatThrownBy(() -> ImageFiles.read(new ByteArrayInputStream(half), Set.of()))
        .isInstanceOf(IOException.class);
  }
}
