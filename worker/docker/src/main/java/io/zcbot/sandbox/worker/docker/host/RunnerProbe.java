/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the runner of the sandboxes' image reports from inside a container.
 *
 * @param openSockets the socket families that should be refused and can be created without the
 *     runner's filter, as the kernel's headers name them
 * @param filter whether the runner's filter of system calls can be loaded there; null if the runner
 *     has none
 */
public record RunnerProbe(List<String> openSockets, @Nullable Filter filter) {
  public RunnerProbe {
    openSockets = List.copyOf(openSockets);
  }

  /** The result of loading the filter. */
  public sealed interface Filter {
    /** What to do if the kernel refuses it. */
    String FIX =
        "errno 524 means that the host's net.core.bpf_jit_limit is used up; in other cases, use a"
            + " kernel with CONFIG_SECCOMP_FILTER and an engine whose profile allows seccomp(2)";

    /** It is loaded. */
    record Loaded() implements Filter {}

    /** The kernel is gVisor's, where the filter is not needed and not loaded. */
    record NotNeeded() implements Filter {}

    /** The kernel refuses it. */
    record Refused(int errno) implements Filter {}

    /** Reads the number that the runner reports. */
    static Filter of(int number) {
      return switch (number) {
        case 0 -> new Loaded();
        case -1 -> new NotNeeded();
        default -> new Refused(number);
      };
    }
  }
}
