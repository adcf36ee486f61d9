/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Holds selected dead letters with their records, up to {@link #MOST_BYTES}, because records may be
 * large.
 */
final class HeldDeadLetters {
  static final long MOST_BYTES = 32L << 20;

  private final Set<String> ids;
  private final Set<String> missing;
  private final List<DeadLetter> letters = new ArrayList<>();
  private long bytes;
  private boolean isTooMuch;

  /**
   * Creates an empty collection.
   *
   * @param ids ids of the dead letters to hold; empty for all
   */
  HeldDeadLetters(List<String> ids) {
    this.ids = Set.copyOf(ids);
    this.missing = new HashSet<>(ids);
  }

  void add(DeadLetter letter) {
    if (!ids.isEmpty() && !ids.contains(letter.id())) {
      return;
    }
    missing.remove(letter.id());
    bytes += Records.memory(letter.record());
    if (bytes <= MOST_BYTES || letters.isEmpty()) {
      letters.add(letter);
    } else {
      isTooMuch = true;
    }
  }

  /**
   * Returns the dead letters, oldest first.
   *
   * @throws CommandException if an id was not found, or there were too many bytes
   */
  List<DeadLetter> all() throws CommandException {
    if (!missing.isEmpty()) {
      throw new CommandException(
          ExitCode.USAGE,
          "there is no dead letter "
              + String.join(", ", missing)
              + " among those selected; 'dead-letters list' lists them",
          null);
    }
    if (isTooMuch) {
      throw new CommandException(
          ExitCode.USAGE,
          "the dead letters selected have "
              + (bytes >> 20)
              + " MiB, and this command holds "
              + (MOST_BYTES >> 20)
              + " MiB at once; select fewer, with --from and --to or by their ids",
          null);
    }
    letters.sort(Comparator.comparing(DeadLetter::at));
    return letters;
  }
}
