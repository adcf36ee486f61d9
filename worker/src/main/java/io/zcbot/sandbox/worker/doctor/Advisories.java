/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Versions of the engine and of runc with published vulnerabilities by which a container can be
 * left or its network evaded. Distributions fix old versions without renaming them, so this is a
 * warning, never a refusal.
 *
 * <p>Sources: the security advisories of github.com/opencontainers/runc and github.com/moby/moby.
 */
final class Advisories {
  private static final List<Advisory> RUNC =
      List.of(
          advisory("CVE-2024-21626", "leaked file descriptors give access to the host", "1.1.12"),
          advisory(
              "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881",
              "races with mounts give access to the host's /proc",
              "1.2.8",
              "1.3.3"));

  private static final List<Advisory> ENGINE =
      List.of(
          advisory("CVE-2024-29018", "DNS requests leave an internal network", "23.0.11", "25.0.5"),
          advisory(
              "CVE-2025-54410",
              "a reload of firewalld removes the isolation of networks",
              "25.0.13",
              "28.0.0"));

  /**
   * One advisory.
   *
   * @param fixedIn the first fixed version of each release line, oldest first; a version is fixed
   *     if it is at least the one of its own line, or at least the last
   */
  private record Advisory(String ids, String what, List<Version> fixedIn) {
    boolean concerns(Version version) {
      return version.compareTo(fixedIn.getLast()) < 0
          && fixedIn.stream()
              .noneMatch(fix -> fix.isOneLineWith(version) && version.compareTo(fix) >= 0);
    }

    @Override
    public String toString() {
      List<String> fixes = fixedIn.stream().map(Version::toString).toList();
      return ids + " (" + what + "; fixed in " + String.join(" and ", fixes) + ")";
    }
  }

  /** A suffix such as -rc.1 or +dfsg1 is left out of account. */
  private record Version(int major, int minor, int patch) implements Comparable<Version> {
    private static final Pattern FORM =
        Pattern.compile("v?(\\d{1,9})\\.(\\d{1,9})(?:\\.(\\d{1,9}))?\\D?.*");
    private static final Comparator<Version> ORDER =
        Comparator.comparingInt(Version::major)
            .thenComparingInt(Version::minor)
            .thenComparingInt(Version::patch);

    static @Nullable Version parse(String text) {
      Matcher matcher = FORM.matcher(text);
      if (!matcher.matches()) {
        return null;
      }
      String patch = matcher.group(3);
      return new Version(
          Integer.parseInt(matcher.group(1)),
          Integer.parseInt(matcher.group(2)),
          patch == null ? 0 : Integer.parseInt(patch));
    }

    boolean isOneLineWith(Version other) {
      return major == other.major && minor == other.minor;
    }

    @Override
    public int compareTo(Version other) {
      return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
      return major + "." + minor + "." + patch;
    }
  }

  private Advisories() {}

  private static Advisory advisory(String ids, String what, String... fixedIn) {
    return new Advisory(ids, what, Arrays.stream(fixedIn).map(Version::parse).toList());
  }

  static List<String> ofRunc(String version) {
    return of(RUNC, version);
  }

  static List<String> ofEngine(String version) {
    return of(ENGINE, version);
  }

  private static List<String> of(List<Advisory> known, String text) {
    Version version = Version.parse(text);
    return version == null
        ? List.of()
        : known.stream().filter(a -> a.concerns(version)).map(Advisory::toString).toList();
  }
}
