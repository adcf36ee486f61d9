/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names of profiles. A profile is what an operator lets sandboxes be made of: image, size,
 * network. Requests name one; {@link Ready} and the tables name that of the sandbox.
 */
public final class ProfileName {
  /** The profile made of the worker's settings, which every worker has. */
  public static final String DEFAULT = "default";

  /** What a name consists of, for messages. */
  public static final String RULE =
      "1 to 63 characters, lower-case letters, digits and hyphens, no hyphen first or last";

  private static final Pattern NAME = Pattern.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?");

  private static final String FIELD = "profile";

  private ProfileName() {}

  /** Returns whether a text can be the name of a profile. */
  public static boolean isValid(String text) {
    return NAME.matcher(text).matches();
  }

  /** Reads the profile that a request names; null if it names none. */
  static @Nullable String requested(Fields in) throws EventFormatException {
    String name = in.optionalText(FIELD);
    if (name != null && !isValid(name)) {
      throw in.refusal(
          FIELD, "is " + UntrustedText.quoteName(name) + "; a name of a profile has " + RULE);
    }
    return name;
  }

  static void writeRequested(@Nullable String name, FieldWriter out) {
    out.text(FIELD, name);
  }

  /** Reads the profile of a sandbox. Workers left it out before there were profiles. */
  static String read(Fields in) throws EventFormatException {
    String name = in.optionalText(FIELD);
    return name == null ? DEFAULT : name;
  }

  /** Writes the profile of a sandbox, unless it is the default. */
  static void write(String name, FieldWriter out) {
    out.text(FIELD, name.equals(DEFAULT) ? null : name);
  }
}
