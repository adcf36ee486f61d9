/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import io.zcbot.sandbox.events.ProfileName;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The profiles that users may ask for: that of the settings, and those of the operator's file. */
public final class Profiles {
  /** Most profiles of an operator's file. */
  public static final int MOST = 64;

  private final Profile usual;
  private final Map<String, Profile> byName = new LinkedHashMap<>();

  /**
   * Creates a set of profiles.
   *
   * @param usual the profile {@link ProfileName#DEFAULT}
   * @param named the others, each with a name of its own
   */
  public Profiles(Profile usual, Collection<Profile> named) {
    this.usual = usual;
    byName.put(usual.name(), usual);
    for (Profile each : named) {
      if (byName.put(each.name(), each) != null) {
        throw new IllegalArgumentException("two profiles " + each.name());
      }
    }
  }

  /** Only the profile of the settings. */
  public static Profiles only(Profile usual) {
    return new Profiles(usual, List.of());
  }

  /** The profile {@link ProfileName#DEFAULT}. */
  public Profile usual() {
    return usual;
  }

  /** The profile of a name; null if there is none. */
  public @Nullable Profile find(String name) {
    return byName.get(name);
  }

  /** All of them, the default first. */
  public Collection<Profile> all() {
    return Collections.unmodifiableCollection(byName.values());
  }

  /** Whether the operator has profiles besides the settings. */
  public boolean areSeveral() {
    return byName.size() > 1;
  }

  /** The longest idle TTL that an ensure may ask for. */
  public Duration longestIdleTtl() {
    return byName.values().stream()
        .map(profile -> profile.idleTtls().longest())
        .max(Duration::compareTo)
        .orElseThrow();
  }
}
