/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataReader.IncorrectNewLineException;
import io.helidon.common.buffers.DataReader.InsufficientDataAvailableException;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import io.helidon.http.Http1HeadersParser;
import io.helidon.http.Status;
import io.helidon.http.WritableHeaders;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a server in a sandbox answers. Nobody trusts it: all but the length of its body is bounded.
 */
final class ServerAnswer {
  private static final int MAX_LINE = 8 * 1024;
  private static final int MAX_HEADERS = 64 * 1024;
  private static final int MAX_INTERIM = 16;
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] ([1-5][0-9]{2})(?: (.*))?");
  private static final Pattern LENGTH = Pattern.compile("[0-9]{1,18}");
  private static final Pattern CHUNK = Pattern.compile("([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?");

  private final DataReader reader;
  private final boolean isHead;
  private Status status = Status.OK_200;
  private Headers headers = WritableHeaders.create();

  private long length = -1;

  /** What is left of the body, or of this chunk. */
  private long left;

  private boolean isChunked;
  private boolean isUntilEnd;

  private ServerAnswer(DataReader reader, boolean isHead) {
    this.reader = reader;
    this.isHead = isHead;
  }

  /** What reads. */
  private interface Reading<T extends @Nullable Object> {
    T read() throws PortException;
  }

  /**
   * Reads the head of an answer.
   *
   * @param isHead whether the request's method is HEAD
   */
  static ServerAnswer read(PortConnection connection, boolean isHead) throws PortException {
    DataReader reader = DataReader.create(() -> bytes(connection));
    ServerAnswer answer = new ServerAnswer(reader, isHead);
    answer.checked(
        () -> {
          answer.readHead();
          return answer;
        });
    return answer;
  }

  private static byte @Nullable [] bytes(PortConnection connection) {
    try {
      return connection.read();
    } catch (PortException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new PortException(503, "the gateway is stopping"));
    }
  }

  private <T extends @Nullable Object> T checked(Reading<T> reading) throws PortException {
    try {
      return reading.read();
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof PortException cause) {
        throw cause;
      }
      throw e;
    } catch (InsufficientDataAvailableException e) {
      throw new PortException(502, "the server in the sandbox ended its answer too early");
    } catch (IncorrectNewLineException | IllegalArgumentException | IllegalStateException e) {
      throw malformed(String.valueOf(e.getMessage()));
    }
  }

  private static PortException malformed(String what) {
    return new PortException(
        502, "the answer of the server in the sandbox is not HTTP/1.1: " + what);
  }

  private void readHead() throws PortException {
    for (int interim = 0; interim < MAX_INTERIM; interim++) {
      Matcher line = STATUS.matcher(line(MAX_LINE));
      if (!line.matches()) {
        throw malformed("its first line has no status");
      }
      int code = Integer.parseInt(line.group(1));
      String reason = line.group(2);
      status = reason == null ? Status.create(code) : Status.create(code, reason);
      headers = Http1HeadersParser.readHeaders(reader, MAX_HEADERS, true);
      if (code >= 200 || code == 101) {
        setLength();
        return;
      }
    }
    throw malformed("it begins too often");
  }

  private String line(int most) throws PortException {
    int length = reader.findNewLine(most);
    if (length == most) {
      throw malformed("a line is too long");
    }
    String line = reader.readAsciiString(length);
    reader.skip(2);
    return line;
  }

  private void setLength() throws PortException {
    List<String> encodings = headers.all(HeaderNames.TRANSFER_ENCODING, List::of);
    if (!encodings.isEmpty()) {
      if (encodings.size() > 1 || !encodings.getFirst().strip().equalsIgnoreCase("chunked")) {
        throw malformed("Transfer-Encoding is not 'chunked'");
      }
      isChunked = true;
      return;
    }
    Set<String> lengths = new HashSet<>();
    for (String value : headers.all(HeaderNames.CONTENT_LENGTH, List::of)) {
      for (String each : value.split(",", -1)) {
        lengths.add(each.strip());
      }
    }
    if (lengths.isEmpty()) {
      isUntilEnd = true;
      return;
    }
    String first = lengths.iterator().next();
    if (lengths.size() > 1 || !LENGTH.matcher(first).matches()) {
      throw malformed("Content-Length is not a number");
    }
    length = Long.parseLong(first);
    left = length;
  }

  Status status() {
    return status;
  }

  Headers headers() {
    return headers;
  }

  /** Whether there is no body, whatever the headers say. */
  boolean hasNoBody() {
    int code = status.code();
    return isHead || code == 204 || code == 205 || code == 304 || code == 101;
  }

  /** Returns the length of the body; negative if it is not known. */
  long length() {
    return length;
  }

  /**
   * Waits for a part of the body.
   *
   * @return null at its end
   */
  byte @Nullable [] next() throws PortException {
    return checked(this::part);
  }

  private byte @Nullable [] part() throws PortException {
    if (isUntilEnd) {
      try {
        reader.ensureAvailable();
      } catch (InsufficientDataAvailableException e) {
        return null;
      }
      return reader.readBytes(reader.available());
    }
    if (isChunked && left == 0 && !readChunkSize()) {
      return null;
    }
    if (left == 0) {
      return null;
    }
    reader.ensureAvailable();
    byte[] part = reader.readBytes((int) Math.min(left, reader.available()));
    left -= part.length;
    if (isChunked && left == 0 && !line(2).isEmpty()) {
      throw malformed("a chunk is longer than it says");
    }
    return part;
  }

  /** Returns whether there is another chunk. */
  private boolean readChunkSize() throws PortException {
    Matcher size = CHUNK.matcher(line(MAX_LINE));
    if (!size.matches()) {
      throw malformed("a chunk has no size");
    }
    left = Long.parseLong(size.group(1), 16);
    if (left == 0) {
      Headers _ = Http1HeadersParser.readHeaders(reader, MAX_HEADERS, false); // trailers
      isChunked = false; // so that this is the end
    }
    return left > 0;
  }

  /** Waits for what follows an answer that switched protocols; null at the end. */
  byte @Nullable [] nextOfOtherProtocol() throws PortException {
    isUntilEnd = true;
    return next();
  }
}
