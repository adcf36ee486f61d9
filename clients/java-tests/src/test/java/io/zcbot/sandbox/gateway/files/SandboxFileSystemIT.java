/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.gateway.files.FileInfo.Type;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The gateway's operations on files in a real sandbox, by a real worker. The tests of the gateway
 * run its programs on this host; only here they have the sandbox's user, its file systems and its
 * Python, and the results come over the log. It is in this module because the gateway cannot depend
 * on the worker, whose command line starts it.
 */
@Tag("engine")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SandboxFileSystemIT {
  private static final String HOME = "/workspace";

  private TestBed bed;
  private SandboxClient client;
  private Sandbox sandbox;
  private SandboxFileSystem files;

  @BeforeAll
  void start() throws Exception {
    bed = TestBed.onTheEngine().start();
    client = bed.client();
    sandbox = client.sandbox(TestBed.newUser());
    assertThat(sandbox.ensure()).isNotNull();
    files = new SandboxFileSystem(sandbox, HOME);
  }

  @AfterAll
  void stop() throws Exception {
    if (client != null) {
      client.close();
    }
    bed.close();
  }

  private static InputStream text(String text) {
    return new ByteArrayInputStream(text.getBytes(UTF_8));
  }

  private String write(String path, String content) throws Exception {
    return files.write(path, text(content), Map.of());
  }

  private String read(String path) throws Exception {
    try (FileContent content = files.read(path)) {
      byte[] bytes = content.readAllBytes();
      assertThat(bytes).hasSize((int) content.length());
      return new String(bytes, UTF_8);
    }
  }

  private static void assertFails(Kind kind, String message, ThrowingCallable call) {
    assertThatExceptionOfType(SandboxFileSystemException.class)
        .isThrownBy(call)
        .withMessageContaining(message)
        .satisfies(e -> assertThat(e.kind()).isEqualTo(kind));
  }

  @Test
  void aFileIsWrittenDescribedMovedAndRemoved() throws Exception {
    Instant before = Instant.now().minusSeconds(5);
    assertThat(write("~/life/a b\n'\"$x", "content")).isEqualTo(HOME + "/life/a b\n'\"$x");
    FileInfo info = files.stat("life/a b\n'\"$x");
    assertThat(info)
        .isEqualTo(
            new FileInfo(
                "a b\n'\"$x",
                Type.FILE,
                HOME + "/life/a b\n'\"$x",
                7,
                0644,
                "-rw-r--r--",
                "user",
                "user",
                info.modified(),
                null,
                Map.of()));
    assertThat(info.modified()).isBetween(before, Instant.now().plusSeconds(5));
    assertThat(files.stat("life")).extracting(FileInfo::permissions).isEqualTo("drwxr-xr-x");
    assertThat(write("life/a b\n'\"$x", "")).isNotEmpty();
    assertThat(read("life/a b\n'\"$x")).isEmpty();
    // /tmp is another file system.
    assertThat(files.move("life/a b\n'\"$x", "/tmp/life/b").path()).isEqualTo("/tmp/life/b");
    write("life/c", "c");
    assertThat(files.move("life/c", "/tmp/life/b").size()).isEqualTo(1);
    assertThat(read("/tmp/life/b")).isEqualTo("c");
    assertThat(files.exists("life/c")).isFalse();
    assertThat(files.exists("life")).isTrue();
    files.remove("/tmp/life");
    files.remove("/tmp/life");
    assertThat(files.exists("/tmp/life/b")).isFalse();
  }

  @Test
  void directoriesAreMadeAndListed() throws Exception {
    assertThat(files.makeDir("dirs/a/b").path()).isEqualTo(HOME + "/dirs/a/b");
    write("dirs/a/file", "x");
    assertThat(sandbox.shell("ln -s a dirs/link").isOk()).isTrue();
    assertThat(files.list("dirs", 0))
        .extracting(FileInfo::path)
        .containsExactly(HOME + "/dirs/a", HOME + "/dirs/link");
    List<FileInfo> all = files.list("dirs", 5);
    assertThat(all).extracting(FileInfo::name).containsExactly("a", "b", "file", "link");
    assertThat(all.getLast().type()).isEqualTo(Type.DIRECTORY);
    assertThat(all.getLast().symlinkTarget()).isEqualTo(HOME + "/dirs/a");
    assertThat(all.getLast().permissions()).isEqualTo("Lrwxrwxrwx");
    assertThat(files.list("/", 1)).extracting(FileInfo::path).contains("/etc", HOME);
    assertThat(files.stat("/etc").owner()).isEqualTo("root");
  }

  /** More than comes with a command's end. */
  @Test
  void aLongListIsWhole() throws Exception {
    assertThat(sandbox.shell("mkdir many && cd many && seq -f %09.0f 10000 | xargs touch").isOk())
        .isTrue();
    assertThat(files.list("many", 1))
        .hasSize(10_000)
        .last()
        .extracting(FileInfo::name)
        .isEqualTo("000010000");
    files.remove("many");
  }

  @Test
  void failuresHaveTheirKinds() throws Exception {
    write("kinds/file", "x");
    assertFails(Kind.NOT_FOUND, "does not exist", () -> files.read("kinds/no"));
    assertFails(Kind.NOT_FOUND, "file not found", () -> files.stat("kinds/no"));
    assertFails(Kind.NOT_FOUND, "path not found", () -> files.list("kinds/no", 1));
    assertFails(Kind.NOT_FOUND, "source file not found", () -> files.move("kinds/no", "x"));
    assertFails(Kind.INVALID_ARGUMENT, "is a directory", () -> files.read("kinds"));
    assertFails(Kind.INVALID_ARGUMENT, "not a directory", () -> files.list("kinds/file", 1));
    assertFails(Kind.INVALID_ARGUMENT, "is a directory", () -> write("kinds", "x"));
    assertFails(Kind.INVALID_ARGUMENT, "is not a directory", () -> files.makeDir("kinds/file"));
    assertFails(Kind.INVALID_ARGUMENT, "not a directory", () -> write("kinds/file/x", "x"));
    assertFails(Kind.ALREADY_EXISTS, "directory already exists", () -> files.makeDir("kinds"));
    assertFails(Kind.PERMISSION, "denied", () -> write("/root/x", "x"));
    assertFails(Kind.PERMISSION, "denied", () -> files.list("/root", 1));
    assertFails(Kind.PERMISSION, "Read-only", () -> files.makeDir("/etc/x"));
    assertFails(Kind.INVALID_ARGUMENT, "", () -> files.stat("kinds/" + "x".repeat(300)));
    assertThat(sandbox.shell("head -c 1G /dev/zero >/dev/shm/all").isOk()).isFalse();
    try {
      assertFails(Kind.NO_SPACE, "space", () -> write("/dev/shm/x", "x".repeat(10_000)));
    } finally {
      files.remove("/dev/shm/all");
    }
    assertThat(files.list("/dev/shm", 1)).isEmpty();
  }

  @Test
  void filesOfAnyLengthAndPartsOfThemArriveAsTheyWere() throws Exception {
    for (int size : new int[] {1, 241_000, 250_001, 9_000_000}) {
      byte[] bytes = new byte[size];
      new Random(size).nextBytes(bytes);
      files.write("long/file", new ByteArrayInputStream(bytes), Map.of());
      try (FileContent content = files.read("long/file")) {
        assertThat(content.length()).isEqualTo(size);
        assertThat(content.readAllBytes()).as("%d", size).isEqualTo(bytes);
      }
    }
    try (FileContent content = files.read("long/file", 8_999_990, 100)) {
      assertThat(content.length()).isEqualTo(10);
      assertThat(content.fileLength()).isEqualTo(9_000_000);
      assertThat(content.readAllBytes()).hasSize(10);
    }
    files.remove("long");
  }

  @Test
  void metadataStaysWithItsFileUntilTheNextUpload() throws Exception {
    Map<String, String> metadata = Map.of("author", "mish", "x-y", "a b=c");
    files.write("meta/file", text("x"), metadata);
    assertThat(files.stat("meta/file").metadata()).isEqualTo(metadata);
    assertThat(files.list("meta", 1).getFirst().metadata()).isEqualTo(metadata);
    assertThat(files.move("meta/file", "meta/moved").metadata()).isEqualTo(metadata);
    assertThat(read("meta/moved")).isEqualTo("x");
    write("meta/moved", "y");
    assertThat(files.stat("meta/moved").metadata()).isEmpty();
    assertFails(Kind.INVALID_ARGUMENT, "", () -> files.write("meta", text("x"), metadata));
    assertThat(files.list("meta", 1)).extracting(FileInfo::name).containsExactly("moved");
    assertThat(files.list(".", 1)).extracting(FileInfo::name).noneMatch(n -> n.startsWith("."));
  }

  @Test
  void filesAreComposed() throws Exception {
    write("compose/1", "one ");
    write("compose/2", "two");
    FileInfo made = files.compose(List.of("compose/1", "compose/2"), "compose/to/all");
    assertThat(made.path()).isEqualTo(HOME + "/compose/to/all");
    assertThat(read("compose/to/all")).isEqualTo("one two");
    assertThat(files.list("compose", 1)).extracting(FileInfo::name).containsExactly("to");
    assertFails(Kind.INVALID_ARGUMENT, "empty", () -> files.compose(List.of(), "x"));
  }

  private Watch watch(String path, BlockingQueue<FileEvent> events) throws InterruptedException {
    return files.watch(path, true, true, Duration.ofMinutes(5), events::add);
  }

  private static FileEvent next(BlockingQueue<FileEvent> events, FileEvent.Type type, String name)
      throws InterruptedException {
    Instant deadline = Instant.now().plusSeconds(60);
    while (Instant.now().isBefore(deadline)) {
      FileEvent event = events.poll(60, TimeUnit.SECONDS);
      if (event != null && event.type() == type && event.name().equals(name)) {
        return event;
      }
    }
    throw new AssertionError("no " + type + " of " + name);
  }

  @Test
  @SuppressWarnings("try") // closed twice: the end of the watch is what is tested
  void aWatchReportsChangesFromItsStartToItsEnd() throws Exception {
    files.makeDir("watch");
    BlockingQueue<FileEvent> events = new LinkedBlockingQueue<>();
    try (Watch watch = watch("watch", events)) {
      write("watch/below/file", "x");
      FileEvent event = next(events, FileEvent.Type.CREATE, "below/file");
      assertThat(event.entry()).isNotNull();
      assertThat(event.entry().path()).isEqualTo(HOME + "/watch/below/file");
      assertThat(sandbox.shell("echo y >>watch/below/file").isOk()).isTrue();
      assertThat(next(events, FileEvent.Type.WRITE, "below/file").entry()).isNotNull();
      files.remove("watch/below");
      assertThat(next(events, FileEvent.Type.REMOVE, "below").entry()).isNull();
      watch.close();
      watch.await();
      write("watch/later", "x");
    }
    assertThat(events).noneMatch(event -> event.name().equals("later"));
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(
            () ->
                assertThat(sandbox.shell("! grep -alz '[D]ONT_FOLLOW' /proc/[0-9]*/cmdline"))
                    .matches(CommandResult::isOk));
  }

  @Test
  void aWatchThatFailsSaysWhy() throws Exception {
    BlockingQueue<FileEvent> events = new LinkedBlockingQueue<>();
    assertFails(Kind.NOT_FOUND, "not found", () -> watch("nowhere", events));
    assertFails(Kind.INVALID_ARGUMENT, "not a directory", () -> watch("/etc/passwd", events));
    try (Watch watch = files.watch("/tmp", false, false, Duration.ofSeconds(1), events::add)) {
      assertThatThrownBy(watch::await).isInstanceOf(CommandTimeoutException.class);
    }
  }

  @Test
  void nothingMakesASandboxAgain() throws Exception {
    Sandbox none = client.sandbox(TestBed.newUser());
    SandboxFileSystem gone = new SandboxFileSystem(none, HOME);
    assertThatThrownBy(() -> gone.stat("x")).isInstanceOf(CommandNotStartedException.class);
    assertThatThrownBy(() -> gone.write("x", text("x"), Map.of()))
        .isInstanceOf(CommandNotStartedException.class);
    assertThatThrownBy(() -> gone.remove("x")).isInstanceOf(CommandNotStartedException.class);
    assertThatThrownBy(() -> gone.watch("x", false, false, Duration.ofSeconds(9), event -> {}))
        .isInstanceOf(CommandNotStartedException.class);
  }

  @Test
  void aStreamThatFailsChangesNothing() throws Exception {
    write("failing", "old");
    InputStream failing =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("gone");
          }
        };
    assertThatThrownBy(() -> files.write("failing", failing, Map.of("a", "b")))
        .isInstanceOf(IOException.class)
        .hasMessage("gone");
    assertThat(read("failing")).isEqualTo("old");
  }
}
