/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.spec.Warm;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Settings that limit the number of sandboxes and of concurrent operations. */
public final class CapacityConfig {
  /** The most sandboxes that are removed at a time; twice as many while the worker stops. */
  public static final int MAX_REAPS = 4;

  public final int maxSandboxes;

  /**
   * User ids of the sandboxes; empty for {@code auto}: one for each sandbox where that is possible.
   */
  public final Optional<SandboxUids> uids;

  public final Warm warm;
  public final int newUsersPerMinute;
  public final int createConcurrency;

  private static final Pattern RANGE = Pattern.compile("(\\d{1,9})-(\\d{1,9})");

  CapacityConfig(SettingsReader in) {
    maxSandboxes =
        in.get(
            "ZCBOT_SANDBOX_MAX",
            "64",
            Kind.count(1, 100_000),
            "Maximum number of sandboxes on this host. If it is reached, the sandbox that has"
                + " been idle for longest is evicted.");
    uids =
        in.get(
            "ZCBOT_SANDBOX_UIDS",
            "auto",
            uids()
                .where(
                    range ->
                        range.isEmpty()
                            || range.get().isShared()
                            || range.get().size() >= maxSandboxes,
                    "must have at least ZCBOT_SANDBOX_MAX users, which is " + maxSandboxes),
            "Users of the engine's host that sandboxes run as, numbered as in a container. A range:"
                + " each sandbox has one of its own. shared: all are user 1000. auto: a range that is"
                + " free, or shared where workspaces can't be mounted as another user's. Requires"
                + " CAP_SYS_ADMIN and a local engine, and the firewall mode host.");
    warm =
        in.get(
            "ZCBOT_SANDBOX_WARM",
            "2",
            warm(),
            "Number of containers that the warm pool keeps ready for users without a sandbox; 0"
                + " turns the pool off. auto: as many as the users who came within the last day"
                + " would have needed, at least 2. A range such as 4-40: the same within bounds of"
                + " your own. They count as sandboxes of this host. Requires CAP_SYS_ADMIN.");
    newUsersPerMinute =
        in.get(
            "ZCBOT_NEW_USERS_PER_MINUTE",
            "120",
            Kind.count(1, 1_000_000),
            "Maximum number of sandboxes per minute for users who had none within the idle TTL."
                + " Further ensures of such users are answered failed(capacity).");
    createConcurrency =
        in.get(
            "ZCBOT_CREATE_CONCURRENCY",
            "4",
            Kind.count(1, 256),
            "Maximum number of sandboxes that are created at the same time.");
  }

  private static Kind<Warm> warm() {
    Kind<Integer> count = Kind.count(0, Warm.MOST);
    return new Kind<>(
        count.allowed() + ", auto, or a range of numbers above 0, e.g. 4-40",
        text -> {
          if (text.equalsIgnoreCase("auto")) {
            return Warm.AUTO;
          }
          Matcher range = RANGE.matcher(text);
          if (!range.matches()) {
            Integer fixed = count.parser().parse(text);
            return fixed == null ? null : new Warm(fixed, fixed);
          }
          int least = Integer.parseInt(range.group(1));
          int most = Integer.parseInt(range.group(2));
          return least > 0 && most >= least && most <= Warm.MOST ? new Warm(least, most) : null;
        });
  }

  private static Kind<Optional<SandboxUids>> uids() {
    return new Kind<>(
        "auto, shared, or a range of users above 1000, e.g. 70000-74095",
        text -> {
          if (text.equalsIgnoreCase("auto")) {
            return Optional.empty();
          }
          if (text.equalsIgnoreCase("shared")) {
            return Optional.of(SandboxUids.SHARED);
          }
          Matcher range = RANGE.matcher(text);
          if (!range.matches()) {
            return null;
          }
          int first = Integer.parseInt(range.group(1));
          int last = Integer.parseInt(range.group(2));
          return first > SandboxUids.SHARED.last() && last >= first
              ? Optional.of(new SandboxUids(first, last))
              : null;
        });
  }
}
