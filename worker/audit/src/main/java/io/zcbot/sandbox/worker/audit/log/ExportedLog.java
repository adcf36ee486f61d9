/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Files that {@link Export} wrote, or others of that format. Each is read in its own order; several
 * are merged by record time.
 */
public final class ExportedLog implements LogSource {
  private final List<ExportFile> files = new ArrayList<>();
  private final PriorityQueue<ExportFile> ready =
      new PriorityQueue<>(
          Comparator.comparingLong(ExportFile::headTime).thenComparingInt(f -> f.number));
  private final String topicPrefix;
  private final Selection selection;
  private final long totalBytes;
  private final Coverage coverage;
  private long latest = Long.MIN_VALUE;

  /**
   * Opens the files.
   *
   * @param topicPrefix of files that don't tell themselves
   * @throws IOException if one can't be read; the message names the file, and the line if need be
   */
  public ExportedLog(List<Path> paths, String topicPrefix, Selection selection) throws IOException {
    this.topicPrefix = topicPrefix;
    this.selection = selection;
    long bytes = 0;
    try {
      for (Path path : paths) {
        ExportFile file = new ExportFile(path, files.size(), topicPrefix, selection.test());
        files.add(file);
        bytes += Files.size(path);
        if (file.advance()) {
          ready.add(file);
        }
      }
    } catch (IOException e) {
      close();
      throw e;
    }
    this.totalBytes = bytes;
    long from = files.stream().mapToLong(ExportFile::from).max().orElse(Long.MIN_VALUE);
    this.coverage = new Coverage(selection.from(), from);
    for (ExportFile file : files) {
      file.cuts().forEach(c -> coverage.cut(c.topic(), c.partition(), c.since()));
    }
  }

  @Override
  public @Nullable LogRecord next() throws IOException {
    ExportFile first = ready.poll();
    if (first == null) {
      return null;
    }
    LogRecord record = first.head();
    latest = Math.max(latest, record.time());
    if (first.advance()) {
      ready.add(first);
    }
    return record;
  }

  /** As the export says, or the time of the latest record read. */
  @Override
  public Instant end() {
    long known =
        files.stream()
            .map(ExportFile::end)
            .filter(Objects::nonNull)
            .max(Comparator.naturalOrder())
            .orElse(Math.max(0, latest));
    return selection.end(Instant.ofEpochMilli(known));
  }

  /**
   * The files whose end may be missing: they begin as an export does, and do not say that they are
   * complete. Known for sure once the last record was read.
   */
  public List<Path> cut() {
    return files.stream().filter(ExportFile::isCut).map(ExportFile::path).toList();
  }

  @Override
  public Coverage coverage() {
    return coverage;
  }

  /** As the first file says. */
  @Override
  public String topicPrefix() {
    return files.isEmpty() ? topicPrefix : files.getFirst().topicPrefix();
  }

  @Override
  public double progress() {
    long read = 0;
    for (ExportFile file : files) {
      read += file.bytesRead();
    }
    return totalBytes == 0 ? 1 : Math.clamp((double) read / totalBytes, 0, 1);
  }

  @Override
  public void close() throws IOException {
    for (ExportFile file : files) {
      file.close();
    }
  }
}
