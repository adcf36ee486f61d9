/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.docker.firewall.HostFirewall;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;

/** A network of sandboxes, and the firewall that holds there. */
record GuardedNetwork(SandboxNetwork network, HostFirewall firewall) implements AutoCloseable {
  /** Treats the host's rules as lost and sets them again on a background thread. */
  void doubt() {
    firewall.doubt();
    Threads.start("firewall", firewall::check);
  }

  /** Ends the helper container that seals network namespaces. Sandboxes keep running. */
  @Override
  public void close() {
    firewall.seal().close();
  }
}
