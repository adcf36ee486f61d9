/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.gateway.files.FileContent.Piece;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FileContentTest {
  private static final int FIRST = 1000;

  private byte[] file = {};
  private final List<String> fetched = Collections.synchronizedList(new ArrayList<>());

  private Piece fetch(long from, int count) {
    fetched.add(from + "+" + count);
    int start = (int) Math.min(from, file.length);
    return new Piece(
        "1",
        file.length,
        ByteBuffer.wrap(
            Arrays.copyOfRange(file, start, (int) Math.min(file.length, (long) start + count))));
  }

  private void file(int length) {
    file = new byte[length];
    new Random(1).nextBytes(file);
  }

  private FileContent open(long start, long most) throws InterruptedException {
    return FileContent.open(this::fetch, start, most, FIRST);
  }

  @Test
  void filesOfAnyLengthAreReadWhole() throws Exception {
    int piece = FileContent.PIECE;
    for (int length : new int[] {0, 1, FIRST, FIRST + 1, FIRST + piece, FIRST + 2 * piece + 3}) {
      file(length);
      try (FileContent content = open(0, Long.MAX_VALUE)) {
        assertThat(content.length()).isEqualTo(length);
        assertThat(content.readAllBytes()).isEqualTo(file);
        assertThat(content.read()).isEqualTo(-1);
      }
    }
  }

  @Test
  void partsOfAFileAreRead() throws Exception {
    file(5000);
    int[][] ranges = {{0, 10}, {10, 990}, {10, 1001}, {4999, 1}, {4990, 100}, {5000, 1}, {9000, 5}};
    for (int[] range : ranges) {
      try (FileContent content = open(range[0], range[1])) {
        int start = Math.min(range[0], 5000);
        byte[] wanted = Arrays.copyOfRange(file, start, Math.min(start + range[1], 5000));
        assertThat(content.length()).isEqualTo(wanted.length);
        assertThat(content.fileLength()).isEqualTo(5000);
        assertThat(content.readAllBytes()).isEqualTo(wanted);
      }
    }
    assertThatThrownBy(() -> open(-1, 1)).isInstanceOf(SandboxFileSystemException.class);
  }

  /** The reader decides how much is fetched: one piece more than it has begun to read. */
  @Test
  void onlyOnePieceIsFetchedAhead() throws Exception {
    file(FIRST + 3 * FileContent.PIECE);
    try (InputStream content = open(0, Long.MAX_VALUE)) {
      assertThat(content.read(new byte[FIRST])).isEqualTo(FIRST);
      assertThat(content.read()).isEqualTo(file[FIRST] & 0xff); // the second piece is there now
      assertThat(fetched).hasSizeBetween(2, 3);
      content.skipNBytes(FileContent.PIECE - 1);
      assertThat(fetched).hasSizeBetween(2, 3);
    }
  }

  @Test
  void aFileThatChangesMeanwhileIsAnError() throws Exception {
    file(FIRST + 1);
    FileContent.Source replaced =
        (from, count) -> new Piece("" + from, file.length, fetch(from, count).content());
    try (InputStream content = FileContent.open(replaced, 0, Long.MAX_VALUE, FIRST)) {
      assertThatThrownBy(content::readAllBytes)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("was replaced")
          .hasCauseInstanceOf(SandboxFileSystemException.class);
    }
    file(FIRST + 2 * FileContent.PIECE);
    try (InputStream content = open(0, Long.MAX_VALUE)) {
      file(FIRST + FileContent.PIECE + 1);
      assertThatThrownBy(content::readAllBytes)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("became shorter")
          .hasCauseInstanceOf(SandboxFileSystemException.class);
    }
  }

  @Test
  void closingEndsTheFetching() throws Exception {
    file(FIRST + 1);
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    FileContent content =
        FileContent.open(
            (from, count) -> {
              if (from > 0) {
                begun.countDown();
                try {
                  Thread.sleep(60_000);
                } catch (InterruptedException e) {
                  interrupted.countDown();
                }
              }
              return fetch(from, count);
            },
            0,
            Long.MAX_VALUE,
            FIRST);
    content.skipNBytes(FIRST);
    assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
    content.close();
    assertThat(interrupted.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(content.read()).isEqualTo(-1);
  }
}
