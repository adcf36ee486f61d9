/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A mount of this process's mount namespace, from {@code /proc/self/mountinfo}.
 *
 * @param id as in {@code fdinfo} of an open file
 * @param parent the id of the mount on which it is mounted
 * @param device of its file system
 * @param root the directory of the file system that it shows
 * @param point where it is mounted
 * @param options of this mount, not of its file system
 * @param isShared whether mounts beneath it propagate to its copies
 * @param isReceiving whether mounts propagate to it from another one, but not back
 */
record MountInfo(
    int id,
    int parent,
    String device,
    String root,
    String point,
    Set<String> options,
    boolean isShared,
    boolean isReceiving) {
  private static final Path SELF = Path.of("/proc/self/mountinfo");

  /** How the kernel writes spaces, tabs, line feeds and backslashes of a path. */
  private static final Pattern ESCAPE = Pattern.compile("\\\\([0-7]{3})");

  /** Returns the mount in which an open directory lies. */
  static MountInfo of(Kernel.Descriptor directory) throws IOException {
    int id =
        mountId(Files.readString(Path.of("/proc/self/fdinfo", String.valueOf(directory.number()))));
    return all().stream()
        .filter(mount -> mount.id == id)
        .findFirst()
        .orElseThrow(
            () -> new IOException(SELF + " has no entry for the mount of " + directory.about()));
  }

  static int mountId(String fdinfo) throws IOException {
    for (String line : fdinfo.lines().toList()) {
      if (line.startsWith("mnt_id:")) {
        return Integer.parseInt(line.substring("mnt_id:".length()).strip());
      }
    }
    throw new IOException("this kernel's fdinfo has no mount id");
  }

  /** Returns all mounts of this process's mount namespace. */
  static List<MountInfo> all() throws IOException {
    return parse(Files.readString(SELF, ISO_8859_1));
  }

  /** Whether anything is mounted beneath a directory. */
  static boolean isAnyBeneath(Path directory) throws IOException {
    return all().stream().anyMatch(mount -> mount.point.startsWith(directory + "/"));
  }

  /** Whether it maps the owners of files. */
  boolean mapsIds() {
    return options.contains("idmapped");
  }

  /** Whether mounts beneath it propagate to the mount that it was copied from. */
  boolean isSharedBothWays() {
    return isShared && !isReceiving;
  }

  /**
   * Whether it shows the very directory on which it is mounted, so that without it the same files
   * are there.
   *
   * @param all the mounts of this process's mount namespace
   */
  boolean isOnItself(List<MountInfo> all) {
    return all.stream().anyMatch(below -> below.id == parent && shows(below));
  }

  /** Whether it shows what a mount below shows at the same place. */
  private boolean shows(MountInfo below) {
    String belowPoint = withoutSlash(below.point);
    return device.equals(below.device)
        && point.startsWith(belowPoint)
        && withoutSlash(root)
            .equals(withoutSlash(below.root) + withoutSlash(point).substring(belowPoint.length()));
  }

  private static String withoutSlash(String path) {
    return path.equals("/") ? "" : path;
  }

  /**
   * Parses the file.
   *
   * @param text the file as Latin-1, because paths may contain any bytes
   */
  static List<MountInfo> parse(String text) throws IOException {
    try {
      // not text.lines(): a path may contain a carriage return as it is
      return Arrays.stream(text.split("\n", -1))
          .filter(line -> !line.isEmpty())
          .map(MountInfo::parseLine)
          .toList();
    } catch (IllegalArgumentException e) {
      throw new IOException("could not read " + SELF + ": " + e.getMessage(), e);
    }
  }

  /**
   * Parses a line such as {@code 36 35 98:0 /root /point rw,noatime shared:1 master:2 - ext4
   * /dev/root rw}.
   */
  private static MountInfo parseLine(String line) {
    String[] fields = line.split(" ", -1);
    if (fields.length < 7) {
      throw new IllegalArgumentException("a line has too few fields: " + line);
    }
    boolean shared = false;
    boolean receiving = false;
    for (int i = 6; i < fields.length && !fields[i].equals("-"); i++) {
      shared |= fields[i].startsWith("shared:");
      receiving |= fields[i].startsWith("master:");
    }
    return new MountInfo(
        Integer.parseInt(fields[0]),
        Integer.parseInt(fields[1]),
        fields[2],
        path(fields[3]),
        path(fields[4]),
        Set.of(fields[5].split(",")),
        shared,
        receiving);
  }

  /** Returns a path as it is elsewhere, of the bytes that the kernel wrote. */
  private static String path(String field) {
    String bytes =
        ESCAPE.matcher(field).replaceAll(escape -> Matcher.quoteReplacement(character(escape)));
    return new String(bytes.getBytes(ISO_8859_1), UTF_8);
  }

  private static String character(MatchResult escape) {
    return Character.toString(Integer.parseInt(escape.group(1), 8));
  }

  boolean hasNoSuidNorDevices() {
    return options.contains("nosuid") && options.contains("nodev");
  }
}
