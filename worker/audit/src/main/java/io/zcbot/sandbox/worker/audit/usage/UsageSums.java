/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Sums by key. Beyond a number of keys they wait in sorted files, which are merged at the end, so
 * that the memory has a bound.
 */
public final class UsageSums implements Closeable {
  private static final int FILES = 64;

  private final int held;
  private final TreeMap<String, Used> sums = new TreeMap<>();
  private final List<SumsFile> files = new ArrayList<>();

  /**
   * No sums yet.
   *
   * @param held how many keys are in memory at most
   */
  public UsageSums(int held) {
    this.held = held;
  }

  /** Adds to the sum of a key. */
  public void add(String key, Used more) {
    sums.merge(key, more, Used::plus);
    if (sums.size() > held) {
      try {
        spill();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private void spill() throws IOException {
    if (files.size() == FILES) {
      SumsFile all = written(this::merge);
      close();
      files.add(all);
    }
    files.add(written(sums::forEach));
    sums.clear();
  }

  private interface Sums {
    void forEach(BiConsumer<String, Used> reported) throws IOException;
  }

  private static SumsFile written(Sums sums) throws IOException {
    SumsFile file = new SumsFile();
    try (SumsFile.Writer writer = file.writer()) {
      sums.forEach(writer::write);
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
    return file;
  }

  /** Tells all sums, in the order of their keys. */
  public void forEach(BiConsumer<String, Used> reported) throws IOException {
    if (files.isEmpty()) {
      sums.forEach(reported);
      return;
    }
    spill();
    merge(reported);
  }

  private void merge(BiConsumer<String, Used> reported) throws IOException {
    PriorityQueue<SumsFile.Reader> next =
        new PriorityQueue<>(Comparator.comparing(SumsFile.Reader::key));
    for (SumsFile file : files) {
      SumsFile.Reader reader = file.reader();
      if (reader.advance()) {
        next.add(reader);
      }
    }
    Map.@Nullable Entry<String, Used> at = null;
    for (SumsFile.Reader least = next.poll(); least != null; least = next.poll()) {
      if (at != null && at.getKey().equals(least.key())) {
        at = Map.entry(at.getKey(), at.getValue().plus(least.used()));
      } else {
        report(at, reported);
        at = Map.entry(least.key(), least.used());
      }
      if (least.advance()) {
        next.add(least);
      }
    }
    report(at, reported);
  }

  private static void report(
      Map.@Nullable Entry<String, Used> sum, BiConsumer<String, Used> reported) {
    if (sum != null) {
      reported.accept(sum.getKey(), sum.getValue());
    }
  }

  /** Removes the files. */
  @Override
  public void close() throws IOException {
    for (SumsFile file : files) {
      file.close();
    }
    files.clear();
  }
}
