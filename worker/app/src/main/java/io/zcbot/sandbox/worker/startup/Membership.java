/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ensures that only one process uses a worker id: on a host by a file lock, which ends with the
 * process; across hosts by the members of the consumer group. The calls block.
 */
public final class Membership implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(Membership.class);
  private static final Duration CALL = Duration.ofSeconds(10);

  private final WorkerConfig config;
  private final KafkaClients kafka;
  private final FileChannel file;
  private final FileLock lock;

  private Membership(WorkerConfig config, KafkaClients kafka, FileChannel file, FileLock lock) {
    this.config = config;
    this.kafka = kafka;
    this.file = file;
    this.lock = lock;
  }

  /**
   * Takes the worker's id on this host.
   *
   * @throws IOException if another process has it, or the lock can't be opened; the message is for
   *     an operator
   */
  public static Membership take(WorkerConfig config, KafkaClients kafka) throws IOException {
    Path path = WorkerLock.path(config.workspaces().root, config.workerId());
    FileChannel file = open(path);
    FileLock lock = tryLock(file);
    if (lock == null) {
      file.close();
      throw new IOException(
          "could not start worker "
              + config.workerId()
              + ": a worker with this id already runs on this host (it locks "
              + path
              + "); stop that worker, or give this one another id with ZCBOT_WORKER_ID");
    }
    return new Membership(config, kafka, file, lock);
  }

  private static FileChannel open(Path lock) throws IOException {
    try {
      Files.createDirectories(lock.getParent());
      return FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (FileSystemException e) {
      throw Workspaces.unusable("open the lock " + lock, e);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel file) throws IOException {
    try {
      return file.tryLock();
    } catch (OverlappingFileLockException _) {
      return null; // held in this very process
    }
  }

  /**
   * Checks that no worker with this id on another host is a member of the group. Waits while the
   * group does not answer.
   *
   * @throws IOException if there is one, or the group refuses to tell; the message is for an
   *     operator
   */
  public void refuseIfElsewhere(StartRetry retry)
      throws IOException, TopicsException, InterruptedException {
    Optional<MemberDescription> other =
        retry
            .untilItWorks(
                "list the members of the group", this::member, NoAnswerException.class::isInstance)
            .filter(member -> !member.clientId().equals(kafka.groupClientId()));
    if (other.isPresent()) {
      throw new IOException(
          "could not start worker "
              + config.workerId()
              + ": group "
              + config.kafka().groupId()
              + " has a member with this id on another host ("
              + other.get().clientId()
              + " at "
              + other.get().host()
              + "); stop that worker, or give this one another id with ZCBOT_WORKER_ID. If that"
              + " host no longer exists, its membership ends with its session, within a minute");
    }
  }

  /**
   * Removes the previous run of this worker from the group. That run is dead, because this process
   * has the lock. A failure is logged.
   */
  public void removePredecessor() {
    try (Admin admin = kafka.admin()) {
      Optional<MemberDescription> member = member();
      if (member.isPresent() && member.get().clientId().equals(kafka.groupClientId())) {
        admin
            .removeMembersFromConsumerGroup(
                config.kafka().groupId(),
                new RemoveMembersFromConsumerGroupOptions(
                    List.of(new MemberToRemove(config.workerId()))))
            .all()
            .get(CALL.toSeconds(), TimeUnit.SECONDS);
        log.info("removed the previous run of this worker from the group");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (IOException | ExecutionException | TimeoutException e) {
      log.warn(
          "could not remove the previous run of this worker from the group, will be tried"
              + " again: {}",
          e.toString());
    }
  }

  private Optional<MemberDescription> member() throws IOException, InterruptedException {
    try (Admin admin = kafka.admin()) {
      return member(admin, config.kafka().groupId(), config.workerId(), CALL);
    } catch (ExecutionException e) {
      throw failure(e);
    } catch (TimeoutException e) {
      throw new NoAnswerException("no answer in time", e);
    }
  }

  /** Returns the member of a group that has a worker's id, on whichever host. */
  public static Optional<MemberDescription> member(
      Admin admin, String group, String workerId, Duration limit)
      throws ExecutionException, TimeoutException, InterruptedException {
    try {
      return admin
          .describeConsumerGroups(
              List.of(group), new DescribeConsumerGroupsOptions().timeoutMs((int) limit.toMillis()))
          .all()
          .get(limit.toMillis(), TimeUnit.MILLISECONDS)
          .values()
          .stream()
          .flatMap(members -> members.members().stream())
          .filter(member -> member.groupInstanceId().equals(Optional.of(workerId)))
          .findFirst();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof GroupIdNotFoundException) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** What a failure to list the members means: a wait, or the end of the start. */
  static IOException failure(ExecutionException e) {
    return e.getCause() instanceof RetriableException passing
        ? new NoAnswerException("no answer: " + passing.getMessage(), e)
        : new IOException(
            "could not list the members of the group: "
                + Denials.reason(AclOperation.DESCRIBE, e, e.toString()),
            e);
  }

  /** The group does not answer for now, for example because its coordinator moves. */
  static final class NoAnswerException extends IOException {
    private static final long serialVersionUID = 1L;

    NoAnswerException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  @Override
  public void close() throws IOException {
    lock.release();
    file.close();
  }
}
