/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.helidon.http.HeaderNames;
import io.helidon.http.WritableHeaders;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;

/** What a hostile sandbox sends, and what a server in it gets. */
class PortsTest {
  private static final byte[] PIECE = new byte[Frames.PIECE];

  private final List<String> sent = new ArrayList<>();
  private final Semaphore more = new Semaphore(100 << 20);
  private final PortConnection connection =
      new PortConnection(7, frame -> sent.add(HexFormat.of().formatHex(frame)), more, () -> {});

  @Test
  void framesAreReadHoweverTheyAreSplit() {
    List<String> frames = new ArrayList<>();
    Frames.Reader reader = new Frames.Reader();
    Frames.Handler handler =
        (kind, number, value, data) ->
            frames.add(kind + " " + number + " " + value + " " + new String(data, ISO_8859_1));
    byte[] data = Frames.data(-2, "xabcx".getBytes(ISO_8859_1), 1, 3);
    for (byte each : data) {
      reader.take(new byte[] {each}, handler);
    }
    byte[] end = Frames.of(Frames.END, 5, 0);
    byte[] both = new byte[data.length + end.length];
    System.arraycopy(data, 0, both, 0, data.length);
    System.arraycopy(end, 0, both, data.length, end.length);
    reader.take(both, handler);
    assertThat(frames).containsExactly("2 -2 3 abc", "2 -2 3 abc", "3 5 0 ");
  }

  @Test
  void aFrameIsBounded() {
    for (int length : new int[] {-1, 0, Frames.PIECE + 1, Integer.MAX_VALUE}) {
      assertThatThrownBy(
              () ->
                  new Frames.Reader()
                      .take(Frames.of(Frames.DATA, 1, length), (kind, number, value, data) -> {}))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aSandboxSendsOnlyWhatThereIsRoomFor() {
    connection.frame(Frames.DATA, PIECE.length, PIECE);
    assertThatThrownBy(() -> connection.frame(Frames.DATA, 1, new byte[1]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> connection.frame(Frames.WINDOW, 1, new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> connection.frame(99, 1, new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theRoomOfAFastReaderGrowsAndIsGivenBack() throws Exception {
    for (int i = 0; i < 10; i++) {
      connection.frame(Frames.DATA, PIECE.length, PIECE);
      assertThat(connection.read()).hasSize(PIECE.length);
    }
    assertThat(sent.getFirst()).isEqualTo("0500000007" + "00020000"); // 64 KiB, and 64 KiB more
    assertThat(more.availablePermits()).isEqualTo((100 << 20) - (1 << 20) + PIECE.length);
    connection.close();
    assertThat(more.availablePermits()).isEqualTo(100 << 20);
    assertThat(sent.getLast()).startsWith("0400000007");
  }

  @Test
  void aWriterWaitsForRoomAndIsToldThatTheSandboxIsGone() throws Exception {
    for (int i = 0; i < Frames.ROOM_TO_SANDBOX / PIECE.length; i++) {
      connection.write(PIECE, 0, PIECE.length);
    }
    int count = sent.size();
    Thread other = Thread.ofVirtual().start(() -> connection.fail(new PortException(502, "gone")));
    assertThatThrownBy(() -> connection.write(PIECE, 0, 1))
        .isInstanceOf(PortException.class)
        .hasMessage("gone");
    other.join();
    assertThat(sent).hasSize(count);
  }

  @Test
  void theTokenAndHeadersOfOneHopAreNotPassedOn() {
    String token = TrafficToken.NAME + "=secret";
    WritableHeaders<?> headers = WritableHeaders.create();
    headers.add(HeaderNames.create("Connection"), "close, X-Hop");
    headers.add(HeaderNames.create("X-Hop"), "1");
    headers.add(HeaderNames.create("X-Kept"), "1");
    headers.add(HeaderNames.create("Content-Length"), "5");
    headers.add(HeaderNames.create("Transfer-Encoding"), "chunked");
    headers.add(HeaderNames.create("Upgrade"), "h2c");
    headers.add(HeaderNames.create("Host"), "other");
    headers.add(HeaderNames.create("Cookie"), "a=1; " + token + "; b=2");
    headers.add(TrafficToken.HEADER, "secret");
    String head =
        new String(
            new RequestHead("GET", "/x", "q=1&" + token, "host", headers).bytes(), ISO_8859_1);
    assertThat(head)
        .isEqualTo("GET /x?q=1 HTTP/1.1\r\nHost: host\r\nCookie: a=1; b=2\r\nX-Kept: 1\r\n\r\n");
  }
}
