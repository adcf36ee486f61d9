/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Locale;

/** An enum constant with a name on the wire: its own, in lower case. */
public interface WireName {
  /** The constant's name in Java. */
  String name();

  /** The name in JSON. */
  default String wire() {
    return name().toLowerCase(Locale.ROOT);
  }
}
