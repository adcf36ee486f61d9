/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.http;

/** The limits of the JDK's HTTP server, which has none by default. */
public final class HttpLimits {
  private HttpLimits() {}

  /** Sets the limits. The server takes them as system properties only; what is set stays. */
  public static void set() {
    bound("jdk.httpserver.maxConnections", "64");
    bound("sun.net.httpserver.maxReqHeaderSize", "16384");
    bound("sun.net.httpserver.maxReqTime", "10");
    bound("sun.net.httpserver.maxRspTime", "30");
  }

  private static void bound(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }
}
