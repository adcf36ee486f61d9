package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Container.Owner;
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

  private SandboxLabels() {}

  /** Whose sandbox the labels say it is; null if it is none, or of no user that can exist. */
  static @Nullable Owner owner(@Nullable Map<String, String> labels) {
    if (labels == null || !PRODUCT_SANDBOX.equals(labels.get(PRODUCT))) {
      return null;
    }
    String user = labels.get(USER);
    if (user == null) {
      return null;
    }
    try {
      return new Owner(UserId.parse(user), labels.get(WORKER));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
