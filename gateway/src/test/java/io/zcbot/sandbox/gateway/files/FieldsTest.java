/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What the sandbox writes, which may be anything. */
class FieldsTest {
  private static final String FILE = "33188 33188 7 user user 1 2 ";

  private static FileInfo info(String words) throws IOException {
    return fields(words).info("/d");
  }

  /** Fields that are written as words. */
  private static Fields fields(String words) {
    return new Fields(new ByteArrayInputStream((words.replace(' ', '\0') + '\0').getBytes(UTF_8)));
  }

  @Test
  void aFileIsRead() throws Exception {
    FileInfo info = info("a/b " + FILE + " 1 key value");
    assertThat(info.path()).isEqualTo("/d/a/b");
    assertThat(info.name()).isEqualTo("b");
    assertThat(info.mode()).isEqualTo(0644);
    assertThat(info.modified()).isEqualTo("1970-01-01T00:00:01.000000002Z");
    assertThat(info.symlinkTarget()).isNull();
    assertThat(info.metadata()).isEqualTo(Map.of("key", "value"));
    assertThat(info(" " + FILE + " 0").path()).isEqualTo("/d");
    assertThat(fields("x " + FILE + " 0").info("/").path()).isEqualTo("/x");
  }

  /** E2B's format has no such times, but file systems have. */
  @Test
  void aTimeFarAwayIsTheLastOne() throws Exception {
    for (String seconds : List.of("253402300800", "" + Long.MAX_VALUE)) {
      assertThat(info("x 33188 33188 7 user user " + seconds + " 2  0").modified())
          .isEqualTo("9999-12-31T23:59:59.999999999Z");
    }
    assertThat(info("x 33188 33188 7 user user " + Long.MIN_VALUE + " 2  0").modified())
        .isEqualTo("0001-01-01T00:00:00Z");
  }

  @Test
  void whatCannotBeIsAnError() {
    for (String words :
        List.of(
            "../x " + FILE + " 0",
            "/x " + FILE + " 0",
            "a//x " + FILE + " 0",
            "a/ " + FILE + " 0",
            "x -1 33188 7 user user 1 2  0",
            "x 33188 99999999 7 user user 1 2  0",
            "x 33188 33188 -7 user user 1 2  0",
            "x 33188 33188 7e9 user user 1 2  0",
            "x 33188 33188 7 user user 1 1000000000  0",
            "x 33188 33188 7 user user 99999999999999999999 2  0",
            "x " + FILE + " 4097",
            "x " + FILE + " -1",
            "x".repeat(70_000))) {
      assertThatThrownBy(() -> info(words))
          .as(words)
          .isInstanceOf(SandboxFileSystemException.class)
          .hasMessageContaining("makes no sense");
    }
    for (String words : List.of("", "x", "x " + FILE, "x " + FILE + " 1 key")) {
      assertThatThrownBy(() -> info(words)).as(words).isInstanceOf(EOFException.class);
    }
    for (String words :
        List.of("MADE x 0", "create x 0", "CREATE ../x 0", "CREATE  0", "CREATE x 2")) {
      assertThatThrownBy(() -> fields(words).event("/d"))
          .as(words)
          .isInstanceOf(SandboxFileSystemException.class);
    }
  }

  @Test
  void aFieldWithoutAnEndIsNotOne() throws Exception {
    Fields fields = new Fields(new ByteArrayInputStream("whole\0half".getBytes(UTF_8)));
    assertThat(fields.next()).isEqualTo("whole");
    assertThatThrownBy(fields::next).isInstanceOf(EOFException.class);
    assertThat(new Fields(new ByteArrayInputStream(new byte[0])).next()).isNull();
  }

  @Test
  void permissionsAreAsGoPrintsThem() {
    Map.of(
            0100644, "-rw-r--r--",
            0040755, "drwxr-xr-x",
            0120777, "Lrwxrwxrwx",
            0041777, "dtrwxrwxrwx",
            0104755, "urwxr-xr-x",
            0106711, "ugrwx--x--x",
            0010600, "prw-------",
            0140000, "S---------",
            0060660, "Drw-rw----",
            0020620, "Dcrw--w----")
        .forEach(
            (mode, wanted) ->
                assertThat(Modes.permissions(mode))
                    .as(Integer.toOctalString(mode))
                    .isEqualTo(wanted));
  }
}
