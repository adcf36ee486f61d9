/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/** Where the firewall rules of sandboxes are. */
public enum FirewallMode {
  /** In the sandbox's own network namespace, set by its first process, which is root to do so. */
  CONTAINER,
  /** On the sandboxes' bridge, in the host's network namespace. */
  HOST,
  /** In both places. */
  BOTH
}
