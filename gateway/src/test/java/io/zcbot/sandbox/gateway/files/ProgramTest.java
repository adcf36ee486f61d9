/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs that run in a sandbox, run by this host's Python. */
class ProgramTest {
  private static final int NOT_FOUND = 41;
  private static final int EXISTS = 42;
  private static final int IS_DIRECTORY = 45;
  private static final int NOT_DIRECTORY = 46;
  private static final int INVALID = 47;
  private static final int TOO_LONG = 48;

  @TempDir private Path temporary;
  private Path directory;

  @BeforeEach
  void start() throws IOException {
    directory = Files.createDirectory(temporary.toRealPath().resolve("d"));
  }

  private record Ended(int code, byte[] output, String message) {
    Fields fields() {
      assertThat(message).isEmpty();
      assertThat(code).isZero();
      return new Fields(new ByteArrayInputStream(output));
    }
  }

  private Ended run(Program program, Object... arguments) throws Exception {
    Path errors = temporary.resolve("errors");
    Path output = temporary.resolve("output");
    Process process =
        new ProcessBuilder(
                program.command(
                    Arrays.stream(arguments).map(Object::toString).toArray(String[]::new)))
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readAllBytes(output), Files.readString(errors));
  }

  private FileInfo info(Path path) throws Exception {
    return run(Program.INFO, path).fields().info(path.toString());
  }

  private List<FileInfo> list(Path path, int depth) throws Exception {
    Ended ended = run(Program.LIST, path, depth, 1000, 1 << 20);
    InputStream output = new ByteArrayInputStream(ended.output());
    assertThat(ended.message()).isEmpty();
    List<FileInfo> found = new ArrayList<>();
    while (output.available() > 0) {
      found.add(new Fields(output).info(path.toString()));
    }
    return found;
  }

  private static Path file(Path path, String content) throws IOException {
    Files.writeString(path, content);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r--r--"));
    return path;
  }

  @Test
  void aFileIsDescribed() throws Exception {
    Path path = file(directory.resolve("a\nb \u00fc"), "content");
    Instant time = Instant.parse("2026-01-02T03:04:05.123456789Z");
    Files.setLastModifiedTime(path, FileTime.from(time));
    assertThat(info(path))
        .isEqualTo(
            new FileInfo(
                "a\nb \u00fc",
                FileInfo.Type.FILE,
                path.toString(),
                7,
                0644,
                "-rw-r--r--",
                "user",
                "user",
                time,
                null,
                Map.of()));
    assertThat(run(Program.INFO, directory.resolve("nothing")))
        .satisfies(
            ended -> {
              assertThat(ended.code()).isEqualTo(NOT_FOUND);
              assertThat(ended.message())
                  .isEqualTo("file not found: " + directory.resolve("nothing"));
            });
    assertThat(run(Program.INFO, path.resolve("x")).code()).isEqualTo(NOT_DIRECTORY);
    assertThat(info(Path.of("/")).name()).isEqualTo("/");
    FileInfo device = info(Path.of("/dev/null"));
    assertThat(device.type()).isEqualTo(FileInfo.Type.OTHER);
    assertThat(device.permissions()).isEqualTo("Dcrw-rw-rw-");
  }

  /** The type and the mode are the target's; the rest is the link's own. */
  @Test
  void aLinkIsDescribedWithItsTarget() throws Exception {
    Path file = file(directory.resolve("file"), "content");
    Path first = Files.createSymbolicLink(directory.resolve("first"), Path.of("file"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), first);
    FileInfo info = info(link);
    assertThat(info.type()).isEqualTo(FileInfo.Type.FILE);
    assertThat(info.mode()).isEqualTo(0644);
    assertThat(info.permissions()).isEqualTo("Lrwxrwxrwx");
    assertThat(info.symlinkTarget()).isEqualTo(file.toString());
    assertThat(info.size()).isEqualTo(first.toString().length());
    Files.delete(file);
    info = info(link);
    assertThat(info.type()).isEqualTo(FileInfo.Type.OTHER);
    assertThat(info.mode()).isZero();
    assertThat(info.symlinkTarget()).isEqualTo(link.toString());
  }

  @Test
  void aDirectoryIsListedByNameAndADirectoryBeforeItsContent() throws Exception {
    Files.createDirectories(directory.resolve("b/deep/er"));
    file(directory.resolve("b/x"), "");
    file(directory.resolve("b.txt"), "");
    file(directory.resolve("a"), "");
    Files.createSymbolicLink(directory.resolve("c"), directory.resolve("b"));
    assertThat(list(directory, 1))
        .extracting(FileInfo::path)
        .containsExactly(paths("a", "b", "b.txt", "c"));
    assertThat(list(directory, 2))
        .extracting(FileInfo::path)
        .containsExactly(paths("a", "b", "b/deep", "b/x", "b.txt", "c"));
    assertThat(list(directory, Integer.MAX_VALUE))
        .extracting(FileInfo::path)
        .containsExactly(paths("a", "b", "b/deep", "b/deep/er", "b/x", "b.txt", "c"));
    assertThat(list(directory.resolve("c"), 1))
        .extracting(FileInfo::path)
        .containsExactly(paths("c/deep", "c/x"));
    assertThat(list(directory.resolve("b/deep/er"), 1)).isEmpty();
    assertThat(run(Program.LIST, directory.resolve("a"), 1, 10, 1000).code())
        .isEqualTo(NOT_DIRECTORY);
    assertThat(run(Program.LIST, directory.resolve("z"), 1, 10, 1000).code()).isEqualTo(NOT_FOUND);
  }

  private String[] paths(String... names) {
    return Arrays.stream(names).map(name -> directory + "/" + name).toArray(String[]::new);
  }

  @Test
  void aListThatIsTooLongIsAnErrorAndNotAPart() throws Exception {
    Files.createDirectory(directory.resolve("below"));
    for (int i = 0; i < 5; i++) {
      file(directory.resolve("below/" + i), "");
    }
    assertThat(run(Program.LIST, directory, 1, 5, 1 << 20).code()).isZero();
    assertThat(run(Program.LIST, directory, 2, 6, 1 << 20).code()).isZero();
    for (Ended ended :
        List.of(
            run(Program.LIST, directory, 2, 5, 1 << 20),
            run(Program.LIST, directory.resolve("below"), 1, 4, 1 << 20),
            run(Program.LIST, directory, 2, 100, 200))) {
      assertThat(ended.code()).isEqualTo(TOO_LONG);
      assertThat(ended.output()).isEmpty();
    }
  }

  /** Protobuf's strings are UTF-8, and one such name must not hide all the others. */
  @Test
  void aNameThatIsNotUtf8IsReplaced() throws Exception {
    new ProcessBuilder("bash", "-c", "printf x >$'bad\\xff'")
        .directory(directory.toFile())
        .start()
        .onExit()
        .get(60, TimeUnit.SECONDS);
    assertThat(list(directory, 1)).extracting(FileInfo::name).containsExactly("bad\ufffd");
  }

  @Test
  void aDirectoryIsMadeWithItsParentsOnce() throws Exception {
    Path path = directory.resolve("a/b/c");
    FileInfo made = run(Program.MAKE_DIRECTORY, path).fields().info(path.toString());
    assertThat(made.type()).isEqualTo(FileInfo.Type.DIRECTORY);
    assertThat(made.permissions()).isEqualTo("drwxr-xr-x");
    Ended again = run(Program.MAKE_DIRECTORY, path);
    assertThat(again.code()).isEqualTo(EXISTS);
    assertThat(again.message()).isEqualTo("directory already exists: " + path);
    Path file = file(directory.resolve("file"), "");
    assertThat(run(Program.MAKE_DIRECTORY, file).code()).isEqualTo(NOT_DIRECTORY);
    assertThat(run(Program.MAKE_DIRECTORY, file.resolve("x")).code()).isEqualTo(NOT_DIRECTORY);
  }

  @Test
  void aFileIsMovedAndReplacesAnother() throws Exception {
    Path from = file(directory.resolve("from"), "new");
    Path to = directory.resolve("deep/to");
    Path spare = directory.resolve("spare");
    assertThat(run(Program.MOVE, from, to, spare).fields().info(to.toString()).size()).isEqualTo(3);
    file(from, "newer");
    assertThat(run(Program.MOVE, from, to, spare).code()).isZero();
    assertThat(to).hasContent("newer");
    assertThat(from).doesNotExist();
    Ended ended = run(Program.MOVE, from, directory.resolve("other/to"), spare);
    assertThat(ended.code()).isEqualTo(NOT_FOUND);
    assertThat(ended.message()).isEqualTo("source file not found: " + from);
    assertThat(directory.resolve("other")).doesNotExist();
    assertThat(run(Program.MOVE, to, to.getParent(), spare).code()).isNotZero();
    assertThat(run(Program.MOVE, to.getParent(), to.getParent().resolve("x"), spare).code())
        .isEqualTo(INVALID);
    assertThat(to).hasContent("newer");
  }

  /** {@code /tmp} of a sandbox is not on the disk of its workspace. */
  @Test
  void aDirectoryIsMovedToAnotherFileSystem() throws Exception {
    Path other = Files.createTempDirectory(Path.of("/dev/shm"), "zcbot-gateway-");
    try {
      assumeTrue(!Files.getFileStore(other).equals(Files.getFileStore(directory)));
      Path from = Files.createDirectory(directory.resolve("from"));
      file(from.resolve("file"), "content");
      Files.createSymbolicLink(from.resolve("link"), Path.of("file"));
      Path to = other.resolve("a/to");
      Ended ended = run(Program.MOVE, from, to, other.resolve("a/spare"));
      assertThat(ended.fields().info(to.toString()).type()).isEqualTo(FileInfo.Type.DIRECTORY);
      assertThat(to.resolve("link")).hasContent("content").isSymbolicLink();
      assertThat(from).doesNotExist();
      // A directory does not replace one that is not empty, and nothing is lost or left behind.
      Files.createDirectory(from);
      assertThat(run(Program.MOVE, from, to, other.resolve("a/spare")).code()).isEqualTo(EXISTS);
      assertThat(from).exists();
      assertThat(other.resolve("a")).isDirectoryNotContaining(p -> p.endsWith("spare"));
    } finally {
      new ProcessBuilder("rm", "-rf", other.toString()).start().onExit().get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aPartOfAFileIsReadWithTheLengthOfAll() throws Exception {
    Path file = file(directory.resolve("file"), "content");
    ByteArrayInputStream output = new ByteArrayInputStream(run(Program.READ, file, 3, 2).output());
    Fields fields = new Fields(output);
    assertThat(fields.text()).contains(":");
    assertThat(fields.number(0, 100)).isEqualTo(7);
    assertThat(new String(output.readAllBytes(), UTF_8)).isEqualTo("te");
    assertThat(new String(run(Program.READ, file, 7, 2).output(), UTF_8)).endsWith("\0007\0");
    Ended ended = run(Program.READ, directory.resolve("nothing"), 0, 10);
    assertThat(ended.code()).isEqualTo(NOT_FOUND);
    assertThat(ended.message())
        .isEqualTo("path '" + directory.resolve("nothing") + "' does not exist");
    assertThat(run(Program.READ, directory, 0, 10).code()).isEqualTo(IS_DIRECTORY);
  }

  /** Opening a FIFO takes until somebody writes to it, and reading a device may never end. */
  @Test
  void whatIsNoFileIsRefusedAtOnce() throws Exception {
    Path fifo = directory.resolve("fifo");
    new ProcessBuilder("mkfifo", fifo.toString()).start().onExit().get(60, TimeUnit.SECONDS);
    for (Path path : List.of(fifo, Path.of("/dev/zero"))) {
      assertThat(run(Program.READ, path, 0, 10).code()).as("%s", path).isEqualTo(INVALID);
      assertThat(run(Program.COMPOSE, directory.resolve("to"), directory.resolve("spare"), path))
          .extracting(Ended::code)
          .isEqualTo(INVALID);
    }
  }

  @Test
  void anUploadGetsItsMetadataAndItsName() throws Exception {
    assumeTrue(keepsMetadata(directory));
    Path staged = file(directory.resolve("staged"), "new");
    Path path = file(directory.resolve("file"), "old");
    assertThat(run(Program.KEEP, staged, path, "author", "mish", "empty", "").code()).isZero();
    assertThat(path).hasContent("new");
    assertThat(staged).doesNotExist();
    assertThat(info(path).metadata()).isEqualTo(Map.of("author", "mish", "empty", ""));
    assertThat(list(directory, 1).getFirst().metadata()).containsEntry("author", "mish");
    // Others' attributes are none of E2B's.
    attributes(path).write("other", UTF_8.encode("x"));
    assertThat(info(path).metadata()).hasSize(2);
    file(staged, "newer");
    assertThat(run(Program.KEEP, staged, directory, "author", "x").code()).isEqualTo(IS_DIRECTORY);
    assertThat(staged).doesNotExist();
  }

  @Test
  void metadataThatCannotBeKeptIsAnErrorAndNothingIsWritten() throws Exception {
    Path staged = Files.createSymbolicLink(directory.resolve("staged"), Path.of("/proc/version"));
    Ended ended = run(Program.KEEP, staged, directory.resolve("to"), "author", "mish");
    assertThat(ended.code()).isEqualTo(INVALID);
    assertThat(ended.message()).contains("keeps no metadata");
    assertThat(directory).isEmptyDirectory();
  }

  private static boolean keepsMetadata(Path directory) throws IOException {
    FileStore store = Files.getFileStore(directory);
    Path probe = Files.createTempFile(directory, "probe", "");
    try {
      attributes(probe).write("probe", UTF_8.encode("x"));
      return true;
    } catch (IOException e) {
      assertThat(store).as("%s", e).isNotNull();
      return false;
    } finally {
      Files.delete(probe);
    }
  }

  private static UserDefinedFileAttributeView attributes(Path path) {
    return Files.getFileAttributeView(path, UserDefinedFileAttributeView.class);
  }

  @Test
  void whatALinkLeadsToIsWritten() throws Exception {
    Path real = file(directory.resolve("real"), "old");
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("real"));
    Path one = file(directory.resolve("one"), "1");
    assertThat(run(Program.COMPOSE, link, directory.resolve("spare"), one).code()).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(real).hasContent("1");
    assertThat(run(Program.KEEP, file(one, "2"), link).code()).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(real).hasContent("2");
  }

  @Test
  void filesAreComposedAndGo() throws Exception {
    Path one = file(directory.resolve("one"), "1");
    Path two = file(directory.resolve("two"), "22");
    Path to = directory.resolve("deep/to");
    Path spare = directory.resolve("deep/spare");
    FileInfo made = run(Program.COMPOSE, to, spare, one, two, one).fields().info(to.toString());
    assertThat(made.permissions()).isEqualTo("-rw-r--r--");
    assertThat(to).hasContent("1221");
    assertThat(one).doesNotExist();
    assertThat(two).doesNotExist();
    file(one, "1");
    Ended ended = run(Program.COMPOSE, to, spare, one, two);
    assertThat(ended.code()).isEqualTo(NOT_FOUND);
    assertThat(to).hasContent("1221");
    assertThat(one).exists();
    assertThat(run(Program.COMPOSE, to, spare, one, to).code()).isEqualTo(INVALID);
    assertThat(run(Program.COMPOSE, directory, spare, one).code()).isEqualTo(IS_DIRECTORY);
    assertThat(spare).doesNotExist();
    // What is there already is somebody else's.
    assertThat(run(Program.COMPOSE, to, file(spare, "other"), one).code()).isEqualTo(EXISTS);
    assertThat(spare).hasContent("other");
    assertThat(to).hasContent("1221");
  }
}
