/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
  private final List<Path> files = new ArrayList<>();
  private @Nullable Path directory;

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
      Path all = newFile();
      try (SumsFile.Writer writer = new SumsFile.Writer(all)) {
        merge(writer::write);
      }
      for (Path merged : files) {
        Files.delete(merged);
      }
      files.clear();
      files.add(all);
    }
    Path file = newFile();
    try (SumsFile.Writer writer = new SumsFile.Writer(file)) {
      sums.forEach(writer::write);
    }
    files.add(file);
    sums.clear();
  }

  private Path newFile() throws IOException {
    if (directory == null) {
      directory = Files.createTempDirectory("sandbox-usage");
    }
    return Files.createTempFile(directory, "sums", "");
  }

  /** Tells all sums, in the order of their keys. */
  public void forEach(BiConsumer<String, Used> told) throws IOException {
    if (files.isEmpty()) {
      sums.forEach(told);
      return;
    }
    spill();
    merge(told);
  }

  private void merge(BiConsumer<String, Used> told) throws IOException {
    PriorityQueue<SumsFile.Reader> next =
        new PriorityQueue<>(Comparator.comparing(SumsFile.Reader::key));
    List<SumsFile.Reader> readers = new ArrayList<>();
    try {
      for (Path file : files) {
        SumsFile.Reader reader = new SumsFile.Reader(file);
        readers.add(reader);
        if (reader.advance()) {
          next.add(reader);
        }
      }
      Map.@Nullable Entry<String, Used> at = null;
      for (SumsFile.Reader least = next.poll(); least != null; least = next.poll()) {
        if (at != null && at.getKey().equals(least.key())) {
          at = Map.entry(at.getKey(), at.getValue().plus(least.used()));
        } else {
          tell(at, told);
          at = Map.entry(least.key(), least.used());
        }
        if (least.advance()) {
          next.add(least);
        }
      }
      tell(at, told);
    } finally {
      for (SumsFile.Reader reader : readers) {
        reader.close();
      }
    }
  }

  private static void tell(Map.@Nullable Entry<String, Used> sum, BiConsumer<String, Used> told) {
    if (sum != null) {
      told.accept(sum.getKey(), sum.getValue());
    }
  }

  /** Removes the files. */
  @Override
  public void close() throws IOException {
    if (directory != null) {
      try (var left = Files.list(directory)) {
        for (Path file : left.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(directory);
      directory = null;
    }
  }
}
