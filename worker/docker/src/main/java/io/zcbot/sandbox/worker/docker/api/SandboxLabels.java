/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The labels by which a worker recognises its containers, networks and images. */
public final class SandboxLabels {
  public static final String PRODUCT = "zcbot.product";
  public static final String PRODUCT_SANDBOX = "sandbox";
  public static final String PRODUCT_NETWORK = "sandbox-network";
  public static final String PRODUCT_HELPER = "sandbox-firewall";
  public static final String PRODUCT_EGRESS = "sandbox-egress";
  public static final String PRODUCT_PROBE = "sandbox-probe";
  public static final String PRODUCT_RUNTIME = "sandbox-runtime";
  public static final String USER = "zcbot.user_id";
  public static final String WORKER = "zcbot.worker";
  public static final String SPEC = "zcbot.spec";

  /** The network whose proxy a container is, and a hash of what it was made of. */
  public static final String NETWORK = "zcbot.network";

  public static final String SETTINGS = "zcbot.settings";

  /** The worker's fleet. Containers of earlier versions lack it. */
  public static final String FLEET = "zcbot.fleet";

  /**
   * Id of a slot, on containers that were created before their user was known. Labels can't be
   * changed later, so the user of a claimed slot is in the container's name.
   */
  public static final String SLOT = "zcbot.slot";

  /** The name of the profile that the container was made of; left out for the default. */
  public static final String PROFILE = "zcbot.profile";

  /** The user id that the container runs as, if it does not share one with others. */
  public static final String UID = "zcbot.uid";

  /** On an image: the version of the protocol that its runner speaks. */
  public static final String RUNNER = "io.zcbot.sandbox.runner";

  private static final String RESERVED = "zcbot.";

  private SandboxLabels() {}

  /** Whether only a worker may set a label: a container also has the labels of its image. */
  public static boolean isReserved(String label) {
    return label.startsWith(RESERVED);
  }

  /**
   * Determines the user and the worker of a container from its labels and its name.
   *
   * @param name without a leading slash; has the user's id if the container was created as a slot
   * @param workerId the worker for which ownership is determined
   */
  public static Ownership ownership(
      @Nullable Map<String, String> labels, @Nullable String name, String workerId) {
    if (labels == null || !PRODUCT_SANDBOX.equals(labels.get(PRODUCT))) {
      return Ownership.NONE;
    }
    String slot = labels.get(SLOT);
    String worker = labels.get(WORKER);
    String user = slot == null ? labels.get(USER) : userIn(name);
    return new Ownership(valid(user), slot, worker, workerId.equals(worker));
  }

  /** Parses a user's id; null if it is absent or not valid. */
  private static @Nullable UserId valid(@Nullable String user) {
    try {
      return user == null ? null : UserId.parse(user);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static @Nullable String userIn(@Nullable String name) {
    return name != null && name.startsWith(Container.NAME_PREFIX)
        ? name.substring(Container.NAME_PREFIX.length())
        : null;
  }
}
