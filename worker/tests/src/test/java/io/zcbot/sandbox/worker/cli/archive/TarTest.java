/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Archives that GNU tar writes, and archives that hostile code writes. */
class TarTest {
  private static final long MUCH = 1 << 20;
  private static final String LONG = "n".repeat(90) + "/" + "m".repeat(200);

  @TempDir private Path directory;
  @TempDir private Path contents;
  private final ByteArrayOutputStream packed = new ByteArrayOutputStream();
  private final List<TarInput.Entry> entries = new ArrayList<>();

  private Path file(String name, String content) throws IOException {
    Path file = Files.writeString(Files.createTempFile(contents, "", ""), content);
    entries.add(TarInput.file(name, file));
    return file;
  }

  private void end() throws IOException {
    try (TarInput archive = new TarInput(entries)) {
      packed.reset();
      packed.writeBytes(archive.readAllBytes());
    }
  }

  private Path unpacked() throws IOException {
    return unpacked(packed.toByteArray());
  }

  private Path unpacked(byte[] archive) throws IOException {
    Path to = Files.createTempDirectory(directory, "unpacked");
    new TarUnpacker(MUCH, 100).unpack(new ByteArrayInputStream(archive), to);
    return to;
  }

  private byte[] tar(String... arguments) throws Exception {
    List<String> command = Stream.concat(Stream.of("tar"), Arrays.stream(arguments)).toList();
    Process tar = new ProcessBuilder(command).directory(directory.toFile()).start();
    byte[] out = tar.getInputStream().readAllBytes();
    assertThat(tar.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(tar.exitValue())
        .as(new String(tar.getErrorStream().readAllBytes(), StandardCharsets.UTF_8))
        .isZero();
    return out;
  }

  private List<String> names(Path root) throws IOException {
    try (Stream<Path> all = Files.walk(root)) {
      return all.filter(path -> !path.equals(root))
          .map(path -> root.relativize(path).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void whatIsWrittenIsUnpackedByTarAndByOurselves() throws Exception {
    entries.add(TarInput.directory("."));
    entries.add(TarInput.directory("d"));
    file("d/empty", "");
    file("d/Grüße", "hello");
    file(LONG, "long");
    assertThat(file("run", "#!/bin/sh\n").toFile().setExecutable(true)).isTrue();
    end();
    Files.write(directory.resolve("a.tar"), packed.toByteArray());
    Path theirs = Files.createDirectory(directory.resolve("theirs"));

    var _ = tar("-xf", "a.tar", "-C", "theirs");
    Path ours = unpacked();

    for (Path to : List.of(theirs, ours)) {
      assertThat(names(to)).containsExactly("d", "d/Grüße", "d/empty", "n".repeat(90), LONG, "run");
      assertThat(to.resolve("d/Grüße")).hasContent("hello");
      assertThat(to.resolve(LONG)).hasContent("long");
      assertThat(Files.isExecutable(to.resolve("run"))).isTrue();
      assertThat(Files.isExecutable(to.resolve("d/empty"))).isFalse();
    }
  }

  @Test
  void whatTarPacksIsUnpackedWithoutItsLinksAndPipes() throws Exception {
    Path source = Files.createDirectory(directory.resolve("source"));
    Files.createDirectories(source.resolve(LONG).getParent());
    Files.writeString(source.resolve(LONG), "long");
    Files.writeString(source.resolve("big"), "x".repeat(100_000));
    Files.createLink(source.resolve("hard"), source.resolve("big"));
    Files.createSymbolicLink(source.resolve("link"), Path.of("/etc/passwd"));
    Files.createSymbolicLink(source.resolve("longlink"), Path.of("/" + "x/".repeat(100)));
    assertThat(new ProcessBuilder("mkfifo", source.resolve("pipe").toString()).start().waitFor())
        .isZero();

    byte[] archive = tar("--format=gnu", "--sort=name", "-C", "source", "-cf", "-", ".");
    Path to = Files.createDirectory(directory.resolve("to"));
    TarUnpacker unpacker = new TarUnpacker(MUCH, 100);
    unpacker.unpack(new ByteArrayInputStream(archive), to);

    assertThat(names(to)).containsExactly("big", "n".repeat(90), LONG);
    assertThat(unpacker.skipped()).isEqualTo(4);
    assertThat(to.resolve("big")).hasSize(100_000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/etc/x", "../x", "a/../../x", "a/..", "..", "./../x"})
  void noNameLeadsOut(String name) throws Exception {
    file(name, "evil");
    end();
    assertThatThrownBy(this::unpacked).isInstanceOf(IOException.class);
    assertThat(directory.resolve("x")).doesNotExist();
  }

  @Test
  void aLinkIsNoWayOut() throws Exception {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    file("link/x", "evil");
    end();
    byte[] archive = packed.toByteArray();
    byte[] link = Arrays.copyOf(archive, TarFormat.BLOCK);
    Arrays.fill(link, TarFormat.NAME, TarFormat.NAME_LENGTH, (byte) 0);
    System.arraycopy("link".getBytes(StandardCharsets.UTF_8), 0, link, 0, 4);
    link[TarFormat.TYPE] = '2';
    byte[] target = outside.toString().getBytes(StandardCharsets.UTF_8);
    System.arraycopy(target, 0, link, TarFormat.TYPE + 1, Math.min(100, target.length));
    Arrays.fill(link, TarFormat.SIZE, TarFormat.SIZE + 11, (byte) '0');
    sum(link);
    ByteArrayOutputStream both = new ByteArrayOutputStream();
    both.writeBytes(link);
    both.writeBytes(archive);

    Path to = unpacked(both.toByteArray());

    assertThat(outside).isEmptyDirectory();
    assertThat(Files.isSymbolicLink(to.resolve("link"))).isFalse();
    assertThat(to.resolve("link/x")).hasContent("evil");
  }

  private static void sum(byte[] header) {
    byte[] sum =
        String.format("%06o\0 ", TarFormat.checksum(header)).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(sum, 0, header, TarFormat.CHECKSUM, sum.length);
  }

  @Test
  void noEntryReplacesAnotherOne() throws Exception {
    file("a", "first");
    file("a", "second");
    end();
    assertThatThrownBy(this::unpacked).isInstanceOf(IOException.class);
  }

  @Test
  void aFileThatIsAlsoADirectoryIsRefused() throws Exception {
    file("a", "file");
    file("a/b", "in it");
    end();
    assertThatThrownBy(this::unpacked).isInstanceOf(IOException.class);
  }

  @Test
  void limitsHold() throws Exception {
    file("a", "x".repeat(1000));
    file("b", "x".repeat(1000));
    end();
    byte[] archive = packed.toByteArray();
    assertThatThrownBy(
            () ->
                new TarUnpacker(1999, 100)
                    .unpack(
                        new ByteArrayInputStream(archive),
                        Files.createTempDirectory(directory, "t")))
        .hasMessageContaining("more than 1999 bytes");
    assertThatThrownBy(
            () ->
                new TarUnpacker(MUCH, 1)
                    .unpack(
                        new ByteArrayInputStream(archive),
                        Files.createTempDirectory(directory, "t")))
        .hasMessageContaining("more than 1 entries");
  }

  /** A few names are enough for millions of directories. */
  @ParameterizedTest
  @ValueSource(ints = {12, 90, 1900})
  void directoriesOnTheWayCount(int depth) throws Exception {
    entries.add(TarInput.directory("a/".repeat(depth)));
    end();
    byte[] archive = packed.toByteArray();
    Path to = Files.createTempDirectory(directory, "t");
    assertThatThrownBy(
            () -> new TarUnpacker(MUCH, 10).unpack(new ByteArrayInputStream(archive), to))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("more than");
    assertThat(names(to)).hasSizeLessThanOrEqualTo(10);
  }

  @Test
  void namesMayBeDeepButNotEndless() throws Exception {
    file("d/".repeat(99) + "f", "deep");
    end();
    assertThat(unpacked().resolve("d/".repeat(99) + "f")).hasContent("deep");
    entries.clear();
    file("d/".repeat(100) + "f", "too deep");
    end();
    assertThatThrownBy(this::unpacked).hasMessageContaining("more than 100 names deep");
  }

  /** Those that have entries of their own count once. */
  @Test
  void asManyEntriesAsAreAllowedAreUnpacked() throws Exception {
    entries.add(TarInput.directory("d"));
    entries.add(TarInput.directory("d/e"));
    file("d/e/f", "x");
    end();
    Path to = Files.createTempDirectory(directory, "t");
    new TarUnpacker(MUCH, 3).unpack(new ByteArrayInputStream(packed.toByteArray()), to);
    assertThat(names(to)).containsExactly("d", "d/e", "d/e/f");
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "g", "S", "V", "7"})
  void unknownTypesAreRefused(String type) throws Exception {
    file("a", "");
    end();
    byte[] header = packed.toByteArray();
    header[TarFormat.TYPE] = (byte) type.charAt(0);
    sum(header);
    assertThatThrownBy(() -> unpacked(header)).hasMessageContaining("unknown type");
  }

  @Test
  void namesThatTakeMuchMemoryAreRefusedBeforeTheyAreRead() throws Exception {
    file(LONG, "");
    end();
    byte[] header = Arrays.copyOf(packed.toByteArray(), TarFormat.BLOCK);
    System.arraycopy(
        "77777777777\0".getBytes(StandardCharsets.US_ASCII), 0, header, TarFormat.SIZE, 12);
    sum(header);
    assertThatThrownBy(() -> unpacked(header)).hasMessageContaining("a name of 8589934591 bytes");
  }

  @Test
  void damageEndsInARefusalOrInFilesWhereTheyBelong() throws Exception {
    entries.add(TarInput.directory("d"));
    file(LONG, "x".repeat(700));
    end();
    byte[] archive = packed.toByteArray();
    Random random = new Random(3);
    int rounds = InFullRuns.THIS_ONE ? 3000 : 600;
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      byte[] damaged = Arrays.copyOf(archive, 1 + random.nextInt(archive.length));
      for (int i = random.nextInt(4); i > 0; i--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      Path to = Files.createTempDirectory(directory, "to-");
      try {
        new TarUnpacker(MUCH, 100).unpack(new ByteArrayInputStream(damaged), to);
      } catch (IOException _) {
        refused++;
      }
    }
    try (Stream<Path> all = Files.list(directory)) {
      assertThat(all).allMatch(path -> path.getFileName().toString().startsWith("to-"));
    }
    assertThat(refused).as("of those that lack their end, nearly all").isGreaterThan(rounds / 2);
  }

  @Test
  void aFileThatShrinksWhileItIsPackedIsReported() throws Exception {
    Path file = file("a", "x".repeat(10));
    try (TarInput archive = new TarInput(entries)) {
      assertThat(archive.readNBytes(TarFormat.BLOCK + 1)).hasSize(TarFormat.BLOCK + 1);
      Files.writeString(file, "x");
      assertThatThrownBy(archive::readAllBytes).hasMessage("a became shorter while it was read");
    }
  }
}
