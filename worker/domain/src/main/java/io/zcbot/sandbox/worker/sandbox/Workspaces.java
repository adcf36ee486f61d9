/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.base.FileCalls;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The users' directories under one root. They are created, never deleted, and never reached through
 * a symbolic link (I9). Only the worker may be able to write to the root, because a rename by
 * others could invalidate a check. Immutable; the calls block for the file system.
 */
public final class Workspaces {
  private static final Logger log = LoggerFactory.getLogger(Workspaces.class);

  /**
   * The number of the user and group that own workspaces, and as which commands run unless their
   * sandbox has its own.
   */
  public static final int SANDBOX_ID = 1000;

  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");

  private final Path root;
  private final Owner owner;
  private final WorkspaceQuota quota;
  private final WorkspaceViews views;
  private final DiskSpace.Measure measure;
  private final FileCalls files;

  private Workspaces(
      Path root,
      Owner owner,
      WorkspaceQuota quota,
      WorkspaceViews views,
      DiskSpace.Measure measure,
      FileCalls files) {
    this.root = root;
    this.measure = measure;
    this.owner = owner;
    this.quota = quota;
    this.views = views;
    this.files = files;
  }

  /** A user and group, by their numbers on the host. */
  public record Owner(int uid, int gid) {
    /** The sandbox user, if the engine does not remap users. */
    public static final Owner UNMAPPED = new Owner(SANDBOX_ID, SANDBOX_ID);

    /** The owner for another sandbox user, mapped to the host like this one. */
    public Owner as(int sandboxId) {
      return new Owner(uid - SANDBOX_ID + sandboxId, gid - SANDBOX_ID + sandboxId);
    }
  }

  /**
   * Opens the root, and creates it if it is missing.
   *
   * @throws IOException if it can't be created, or others can write to it
   */
  public static Workspaces open(Path root) throws IOException {
    Path real;
    try {
      Files.createDirectories(root);
      real = root.toRealPath();
    } catch (FileSystemException e) {
      throw unusable("open the workspace root " + root, e);
    }
    Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(real);
    if (permissions.contains(PosixFilePermission.GROUP_WRITE)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new IOException(
          "the workspace root "
              + real
              + " is writable by other users ("
              + PosixFilePermissions.toString(permissions)
              + "), who could replace workspaces with links; run: chmod go-w "
              + real);
    }
    return new Workspaces(
        real,
        Owner.UNMAPPED,
        WorkspaceQuota.NONE,
        WorkspaceViews.NONE,
        DiskSpace.Measure.NONE,
        FileCalls.DIRECT);
  }

  /** Returns workspaces with another owner on the host, because the engine remaps users. */
  public Workspaces ownedBy(Owner mapped) {
    return new Workspaces(root, mapped, quota, views, measure, files);
  }

  /** Returns workspaces with a limit on their size. */
  public Workspaces limitedBy(WorkspaceQuota limiting) {
    return new Workspaces(root, owner, limiting, views, measure, files);
  }

  /** Returns workspaces for sandboxes with users of their own. */
  public Workspaces shownBy(WorkspaceViews showing) {
    return new Workspaces(root, owner, quota, showing, measure, files);
  }

  /** Returns workspaces whose file system is called in another way. */
  public Workspaces calledBy(FileCalls calling) {
    return new Workspaces(root, owner, quota, views, measure, calling);
  }

  /** Returns workspaces that are made only where there is room for them. */
  public Workspaces measuredBy(DiskSpace.Measure measuring) {
    return new Workspaces(root, owner, quota, views, measuring, files);
  }

  /** The path of the user's directory, which may not exist. */
  public Path of(UserId user) {
    return root.resolve(user.toString());
  }

  /** The real path of the root. */
  public Path root() {
    return root;
  }

  /**
   * The space of the root's file system.
   *
   * @throws IOException if it does not answer
   */
  public DiskSpace space() throws IOException {
    return files.at(root, () -> measure.of(root));
  }

  /**
   * Creates or corrects the user's directory: private, owned by the sandbox user, and limited if
   * that is configured.
   *
   * @return its path
   * @throws DiskSpace.NoSpaceException if there is none and no room for it
   * @throws IOException if it is anything but a directory, or can't be corrected; the message is
   *     for an operator
   */
  public Path prepare(UserId user) throws IOException {
    return files.at(of(user), () -> prepareNow(user));
  }

  private Path prepareNow(UserId user) throws IOException {
    views.endLeft(user); // through it, the directory has another owner, who can't be changed
    Path directory = of(user);
    Map<String, Object> found;
    try {
      found = look(directory); // first, because most exist
    } catch (NoSuchFileException _) {
      String problem = measure.of(root).problem(root);
      if (problem != null) {
        throw new DiskSpace.NoSpaceException(problem + "; " + DiskSpace.ADVICE);
      }
      make(directory);
      found = look(directory);
    }
    if (Boolean.TRUE.equals(found.get("isSymbolicLink"))) {
      throw new IOException(directory + " is a symbolic link; remove it");
    }
    if (!Boolean.TRUE.equals(found.get("isDirectory"))) {
      throw new IOException(directory + " is not a directory; remove it");
    }
    if (!Integer.valueOf(owner.uid).equals(found.get("uid"))
        || !Integer.valueOf(owner.gid).equals(found.get("gid"))) {
      try {
        Files.setAttribute(directory, "unix:uid", owner.uid, NOFOLLOW_LINKS);
        Files.setAttribute(directory, "unix:gid", owner.gid, NOFOLLOW_LINKS);
      } catch (FileSystemException e) {
        throw refused("give " + directory + " to user " + owner.uid, "CAP_CHOWN", e);
      }
    }
    if (!PRIVATE.equals(found.get("permissions"))) {
      try {
        // By the path, which is not a link. With NOFOLLOW_LINKS, Java would open the directory, for
        // which root needs another capability if its user denied access to others.
        Files.setPosixFilePermissions(directory, PRIVATE);
      } catch (FileSystemException e) {
        throw refused("close " + directory + " to others", "CAP_FOWNER", e);
      }
    }
    quota.limit(user);
    return directory;
  }

  /**
   * Shows a prepared workspace to a container that starts before the view is closed.
   *
   * @param uid the number of the user that the container's processes run as
   * @throws IOException if it can't be shown to that user; the message is for an operator
   */
  public WorkspaceViews.View show(UserId user, int uid) throws IOException {
    if (uid == SANDBOX_ID) {
      return () -> {};
    }
    Path directory = of(user);
    WorkspaceViews.View view = files.at(directory, () -> views.show(user, uid));
    return () -> close(directory, view);
  }

  private void close(Path directory, WorkspaceViews.View view) {
    try {
      files.run(directory, view::close);
    } catch (IOException e) {
      log.warn("{} may stay mounted until it is prepared again: {}", directory, e.getMessage());
    }
  }

  private static Map<String, Object> look(Path directory) throws IOException {
    return Files.readAttributes(
        directory, "unix:uid,gid,permissions,isDirectory,isSymbolicLink", NOFOLLOW_LINKS);
  }

  private static void make(Path directory) throws IOException {
    try {
      Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(PRIVATE));
    } catch (FileAlreadyExistsException _) {
      // The caller checks it like one that was just created.
    }
  }

  /** The failure for an operator when the worker can't create what it needs in the root. */
  public static IOException unusable(String what, FileSystemException e) {
    return new IOException(
        "could not "
            + what
            + ": "
            + reason(e)
            + (e instanceof AccessDeniedException
                ? "; run the worker as root, or, as user "
                    + SANDBOX_ID
                    + ", set ZCBOT_WORKSPACE_ROOT to a directory that this user may write to"
                : ""),
        e);
  }

  private static String reason(FileSystemException e) {
    return switch (e) {
      case AccessDeniedException _ -> "permission denied";
      case FileAlreadyExistsException _ -> e.getFile() + " is not a directory";
      default -> e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
    };
  }

  private static IOException refused(String what, String takes, FileSystemException e) {
    return new IOException(
        "could not "
            + what
            + ": "
            + reason(e)
            + "; run the worker as root with "
            + takes
            + " (in a container: cap_add), and use a file system that permits it",
        e);
  }
}
