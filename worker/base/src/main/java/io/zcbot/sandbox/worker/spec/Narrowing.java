/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What an ensure leaves of what a profile allows by name. Names alone are taken away: the proxy
 * tells sandboxes apart, the rules of a bridge, which let addresses pass, do not.
 */
public final class Narrowing {
  private static final int MOST_SHOWN = 600;

  private Narrowing() {}

  /**
   * Returns why a list can't be all that a sandbox reaches, with the fix; null if it can.
   *
   * @param egress of the sandbox's profile
   */
  public static @Nullable String problem(Egress egress, List<String> allow) {
    return switch (egress) {
      case Egress.None _ ->
          allow.isEmpty() ? null : "but the profile allows nothing at all; send an empty list";
      case Egress.Public _, Egress.Only _ ->
          "but the profile allows addresses, not names, which can't be narrowed; leave network out,"
              + " or ask for a profile whose network is a list with names";
      case Egress.ByName list -> problem(list, allow);
    };
  }

  private static @Nullable String problem(Egress.ByName list, List<String> allow) {
    List<AllowedName> allowed =
        list.names().stream().map(AllowedName::parse).filter(Objects::nonNull).toList();
    for (String entry : allow) {
      if (list.networks().contains(entry)) {
        continue;
      }
      AllowedName name = AllowedName.parse(entry);
      if (name == null) {
        return "but '"
            + entry
            + "' is neither a name of a host nor an address that the profile allows, written as"
            + " there; "
            + fix(list);
      }
      for (int port : name.ports()) {
        if (allowed.stream().noneMatch(each -> each.covers(name, port))) {
          return "but the profile does not allow '"
              + entry
              + "' at port "
              + port
              + "; "
              + fix(list);
        }
      }
    }
    List<String> missing =
        list.networks().stream().filter(network -> !allow.contains(network)).toList();
    return missing.isEmpty()
        ? null
        : "but addresses can't be taken away from a sandbox, only names can; add "
            + shown(missing)
            + ", or ask for a profile without them";
  }

  private static String fix(Egress.ByName list) {
    return "remove it, or have it added to the profile, which allows "
        + shown(List.of(list.text().split(",")));
  }

  private static String shown(List<String> entries) {
    String all = String.join(", ", entries);
    return all.length() <= MOST_SHOWN ? all : all.substring(0, MOST_SHOWN) + " …";
  }

  /**
   * Returns the names that are left, in an order that depends on nothing else; null for all.
   *
   * @param allow has no problem with the profile
   */
  public static @Nullable List<String> names(@Nullable List<String> allow) {
    return allow == null
        ? null
        : List.copyOf(
            allow.stream()
                .filter(entry -> AllowedName.parse(entry) != null)
                .collect(Collectors.toCollection(TreeSet::new)));
  }

  /**
   * A hash of all that a sandbox may reach.
   *
   * @param allow what an ensure left; null if all that the profile allows
   */
  public static String digest(Egress egress, @Nullable List<String> allow) {
    List<String> names = names(allow);
    Egress left =
        names != null && egress instanceof Egress.ByName list
            ? new Egress.ByName(names, list.networks())
            : egress;
    return SandboxSpec.digest("egress=" + NetworkPolicy.sorted(left.text()));
  }
}
