/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;

/**
 * What the files of an image say about its use as a sandbox. The lists have the first {@value
 * #SHOWN} of them.
 *
 * @param executables the paths that were asked for and that can be executed by everybody
 * @param privileged files that are setuid or setgid, or have capabilities
 * @param unreadable programs and libraries that not everybody may read
 * @param hidden files in {@code /workspace} and {@code /tmp}, over which sandboxes have mounts
 */
public record ImageFiles(
    Set<String> executables, Found privileged, Found unreadable, Found hidden) {
  /** How many paths are kept of each kind. */
  static final int SHOWN = 10;

  private static final int MOST_FILES = 1_000_000;
  private static final int MOST_LINKS_FOLLOWED = 40;
  private static final int SETUID_OR_SETGID = 06000;
  private static final String CAPABILITIES = "SCHILY.xattr.security.capability";

  /** Where programs and what they load is; other directories have secrets of the system. */
  private static final Pattern PROGRAMS = Pattern.compile("/(usr|opt|bin|sbin|lib[0-9a-z]*)/.*");

  /** The runner that is unreadable on purpose, here and where the volume is filled from. */
  private static final String UNREADABLE = "/zcbot-runner-exec";

  public ImageFiles {
    executables = Set.copyOf(executables);
  }

  /**
   * Files of one kind.
   *
   * @param count how many there are
   * @param first the paths of some
   */
  public record Found(int count, List<String> first) {
    public Found {
      first = List.copyOf(first);
    }
  }

  /**
   * Reads the archive that the engine makes of a container's files, to its end.
   *
   * @param wanted absolute paths of programs to look for
   * @throws IOException if it can't be read, or has too many files
   */
  static ImageFiles read(InputStream archive, Set<String> wanted) throws IOException {
    Reading reading = new Reading();
    try (TarArchiveInputStream tar = new TarArchiveInputStream(archive)) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        reading.add(entry);
      }
    }
    Set<String> executables = new HashSet<>();
    for (String path : wanted) {
      String file = reading.resolved(path);
      if (file != null && reading.executables.contains(file)) {
        executables.add(path);
      }
    }
    return new ImageFiles(
        executables,
        reading.privileged.found(),
        reading.unreadable.found(),
        reading.hidden.found());
  }

  /** Counts files and keeps some. */
  private static final class Some {
    private final List<String> first = new ArrayList<>();
    private int count;

    void add(String path) {
      count++;
      if (first.size() < SHOWN) {
        first.add(path);
      }
    }

    Found found() {
      return new Found(count, first);
    }
  }

  private static final class Reading {
    private final Map<String, String> links = new HashMap<>();
    private final Set<String> executables = new HashSet<>();
    private final Some privileged = new Some();
    private final Some unreadable = new Some();
    private final Some hidden = new Some();
    private int files;

    void add(TarArchiveEntry entry) throws IOException {
      files++;
      if (files > MOST_FILES) {
        throw new IOException("the image has more than " + MOST_FILES + " files");
      }
      String path = absolute(entry.getName());
      if (entry.isSymbolicLink()) {
        links.put(path, entry.getLinkName());
        return;
      }
      if (path.startsWith("/workspace/") || (path.startsWith("/tmp/") && !entry.isDirectory())) {
        hidden.add(path);
      }
      if (!entry.isFile() && !entry.isLink()) {
        return;
      }
      int mode = entry.getMode();
      if ((mode & 01) != 0) {
        executables.add(path);
      }
      if ((mode & SETUID_OR_SETGID) != 0 || entry.getExtraPaxHeader(CAPABILITIES) != null) {
        privileged.add(path);
      }
      if ((mode & 04) == 0 && PROGRAMS.matcher(path).matches() && !path.endsWith(UNREADABLE)) {
        unreadable.add(path);
      }
    }

    private static String absolute(String name) {
      String path = name.startsWith("./") ? name.substring(1) : name;
      path = path.startsWith("/") ? path : "/" + path;
      return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    }

    /** Follows symbolic links, also in the directories of a path; null if they lead in circles. */
    @Nullable String resolved(String path) {
      List<String> rest = new ArrayList<>(parts(path));
      List<String> done = new ArrayList<>();
      int followed = 0;
      while (!rest.isEmpty()) {
        String part = rest.removeFirst();
        if (part.equals("..")) {
          if (!done.isEmpty()) {
            done.removeLast();
          }
          continue;
        }
        done.add(part);
        String target = links.get("/" + String.join("/", done));
        if (target != null) {
          followed++;
          if (followed > MOST_LINKS_FOLLOWED) {
            return null;
          }
          done.removeLast();
          if (target.startsWith("/")) {
            done.clear();
          }
          rest.addAll(0, parts(target));
        }
      }
      return "/" + String.join("/", done);
    }

    private static List<String> parts(String path) {
      List<String> parts = new ArrayList<>(List.of(path.split("/", -1)));
      parts.removeIf(part -> part.isEmpty() || part.equals("."));
      return parts;
    }
  }
}
