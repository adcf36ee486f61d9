/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Owner;
import io.zcbot.sandbox.worker.engine.Container.Slot;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The labels by which what we made on an engine is known again. */
final class SandboxLabels {
  static final String PRODUCT = "zcbot.product";
  static final String PRODUCT_SANDBOX = "sandbox";
  static final String PRODUCT_NETWORK = "sandbox-network";
  static final String PRODUCT_HELPER = "sandbox-firewall";
  static final String PRODUCT_PROBE = "sandbox-probe";
  static final String USER = "zcbot.user_id";
  static final String WORKER = "zcbot.worker";
  static final String SPEC = "zcbot.spec";

  /** On what was made before its user was known; labels can't be changed, but names can. */
  static final String SLOT = "zcbot.slot";

  private SandboxLabels() {}

  /**
   * Whose sandbox it is; null if it is none, a parked slot, or of no user that can exist.
   *
   * @param name without a leading slash; tells the user of what was made as a slot
   */
  static @Nullable Owner owner(@Nullable Map<String, String> labels, @Nullable String name) {
    if (labels == null || !PRODUCT_SANDBOX.equals(labels.get(PRODUCT))) {
      return null;
    }
    String user = labels.containsKey(SLOT) ? userIn(name) : labels.get(USER);
    if (user == null) {
      return null;
    }
    try {
      return new Owner(UserId.parse(user), labels.get(WORKER));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static @Nullable String userIn(@Nullable String name) {
    return name != null && name.startsWith(Container.NAME_PREFIX)
        ? name.substring(Container.NAME_PREFIX.length())
        : null;
  }

  /** The slot it was made as; null if it was made for its user. */
  static @Nullable Slot slot(@Nullable Map<String, String> labels) {
    if (labels == null || !PRODUCT_SANDBOX.equals(labels.get(PRODUCT))) {
      return null;
    }
    String id = labels.get(SLOT);
    return id == null ? null : new Slot(id, labels.get(WORKER));
  }
}
