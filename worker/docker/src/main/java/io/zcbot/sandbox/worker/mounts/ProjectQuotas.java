/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.mounts.Projects.Account;
import io.zcbot.sandbox.worker.mounts.Projects.Mark;
import io.zcbot.sandbox.worker.sandbox.WorkspaceQuota;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Limits workspaces with project quotas of the file system; each workspace is a project. All state
 * is in the file system, so it is shared by all workers and survives restarts.
 *
 * <p>Only a user's directory itself is inspected and marked, because the worker never walks into a
 * workspace. The kernel gives the same mark to whatever is created in the directory later; files
 * that were there before are not counted.
 */
public final class ProjectQuotas implements WorkspaceQuota {
  private static final Logger log = LoggerFactory.getLogger(ProjectQuotas.class);

  private static final String WANTED =
      "they require XFS or ext4 mounted with prjquota, and Linux 5.14 or later"
          + " (docs/quotas.md)";

  /** Errors that mean that the file system or the kernel does not support project quotas. */
  private static final Set<Errno> NONE_THERE =
      Set.of(Errno.ENOSYS, Errno.EINVAL, Errno.ENOTTY, Errno.ESRCH, Errno.EOPNOTSUPP);

  private final Path root;
  private final WorkspaceLimit limit;
  private final ProjectIds ids;

  ProjectQuotas(Path root, WorkspaceLimit limit, ProjectIds ids) {
    this.root = root;
    this.limit = limit;
    this.ids = ids;
  }

  /**
   * Creates the quotas of a workspace root.
   *
   * @param root an existing directory, by its real path
   * @throws IOException if the file system does not support them, or this process lacks the rights
   */
  public static ProjectQuotas of(Path root, WorkspaceLimit limit) throws IOException {
    String problem = problem(root);
    if (problem != null) {
      throw new IOException(
          "could not limit workspaces to "
              + limit
              + ": "
              + problem
              + "; fix that, or unset ZCBOT_WORKSPACE_SIZE");
    }
    return new ProjectQuotas(root, limit, ProjectIds.ALL);
  }

  /** Returns why workspaces in a root can't be limited, and what is needed; null if they can. */
  public static @Nullable String problem(Path root) {
    try (Descriptor directory = Kernel.openDirectory(root)) {
      requireLimits(directory);
      // reading an account requires the right to set quotas, which reading the state does not
      Account _ = Projects.account(directory, ProjectIds.FIRST);
      return null;
    } catch (KernelException e) {
      return explained(e);
    } catch (IOException e) {
      return e.getMessage();
    } catch (LinkageError e) {
      return "this system has no quota system calls: " + e;
    }
  }

  /** Throws unless the file system enforces limits; some accept limits and only count. */
  private static void requireLimits(Descriptor directory) throws IOException {
    switch (Projects.state(directory)) {
      case LIMITED -> {}
      case COUNTED ->
          throw new IOException(
              directory.about()
                  + " is on a file system that counts projects but does not limit them: mount it"
                  + " with prjquota");
      case UNCOUNTED ->
          throw new IOException(
              directory.about() + " is on a file system without project quotas: " + WANTED);
    }
  }

  @Override
  public void limit(UserId user) throws IOException {
    List<Integer> own = ids.of(user);
    try (Descriptor top = Kernel.openDirectory(root);
        Descriptor directory = Kernel.readBeneath(top, user.toString())) {
      requireLimits(directory);
      Mark mark = Projects.mark(directory);
      if (!own.contains(mark.id())) {
        number(directory, mark, own);
        return;
      }
      if (!mark.inherits()) {
        Projects.mark(directory, mark.id());
      }
      if (!Projects.account(directory, mark.id()).limit().equals(limit)) {
        Projects.limit(directory, mark.id(), limit);
      }
    } catch (KernelException e) {
      throw refused(explained(e), e);
    } catch (IOException e) {
      throw refused(e.getMessage(), e);
    }
  }

  /**
   * Gives a directory one of its user's ids, whatever id it had before. The directory's owner, the
   * sandbox, may have changed the id, and must not be able to lock the user out. The lock keeps two
   * workers from choosing the same unused id.
   */
  private void number(Descriptor directory, Mark before, List<Integer> own) throws IOException {
    int id;
    try (RootLock _ = RootLock.take(root)) {
      Integer unused = unused(directory, own);
      id = unused == null ? own.getFirst() : unused;
      if (unused == null) {
        share(directory, id);
      } else {
        // before the mark, so that the directory is never without a limit
        Projects.limit(directory, id, limit);
        Projects.mark(directory, id);
      }
    }
    if (before.id() != 0) {
      log.warn("{} had the project id {}, now {}", directory.about(), before.id(), id);
    }
    // without the lock: a sandbox can make its directory slow to list
    if (!isEmpty(directory)) {
      log.warn(
          "{} has the project id {} from now on; existing files, and new files in existing"
              + " directories, are not counted until they get the same id"
              + " (docs/quotas.md)",
          directory.about(),
          id);
    }
  }

  /** Returns the first id that nothing has; null if there is none. */
  private static @Nullable Integer unused(Descriptor directory, List<Integer> ids)
      throws KernelException {
    for (int id : ids) {
      if (Projects.account(directory, id).isUnused()) {
        return id;
      }
    }
    return null;
  }

  /**
   * Gives a directory an id that something else has. That happens if the sandbox used up all ids of
   * its user, with those of its files.
   */
  private void share(Descriptor directory, int id) throws KernelException {
    log.warn(
        "{} gets the project id {} though other files have it, as they have all its ids: its limit"
            + " counts them as well",
        directory.about(),
        id);
    // An id whose limit is reached could not be given.
    Projects.limit(directory, id, Account.NEW.limit());
    try {
      Projects.mark(directory, id);
    } finally {
      Projects.limit(directory, id, limit);
    }
  }

  /**
   * Lists the open directory by its descriptor, not by its path, which may lead elsewhere by now.
   */
  private static boolean isEmpty(Descriptor directory) throws IOException {
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(Path.of("/proc/self/fd", String.valueOf(directory.number())))) {
      return !entries.iterator().hasNext();
    }
  }

  private IOException refused(@Nullable String why, IOException cause) {
    return new IOException("could not limit it to " + limit + ": " + why, cause);
  }

  private static @Nullable String explained(KernelException e) {
    if (e.errno().equals(Errno.EPERM)) {
      return "the worker may not set quotas: it needs CAP_SYS_ADMIN (" + e.getMessage() + ")";
    }
    if (e.errno().equals(Errno.EACCES)) {
      return "the worker may not read it: it needs CAP_DAC_READ_SEARCH (" + e.getMessage() + ")";
    }
    return NONE_THERE.contains(e.errno())
        ? "the file system has no project quotas: " + WANTED + " (" + e.getMessage() + ")"
        : e.getMessage();
  }
}
