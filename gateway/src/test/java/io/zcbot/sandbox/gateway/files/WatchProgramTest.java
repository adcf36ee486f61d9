/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.gateway.files.FileEvent.Type;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program that watches a directory, run by this host's Python. */
class WatchProgramTest {
  @TempDir private Path temporary;
  private Path directory;

  @BeforeEach
  void start() throws IOException {
    directory = Files.createDirectory(temporary.toRealPath().resolve("d"));
  }

  /** A watch that has started. */
  private final class Watching implements AutoCloseable {
    private final Process process;
    private final Fields fields;
    private int asked;

    Watching(Object path, boolean isRecursive, boolean isWithEntry, int most) throws IOException {
      this(path, isRecursive, isWithEntry, most, "");
    }

    Watching(Object path, boolean isRecursive, boolean isWithEntry, int most, Object keptIn)
        throws IOException {
      process =
          new ProcessBuilder(
                  Program.WATCH.command(
                      path.toString(),
                      isRecursive ? "1" : "0",
                      isWithEntry ? "1" : "0",
                      Integer.toString(most),
                      keptIn.toString()))
              .start();
      fields = new Fields(new BufferedInputStream(process.getInputStream()));
    }

    Watching started() throws IOException {
      assertThat(fields.next()).isEqualTo("start");
      return this;
    }

    /** Returns the events so far. */
    List<FileEvent> events() throws IOException {
      String last = "last" + asked++;
      Files.createDirectory(directory.resolve(last));
      List<FileEvent> events = new ArrayList<>();
      for (FileEvent event = fields.event(directory.toString());
          event != null && !event.name().equals(last);
          event = fields.event(directory.toString())) {
        events.add(event);
      }
      return events;
    }

    /** Returns the events so far, without repetitions. */
    List<String> shown() throws IOException {
      return events().stream().map(e -> e.type() + " " + e.name()).distinct().toList();
    }

    int code() throws Exception {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      return process.exitValue();
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  private Watching watch(boolean isRecursive) throws IOException {
    return new Watching(directory, isRecursive, false, 1 << 20).started();
  }

  @Test
  void changesAreReported() throws Exception {
    Path old = Files.writeString(directory.resolve("old"), "x");
    try (Watching watching = watch(false)) {
      Files.writeString(directory.resolve("new"), "x");
      Files.setPosixFilePermissions(old, PosixFilePermissions.fromString("rw-------"));
      Files.move(old, directory.resolve("moved"));
      Files.delete(directory.resolve("moved"));
      Files.createDirectory(directory.resolve("below"));
      Files.writeString(directory.resolve("below/file"), "x");
      assertThat(watching.shown())
          .containsExactly(
              "CREATE new",
              "WRITE new",
              "CHMOD old",
              "RENAME old",
              "CREATE moved",
              "REMOVE moved",
              "CREATE below");
    }
  }

  @Test
  void aRecursiveWatchCoversDirectoriesThatAreMadeOrMovedLater() throws Exception {
    Files.createDirectories(directory.resolve("a/b"));
    Path elsewhere = Files.createDirectories(temporary.resolve("elsewhere/deep"));
    try (Watching watching = watch(true)) {
      Files.writeString(directory.resolve("a/b/file"), "x");
      Files.createDirectories(directory.resolve("c/d/e"));
      Files.writeString(directory.resolve("c/d/e/file"), "x");
      assertThat(watching.shown())
          .contains(
              "CREATE a/b/file",
              "WRITE a/b/file",
              "CREATE c",
              "CREATE c/d",
              "CREATE c/d/e",
              "CREATE c/d/e/file")
          .noneMatch(event -> event.startsWith("CHMOD"));
      Files.move(elsewhere.getParent(), directory.resolve("in"));
      Files.move(directory.resolve("a"), directory.resolve("z"));
      Files.writeString(directory.resolve("x"), "");
      assertThat(watching.shown())
          .contains("CREATE in", "RENAME a", "CREATE z")
          .doesNotContain("CREATE in/deep");
      // Now everything has its watch and its new name.
      Files.writeString(directory.resolve("in/deep/file"), "x");
      Files.writeString(directory.resolve("z/b/file"), "y");
      Files.move(directory.resolve("in"), elsewhere.getParent());
      Files.delete(directory.resolve("z/b/file"));
      Files.delete(directory.resolve("z/b"));
      assertThat(watching.shown())
          .contains(
              "CREATE in/deep/file",
              "WRITE z/b/file",
              "RENAME in",
              "REMOVE z/b/file",
              "REMOVE z/b");
      Files.writeString(elsewhere.resolve("unseen"), "x");
      assertThat(watching.shown()).isEmpty();
    }
  }

  @Test
  void filesAreDescribedWhileTheyAreThere() throws Exception {
    Path file = Files.writeString(directory.resolve("old"), "x");
    try (Watching watching = new Watching(directory, false, true, 1 << 20).started()) {
      Files.writeString(file, "content");
      Files.delete(file);
      Files.writeString(directory.resolve("new"), "content");
      List<FileEvent> events = watching.events();
      assertThat(events)
          .filteredOn(event -> event.name().equals("new"))
          .isNotEmpty()
          .allSatisfy(event -> assertThat(event.entry()).isNotNull())
          .allSatisfy(event -> assertThat(event.entry().path()).endsWith("/d/new"));
      assertThat(events)
          .filteredOn(event -> event.type() == Type.REMOVE)
          .singleElement()
          .satisfies(event -> assertThat(event.entry()).isNull());
    }
  }

  @Test
  void noNameBreaksTheFraming() throws Exception {
    try (Watching watching = watch(false)) {
      new ProcessBuilder("bash", "-c", "mkdir $'start\\nREMOVE\\n' $'bad\\xff' -- -x")
          .directory(directory.toFile())
          .start()
          .onExit()
          .get(60, TimeUnit.SECONDS);
      assertThat(watching.shown())
          .containsExactly("CREATE start\nREMOVE\n", "CREATE bad\ufffd", "CREATE -x");
    }
  }

  @Test
  void theDirectoryItselfIsAPoint() throws Exception {
    try (Watching watching = watch(true)) {
      Files.delete(directory);
      assertThat(watching.fields.event("/x").name()).isEqualTo(".");
    }
  }

  @Test
  void whatCannotBeWatchedIsAnError() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "x");
    try (Watching watching = new Watching(file, false, false, 1 << 20)) {
      assertThat(watching.code()).isEqualTo(46);
      assertThat(new String(watching.process.getErrorStream().readAllBytes(), UTF_8))
          .isEqualTo("path " + file + " not a directory");
    }
    try (Watching watching = new Watching(directory.resolve("x"), false, false, 1 << 20)) {
      assertThat(watching.code()).isEqualTo(41);
    }
  }

  private record Taken(int code, List<String> events) {}

  /** Takes the events that were kept. */
  private Taken take(Path keptIn, boolean isLast) throws Exception {
    Process process =
        new ProcessBuilder(Program.WATCHED.command(keptIn.toString(), isLast ? "1" : "0")).start();
    Fields fields = new Fields(new BufferedInputStream(process.getInputStream()));
    List<String> events = new ArrayList<>();
    String root = fields.next();
    if (root != null) {
      assertThat(root).isEqualTo(directory.toString());
      for (FileEvent event = fields.event(root); event != null; event = fields.event(root)) {
        events.add(event.type() + " " + event.name());
      }
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Taken(process.exitValue(), events);
  }

  /** Takes events until there are some, since the watch notices them after they happened. */
  private List<String> awaitEvents(Path keptIn) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (System.nanoTime() < end) {
      Taken taken = take(keptIn, false);
      assertThat(taken.code()).isZero();
      if (!taken.events().isEmpty()) {
        return taken.events();
      }
      Thread.sleep(20);
    }
    throw new AssertionError("no events");
  }

  @Test
  void keptEventsAreTakenOnceUntilTheyAreNotWanted() throws Exception {
    Path keptIn = temporary.resolve("kept");
    assertThat(take(keptIn, false).code()).isEqualTo(41);
    try (Watching watching = new Watching(directory, false, false, 1000, keptIn).started()) {
      assertThat(take(keptIn, false)).isEqualTo(new Taken(0, List.of()));
      Files.createDirectory(directory.resolve("one"));
      assertThat(awaitEvents(keptIn)).containsExactly("CREATE one");
      Files.createDirectory(directory.resolve("two"));
      assertThat(awaitEvents(keptIn)).containsExactly("CREATE two");
      assertThat(take(keptIn, true).code()).isZero();
      assertThat(watching.code()).isZero(); // it ends with its file
    }
    assertThat(keptIn).doesNotExist();
  }

  @Test
  void whoTakesEventsIsToldThatTheWatchHasEnded() throws Exception {
    Path keptIn = temporary.resolve("kept");
    try (Watching watching = new Watching(directory, false, false, 500, keptIn).started()) {
      for (int i = 0; i < 100; i++) {
        Files.createDirectory(directory.resolve("directory" + i));
      }
      assertThat(watching.code()).isEqualTo(48);
    }
    take(keptIn, false);
    assertThat(take(keptIn, false).code()).isEqualTo(1);
    assertThat(take(keptIn, true).code()).isZero();
  }

  /** Rather than that some of them are missing. */
  @Test
  void tooManyEventsEndTheWatch() throws Exception {
    try (Watching watching = new Watching(directory, false, false, 100).started()) {
      for (int i = 0; i < 50; i++) {
        Files.createDirectory(directory.resolve("directory" + i));
      }
      assertThat(watching.code()).isEqualTo(48);
    }
  }
}
