/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;

/** Paths as E2B's users write them: absolute, relative to the home, or beginning with a tilde. */
record Paths(String home) {
  /** The longest path that Linux takes, in bytes. */
  private static final int LONGEST = 4095;

  Paths {
    if (!home.startsWith("/") || !home.equals(clean(home))) {
      throw new IllegalArgumentException("not an absolute path without '..': " + home);
    }
  }

  /** Returns the absolute path, without {@code .}, {@code ..} and slashes that say nothing. */
  String resolve(String path) {
    requireValid(path);
    if (path.startsWith("~")) {
      if (path.length() > 1 && path.charAt(1) != '/') {
        throw invalid("cannot expand user-specific home dir");
      }
      return clean(home + path.substring(1));
    }
    return clean(path.startsWith("/") ? path : home + "/" + path);
  }

  private static void requireValid(String path) {
    if (path.indexOf('\0') >= 0) {
      throw invalid("path: has a NUL");
    }
    int bytes;
    try {
      bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(path)).limit();
    } catch (CharacterCodingException e) {
      throw invalid("path: is not valid Unicode");
    }
    if (bytes > LONGEST) {
      throw invalid("path: is longer than " + LONGEST + " bytes");
    }
  }

  private static SandboxFileSystemException invalid(String message) {
    return new SandboxFileSystemException(Kind.INVALID_ARGUMENT, message);
  }

  private static String clean(String absolute) {
    Deque<String> parts = new ArrayDeque<>();
    for (String part : absolute.split("/", -1)) {
      switch (part) {
        case "", "." -> {}
        case ".." -> parts.pollLast();
        default -> parts.addLast(part);
      }
    }
    return "/" + String.join("/", parts);
  }

  /** Returns the path of a file beside another one, which no other operation uses. */
  static String beside(String path, String name) {
    return path.substring(0, path.lastIndexOf('/') + 1) + name;
  }
}
