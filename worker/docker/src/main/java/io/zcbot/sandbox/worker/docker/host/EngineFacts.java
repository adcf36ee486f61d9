/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.pool.SlotRoom;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What an engine reports about itself and its host ({@code /info} and {@code /version}), and what
 * follows from that for sandboxes. A snapshot; immutable.
 *
 * @param securityOptions as the engine writes them, for instance {@code name=seccomp,profile=…}
 * @param memory of the host, in bytes; 0 if unknown
 * @param processors that the engine can use; 0 if unknown
 * @param liveRestore whether containers survive a restart of the engine
 * @param systemTime the host's clock when the engine answered; null if unknown
 */
public record EngineFacts(
    Versions versions,
    Cgroups cgroups,
    List<String> securityOptions,
    Runtimes runtimes,
    Storage storage,
    long memory,
    int processors,
    boolean liveRestore,
    @Nullable Instant systemTime) {
  /** Memory of the host that an idle slot takes, in bytes, with the engine's processes for it. */
  private static final long SLOT = 8L << 20;

  /** The same if the slot's runtime has a kernel of its own. */
  private static final long OWN_KERNEL_SLOT = 32L << 20;

  private static final Pattern REMAPPED_ROOT = Pattern.compile(".*/(\\d{1,9})\\.(\\d{1,9})/?");

  public EngineFacts {
    securityOptions = List.copyOf(securityOptions);
  }

  /**
   * Versions of the software on the host.
   *
   * @param runc empty if unknown
   */
  public record Versions(String engine, String api, String kernel, String runc) {}

  /**
   * Which cgroup limits the engine supports.
   *
   * @param version of cgroups, 1 or 2; 0 if unknown
   * @param driver what creates the cgroups: systemd, cgroupfs (the engine itself) or none; empty if
   *     unknown
   * @param unlimited limits that are not supported: memory, swap, cpu, pids
   * @param weighsIo whether the engine applies weights of disk I/O; others ignore them
   */
  public record Cgroups(int version, String driver, List<String> unlimited, boolean weighsIo) {
    public Cgroups {
      unlimited = List.copyOf(unlimited);
    }
  }

  /**
   * The engine's OCI runtimes.
   *
   * @param byName each runtime's configuration, as JSON text, by its name
   * @param defaultName the runtime of containers that name none
   */
  public record Runtimes(Map<String, String> byName, String defaultName) {
    private static final Pattern OWN_KERNEL =
        Pattern.compile("runsc|gvisor|kata|firecracker", Pattern.CASE_INSENSITIVE);

    public Runtimes {
      byName = Map.copyOf(byName);
    }

    private static final Pattern GVISOR = Pattern.compile("runsc|gvisor", Pattern.CASE_INSENSITIVE);

    /** Whether containers of a runtime use another kernel than the host's. */
    public boolean hasOwnKernel(String name) {
      return is(OWN_KERNEL, name);
    }

    /** Whether any of them is gVisor. */
    public boolean haveGvisor() {
      return isGvisor(defaultName) || byName.keySet().stream().anyMatch(this::isGvisor);
    }

    /** Whether a runtime is gVisor. */
    public boolean isGvisor(String name) {
      return is(GVISOR, name);
    }

    private boolean is(Pattern kind, String name) {
      return kind.matcher(name).find() || kind.matcher(byName.getOrDefault(name, "")).find();
    }
  }

  /**
   * Where the engine stores its data.
   *
   * @param dataRoot the data directory; if the engine remaps users, its last part has the host's
   *     ids of a container's root
   */
  public record Storage(String driver, String backingFilesystem, String dataRoot) {}

  /** Whether a security option is on, with any details. */
  public boolean has(String securityOption) {
    return option(securityOption) != null;
  }

  /** Returns a security option with its details; null if it is off. */
  public @Nullable String option(String name) {
    for (String option : securityOptions) {
      if (option.equals("name=" + name) || option.startsWith("name=" + name + ",")) {
        return option;
      }
    }
    return null;
  }

  /** Asks the engine. */
  public static EngineFacts read(EngineCalls calls) throws EngineException {
    return calls.call(
        Operation.INFO,
        engine ->
            new FactsReading(engine.requests().get("/info"), engine.requests().get("/version"))
                .facts());
  }

  /**
   * Returns the user and group on the host that workspaces must belong to, so that sandboxes with
   * the shared user can use them.
   *
   * @throws EngineException if the engine remaps users but does not show to which ids
   */
  public Workspaces.Owner workspaceOwner() throws EngineException {
    if (!remapsUsers()) {
      return Workspaces.Owner.UNMAPPED;
    }
    Matcher ids = REMAPPED_ROOT.matcher(storage.dataRoot);
    if (!ids.matches()) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.INFO,
          "the engine remaps users, but its data directory "
              + storage.dataRoot
              + " does not show the mapped ids",
          "run an engine without userns-remap, or one whose data directory is named after the"
              + " mapped ids",
          null);
    }
    return new Workspaces.Owner(
        Integer.parseInt(ids.group(1)) + Workspaces.SANDBOX_ID,
        Integer.parseInt(ids.group(2)) + Workspaces.SANDBOX_ID);
  }

  /** Whether the engine maps users of containers to other users of the host (userns-remap). */
  public boolean remapsUsers() {
    return has("userns");
  }

  /** Returns why the spec's firewall has no effect on this engine; null if it has. */
  public @Nullable String firewallProblem(SandboxSpec spec) {
    String runtime = runtimeOf(spec);
    return spec.policy().rulesInSandbox() && runtimes.hasOwnKernel(runtime)
        ? "the firewall mode "
            + spec.policy().firewall().name().toLowerCase(Locale.ROOT)
            + " has no effect with the runtime "
            + runtime
            + ", which has its own network stack and ignores the kernel's rules"
        : null;
  }

  /** Returns why the spec's sandboxes can't be warm slots on this engine; null if they can. */
  public @Nullable String slotProblem(SandboxSpec spec) {
    String runtime = runtimeOf(spec);
    return runtimes.hasOwnKernel(runtime) && !runtimes.isGvisor(runtime)
        ? "the runtime "
            + runtime
            + " serves a sandbox's files itself, and whether it sees later mounts is not tested"
        : null;
  }

  /**
   * The room for warm slots of all profiles together.
   *
   * @param most most sandboxes and slots on the host
   */
  public SlotRoom slotRoom(int most) {
    return new SlotRoom() {
      @Override
      public int slots() {
        return most;
      }

      @Override
      public long bytes() {
        return memory <= 0 ? Long.MAX_VALUE : Math.max(memory / 16, OWN_KERNEL_SLOT);
      }

      @Override
      public long bytesOf(Profile profile) {
        return hasOwnKernel(profile.spec()) ? OWN_KERNEL_SLOT : SLOT;
      }

      @Override
      public @Nullable String problem(Profile profile) {
        return slotProblem(profile.spec());
      }
    };
  }

  /** How many idle slots of the spec fit in a sixteenth of the host's memory; at least one. */
  public int slotsInMemory(SandboxSpec spec) {
    if (memory <= 0) {
      return Integer.MAX_VALUE;
    }
    long each = hasOwnKernel(spec) ? OWN_KERNEL_SLOT : SLOT;
    return Math.clamp(memory / 16 / each, 1, Integer.MAX_VALUE);
  }

  /**
   * Whether, in the spec's sandboxes, a later mount on a mounted directory does not show, but a
   * later mount below it does.
   */
  public boolean showsOnlyWhatIsMountedBelow(SandboxSpec spec) {
    return runtimes.isGvisor(runtimeOf(spec));
  }

  /** Whether the engine's default runtime has a network stack of its own. */
  public boolean defaultHasOwnNetworkStack() {
    return runtimes.hasOwnKernel(runtimes.defaultName);
  }

  /** Whether the spec's sandboxes use another kernel than the host's. */
  public boolean hasOwnKernel(SandboxSpec spec) {
    return runtimes.hasOwnKernel(runtimeOf(spec));
  }

  private String runtimeOf(SandboxSpec spec) {
    return spec.runtime() == null ? runtimes.defaultName : spec.runtime();
  }
}
