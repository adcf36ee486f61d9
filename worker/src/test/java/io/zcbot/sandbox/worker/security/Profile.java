package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.docker.EngineBench;
import io.zcbot.sandbox.worker.sandbox.FirewallMode;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import java.util.function.UnaryOperator;

/** A way sandboxes are made; every attack is tried on each. */
enum Profile {
  /** The default: rules on the sandboxes' bridge, nothing that is root inside. */
  RUNC_HOST("runc, host firewall", with(FirewallMode.HOST), false, false),
  /** The engine's default runtime; init sets the firewall inside. */
  RUNC_CONTAINER("runc, container firewall", with(FirewallMode.CONTAINER), true, false);

  private final String title;
  private final UnaryOperator<SandboxSpec> change;
  private final boolean rootInside;
  private final boolean ownKernel;

  /**
   * Describes one.
   *
   * @param rootInside whether the first process is root, with NET_ADMIN
   * @param ownKernel whether the runtime answers system calls itself
   */
  Profile(String title, UnaryOperator<SandboxSpec> change, boolean rootInside, boolean ownKernel) {
    this.title = title;
    this.change = change;
    this.rootInside = rootInside;
    this.ownKernel = ownKernel;
  }

  private static UnaryOperator<SandboxSpec> with(FirewallMode firewall) {
    return spec ->
        new SandboxSpec(
            spec.image(),
            spec.runtime(),
            spec.memoryBytes(),
            spec.cpus(),
            spec.pids(),
            spec.tmpBytes(),
            spec.network(),
            EngineBench.policy(firewall));
  }

  String title() {
    return title;
  }

  SandboxSpec apply(SandboxSpec spec) {
    return change.apply(spec);
  }

  boolean rootInside() {
    return rootInside;
  }

  boolean ownKernel() {
    return ownKernel;
  }

  @Override
  public String toString() {
    return title;
  }
}
