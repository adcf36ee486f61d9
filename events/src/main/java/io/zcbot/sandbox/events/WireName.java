/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Locale;

/** An enum constant whose name on the wire is its Java name in lower case. */
public interface WireName {
  /** Returns the constant's name in Java. */
  String name();

  /** Returns the constant's name in JSON. */
  default String wire() {
    return name().toLowerCase(Locale.ROOT);
  }
}
