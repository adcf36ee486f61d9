/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Templates of E2B's clients are profiles of the workers. A gateway may know the operator's file of
 * profiles. If it does not, the worker refuses the names that it does not have.
 */
final class Templates {
  /** The template of E2B's clients if a program names none. */
  static final String BASE = "base";

  /** That of clients of the code interpreter. */
  private static final String INTERPRETER = "code-interpreter-v1";

  private final @Nullable Map<String, GatewayOptions.Size> known;
  private final GatewayOptions.Size usual;

  Templates(GatewayOptions options) {
    this.known = options.profiles();
    this.usual = new GatewayOptions.Size(options.cpus(), options.memoryMb());
  }

  /**
   * Returns the profile that a template is.
   *
   * @throws E2bException with 400 if there is none, and with 403 if the key may not use it
   */
  String profile(String template, ApiKey key) {
    String profile = profile(template);
    if (!ProfileName.isValid(profile) || !isKnown(profile)) {
      throw new E2bException(
          400, "template '" + template + "' does not exist; this server has: " + names());
    }
    require(profile, key);
    return profile;
  }

  /**
   * Checks that a key may use a profile.
   *
   * @throws E2bException with 403 if it may not
   */
  static void require(String profile, ApiKey key) {
    if (!key.mayUse(profile)) {
      throw new E2bException(
          403,
          "this key may not use the template '"
              + profile
              + "'; it may use: "
              + String.join(", ", new TreeSet<>(key.profiles())));
    }
  }

  private String profile(String template) {
    boolean isUsual =
        template.equals(BASE)
            || (template.equals(INTERPRETER) && (known == null || !known.containsKey(INTERPRETER)));
    return isUsual ? ProfileName.DEFAULT : template;
  }

  private boolean isKnown(String profile) {
    return known == null || profile.equals(ProfileName.DEFAULT) || known.containsKey(profile);
  }

  private String names() {
    if (known == null) {
      return BASE + ", and the names of the workers' profiles";
    }
    TreeSet<String> names = new TreeSet<>(known.keySet());
    names.remove(ProfileName.DEFAULT);
    names.add(BASE);
    names.add(INTERPRETER);
    return String.join(", ", names);
  }

  /** Returns the size of a profile's sandboxes; that of the default if it is not known. */
  GatewayOptions.Size size(String profile) {
    return known == null ? usual : Objects.requireNonNullElse(known.get(profile), usual);
  }

  /** Returns the name of a sandbox's template if the program that made it gave none. */
  static String of(String profile) {
    return profile.equals(ProfileName.DEFAULT) ? BASE : profile;
  }
}
