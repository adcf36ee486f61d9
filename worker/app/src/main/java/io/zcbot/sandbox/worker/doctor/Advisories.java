/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Published vulnerabilities of the engine, runc and the kernel by which code can leave a container
 * or evade its network, and the versions they affect. Distributions fix old versions without
 * renaming them, so a match is a warning, never a refusal.
 *
 * <p>The list is the file {@code advisories.txt} beside this class, which describes its format; an
 * operator can provide a newer one.
 */
public final class Advisories {
  private static final int LONGEST_AGE_DAYS = 180;
  private static final long MOST_BYTES = 1 << 20;

  /** The list of this release. */
  public static final Advisories BUILT_IN = builtIn();

  private final LocalDate asOf;
  private final List<Advisory> all;
  private final @Nullable String problem;

  private Advisories(LocalDate asOf, List<Advisory> all, @Nullable String problem) {
    this.asOf = asOf;
    this.all = List.copyOf(all);
    this.problem = problem;
  }

  /**
   * An advisory about one product.
   *
   * @param product engine, runc or kernel
   * @param since the first affected version; null if all old ones are
   * @param fixedIn the first fixed version of each release line, oldest first; a version is fixed
   *     if it is at least that of its own line, or at least the last one
   */
  record Advisory(
      String product,
      String ids,
      String what,
      @Nullable Version since,
      List<Version> fixedIn,
      String source) {
    boolean concerns(Version version) {
      return (since == null || version.compareTo(since) >= 0)
          && version.compareTo(fixedIn.getLast()) < 0
          && fixedIn.stream()
              .noneMatch(fix -> fix.isOneLineWith(version) && version.compareTo(fix) >= 0);
    }

    @Override
    public String toString() {
      List<String> fixes = fixedIn.stream().map(Version::toString).toList();
      return ids + " (" + what + "; fixed in " + String.join(" and ", fixes) + ")";
    }
  }

  /** A version. Suffixes such as -rc.1 or +dfsg1 are ignored. */
  record Version(int major, int minor, int patch) implements Comparable<Version> {
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

  /**
   * Reads a list from a file. If that fails, returns the list of this release with a problem, which
   * {@link #finding} reports.
   *
   * @param file null for the list of this release
   */
  public static Advisories in(@Nullable Path file) {
    if (file == null) {
      return BUILT_IN;
    }
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new IOException("it has more than " + MOST_BYTES + " bytes");
      }
      return parse(Files.readString(file));
    } catch (IOException | IllegalArgumentException e) {
      return new Advisories(
          BUILT_IN.asOf,
          BUILT_IN.all,
          "the list in " + file + " can't be used, but that of this release: " + e.getMessage());
    }
  }

  private static Advisories builtIn() {
    try (InputStream file = Advisories.class.getResourceAsStream("advisories.txt")) {
      if (file == null) {
        throw new IllegalStateException("advisories.txt is missing in the jar");
      }
      return parse(new String(file.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Parses a list.
   *
   * @throws IllegalArgumentException if a line is not valid, or the list has no date
   */
  static Advisories parse(String text) {
    LocalDate asOf = null;
    List<Advisory> all = new ArrayList<>();
    int number = 0;
    for (String line : text.lines().toList()) {
      number++;
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      String[] words = line.strip().split("\\s*\\|\\s*", -1);
      try {
        if (words.length == 2 && words[0].equals("as of")) {
          asOf = LocalDate.parse(words[1]);
        } else {
          all.add(advisory(words));
        }
      } catch (DateTimeException | IllegalArgumentException e) {
        throw new IllegalArgumentException("line " + number + ": " + e.getMessage(), e);
      }
    }
    if (asOf == null) {
      throw new IllegalArgumentException("it does not say as of when it is");
    }
    return new Advisories(asOf, all, null);
  }

  private static Advisory advisory(String[] words) {
    if (words.length != 6 || !List.of("engine", "runc", "kernel").contains(words[0])) {
      throw new IllegalArgumentException(
          "not: engine, runc or kernel | ids | what | since | fixed in | source");
    }
    return new Advisory(
        words[0],
        words[1],
        words[2],
        words[3].equals("-") ? null : version(words[3]),
        Arrays.stream(words[4].split("\\s+")).map(Advisories::version).toList(),
        words[5]);
  }

  private static Version version(String text) {
    Version version = Version.parse(text);
    if (version == null) {
      throw new IllegalArgumentException("'" + text + "' is not a version");
    }
    return version;
  }

  List<Advisory> all() {
    return all;
  }

  /**
   * Describes the advisories that affect a version; empty if none does or the version is unknown.
   */
  List<String> of(String product, String text) {
    Version version = Version.parse(text);
    return version == null
        ? List.of()
        : all.stream()
            .filter(a -> a.product.equals(product) && a.concerns(version))
            .map(Advisory::toString)
            .toList();
  }

  /** Reports whether the list could be read and is recent enough. */
  Finding finding(LocalDate today) {
    String detail = all.size() + " advisories as of " + asOf;
    if (problem != null) {
      return Finding.warn("advisories", problem, "correct the file that ZCBOT_ADVISORIES names");
    }
    return ChronoUnit.DAYS.between(asOf, today) <= LONGEST_AGE_DAYS
        ? Finding.ok("advisories", detail)
        : Finding.warn(
            "advisories",
            detail + ", which is more than " + LONGEST_AGE_DAYS + " days ago",
            "update the worker, or name a newer list in ZCBOT_ADVISORIES");
  }
}
