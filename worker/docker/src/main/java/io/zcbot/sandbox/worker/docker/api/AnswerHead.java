/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.api.exception.DockerException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The status line and the relevant headers of an HTTP/1 response of the engine.
 *
 * @param reason the reason phrase of the status line
 * @param length value of {@code Content-Length}; negative if there is none
 * @param isEncoded whether there is a {@code Transfer-Encoding}, such as chunked
 */
record AnswerHead(int status, String reason, int length, boolean isEncoded) {
  private static final int MOST = 16 << 10;
  private static final int USUAL = 512;
  private static final String BLANK_LINE = "\r\n\r\n";
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] ([1-5][0-9]{2}) ?([^\r]*)");
  private static final Pattern LENGTH = Pattern.compile("\r\ncontent-length: *([0-9]{1,9})\r\n");

  /** Reads up to and including the blank line after the headers, and no byte further. */
  static AnswerHead read(InputStream answer) throws IOException {
    String head = text(answer);
    Matcher status = STATUS.matcher(head);
    if (!status.lookingAt()) {
      throw new IOException("the engine's answer does not begin as one of HTTP");
    }
    String fields = head.toLowerCase(Locale.ROOT);
    Matcher length = LENGTH.matcher(fields);
    return new AnswerHead(
        Integer.parseInt(status.group(1)),
        status.group(2),
        length.find() ? Integer.parseInt(length.group(1)) : -1,
        fields.contains("\r\ntransfer-encoding:"));
  }

  private static String text(InputStream answer) throws IOException {
    StringBuilder head = new StringBuilder(USUAL);
    while (head.length() < BLANK_LINE.length()
        || head.indexOf(BLANK_LINE, head.length() - BLANK_LINE.length()) < 0) {
      int next = answer.read();
      if (next < 0) {
        throw new EOFException("the engine closed the connection");
      }
      if (head.length() == MOST) {
        throw new IOException("the head of the engine's answer does not end");
      }
      head.append((char) next);
    }
    return head.toString();
  }

  /** Converts an unsuccessful response to an exception with the engine's explanation. */
  DockerException refusal(byte[] body) {
    String text = new String(body, StandardCharsets.UTF_8);
    return new DockerException(text.isBlank() ? reason : text, status);
  }
}
